"""The repository that a folder is a checkout of, as objects: what `automate` writes to where no automation is given.

Git itself is asked where it would push. What logs in there has to be given: in the remote's URL, or as a Secret.
"""

import base64
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS, SECRETS
from api.resource import Resource
from cli.objects import BadInput, Manifest, Manifests
from controllers.net.url import show_remote
from controllers.runtime.key import Key
from controllers.worktree.errors import WorkTreeError
from controllers.worktree.paths import ask_git, open_worktree

NAME: Final = "tagline-automate"
"""Of the objects that are made."""
INTERVAL: Final = "10m"
_URL: Final = re.compile(r"(?:https?|ssh)://", re.IGNORECASE)
_SCP_FORM: Final = re.compile(r"(?P<user>[^@/:]+@)?(?P<host>[^/:@]+):(?P<path>(?!//).+)")


@dataclass(frozen=True, slots=True)
class PushedRepository:
    """A checkout, and where its commits go."""

    folder: Path
    """What distinguishes it from others; for messages."""
    url: str
    """Without user-info."""
    branch: str
    login: Mapping[str, str] = field(repr=False)
    """Values of a Secret: those in the URL; empty for none."""
    author: Mapping[str, str]


def needs_automation(manifests: Manifests) -> bool:
    """Return whether there are policies and no automation."""
    return bool(manifests.of(IMAGE_POLICIES.kind)) and not manifests.of(IMAGE_UPDATE_AUTOMATIONS.kind)


def with_automation(
    manifests: Manifests, found: Iterable[PushedRepository | None], secrets: Collection[Key]
) -> Manifests:
    """Return the manifests with an automation for each namespace that has policies.

    found: the checkouts that the manifests are from. secrets: those that will be there besides those of the manifests;
    the one called NAME logs in to the repository. Raises BadInput when it is not clear which one is meant.
    """
    checkouts = {checkout.folder: checkout for checkout in found if checkout}
    if not checkouts:
        notice = "there is no ImageUpdateAutomation, and no Git checkout to make one for: nothing is committed"
        return replace(manifests, notices=(*manifests.notices, notice))
    if len(checkouts) > 1:
        raise BadInput("there is no ImageUpdateAutomation, and the manifests are from several repositories: give one")
    (checkout,) = checkouts.values()
    known = {manifest.key for manifest in manifests.of(SECRETS.kind)} | set(secrets)
    made = [
        manifest
        for namespace in sorted({policy.key.namespace for policy in manifests.of(IMAGE_POLICIES.kind)})
        for manifest in _objects(checkout, namespace, has_secret=Key(namespace, NAME) in known)
    ]
    given = {(manifest.resource.kind, manifest.key) for manifest in manifests.manifests}
    made = [manifest for manifest in made if (manifest.resource.kind, manifest.key) not in given]
    return replace(manifests, manifests=(*manifests.manifests, *made))


def find_checkout(source: str) -> PushedRepository | None:
    """Return the checkout that a folder or file is in; None outside of any. Raises BadInput for an unclear one."""
    path = Path(source)
    folder = path if os.path.isdir(path) else path.parent
    if source == "-" or not os.path.isdir(folder):
        return None
    try:
        tree = open_worktree(folder)
        return _describe(tree.root) if tree.is_repository else None
    except WorkTreeError as error:
        raise BadInput(f"{error}; or give an ImageUpdateAutomation") from None


def _describe(top: Path) -> PushedRepository:
    """Return where a checkout is pushed to, and as whom. Raises BadInput, WorkTreeError."""
    branch = _ask(top, "symbolic-ref", "--short", "-q", "HEAD")
    if not branch:
        raise BadInput(f"{top}: no branch is checked out; check one out, or give an ImageUpdateAutomation")
    remote = _push_remote(top, branch)
    if remote not in _ask(top, "remote").splitlines():
        shown = show_remote(remote)
        raise BadInput(f"{top}: there is no remote {shown} to push to; add one, or give an ImageUpdateAutomation")
    url = _ask(top, "remote", "get-url", "--push", remote)
    if ask_git(top, "status", "--porcelain", "--untracked-files=no"):
        raise BadInput(
            f"{top}: there are uncommitted changes, which the remote does not have; commit and push them first, or "
            "give an ImageUpdateAutomation"
        )
    address, login = split_login(_normalize(url, top))
    author = {"email": _ask(top, "config", "--get", "user.email") or "tagline@localhost"}
    if name := _ask(top, "config", "--get", "user.name"):
        author["name"] = name
    return PushedRepository(top, address, branch, login, author)


def _push_remote(top: Path, branch: str) -> str:
    """Return the remote that `git push` would take, by https://git-scm.com/docs/git-push#_description.

    Raises BadInput, WorkTreeError.
    """
    keys = (f"branch.{branch}.pushRemote", "remote.pushDefault", f"branch.{branch}.remote")
    return next(filter(None, (_ask(top, "config", "--get", key) for key in keys)), "origin")


def _ask(top: Path, *arguments: str) -> str:
    """Return the text that Git answers about a checkout; empty where there is none. Raises BadInput, WorkTreeError."""
    answer = ask_git(top, *arguments, may_fail=True)
    try:
        return answer.decode().rstrip("\n")
    except UnicodeDecodeError:
        raise BadInput(
            f"{top}: git {' '.join(arguments)}: the answer is not UTF-8; change it, or give an ImageUpdateAutomation"
        ) from None


def _normalize(url: str, top: Path) -> str:
    """Return a URL in the form of a GitRepository. Raises BadInput for a remote that is reached in another way."""
    if is_repository_url(url):
        return url
    if "://" not in url and (scp := _SCP_FORM.fullmatch(url)):
        return f"ssh://{scp['user'] or 'git@'}{scp['host']}/{scp['path'].lstrip('/')}"
    raise BadInput(f"{top}: its remote is {show_remote(url)}; commits are pushed over HTTP, HTTPS or SSH only")


def is_repository_url(text: str) -> bool:
    """Return whether a text is the URL of a repository that tagline can read and push to."""
    return _URL.match(text) is not None


def split_login(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without the login in it, and that; of an SSH URL the user stays, and a password is left out.

    The scheme is written as the API wants it. Raises BadInput for what is no URL.
    """
    try:
        parts = urlsplit(url)
        user, password = parts.username, parts.password
        parts.port  # noqa: B018 - it is judged here
    except ValueError:  # whose text may quote the login
        raise BadInput(f"{_cut(url)} is no URL: its host or port cannot be read") from None
    userinfo, at, host = parts.netloc.rpartition("@")
    if parts.scheme == "ssh":  # which logs in with keys alone
        return urlunsplit(parts._replace(netloc=userinfo.partition(":")[0] + at + host)), {}
    address = urlunsplit(parts._replace(netloc=host))
    return address, {"username": unquote(user), "password": unquote(password or "")} if user is not None else {}


def _cut(url: str) -> str:
    """Return the beginning of a text that is no URL, without what may be a password."""
    scheme, separator, rest = show_remote(url).partition("://")
    host, colon, _ = rest.partition(":")
    return f"{scheme}{separator}{host}{colon}{'…' * len(colon)}"


def _objects(checkout: PushedRepository, namespace: str, *, has_secret: bool) -> list[Manifest]:
    spec: dict[str, Any] = {"url": checkout.url, "interval": INTERVAL, "ref": {"branch": checkout.branch}}
    objects = []
    if checkout.login or has_secret:
        spec["secretRef"] = {"name": NAME}
    if checkout.login and not has_secret:
        data = {name: base64.b64encode(text.encode()).decode() for name, text in checkout.login.items()}
        objects.append(_manifest(SECRETS, namespace, checkout, {"data": data}))
    git = {"commit": {"author": dict(checkout.author)}}
    automation = {"interval": INTERVAL, "sourceRef": {"kind": GIT_REPOSITORIES.kind, "name": NAME}, "git": git}
    return [
        *objects,
        _manifest(GIT_REPOSITORIES, namespace, checkout, {"spec": spec}),
        _manifest(IMAGE_UPDATE_AUTOMATIONS, namespace, checkout, {"spec": automation}),
    ]


def _manifest(resource: Resource, namespace: str, checkout: PushedRepository, parts: Mapping[str, Any]) -> Manifest:
    meta = {"name": NAME, "namespace": namespace}
    body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, **parts}
    return Manifest(f"{checkout.folder} (its checkout)", resource, Key(namespace, NAME), body)
