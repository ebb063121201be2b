"""The repository that a folder is a checkout of, as objects: what `automate` writes to where no automation is given.

Git itself is asked where it would push. What logs in there has to be given: in the remote's URL, or as a Secret.
"""

import base64
import re
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS, SECRETS
from api.resource import Resource
from cli.objects import BadInput, Manifest, Manifests
from controllers.net.library_errors import describe
from controllers.runtime.key import Key

NAME: Final = "tagline-automate"
"""Of the objects that are made."""
INTERVAL: Final = "10m"
_SCP_FORM: Final = re.compile(r"(?P<user>[^@/:]+@)?(?P<host>[^/:@]+):(?P<path>(?!//).+)")


@dataclass(frozen=True, slots=True)
class PushedRepository:
    """A checkout, and where its commits go."""

    folder: Path
    """What distinguishes it from others; for messages."""
    url: str
    """Without user-info."""
    branch: str
    login: Mapping[str, str]
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
    folder = path if path.is_dir() else path.parent
    top = _ask(folder, "rev-parse", "--show-toplevel") if source != "-" and folder.is_dir() else None
    if not top:
        return None
    branch = _ask(folder, "symbolic-ref", "--short", "-q", "HEAD")
    if not branch:
        raise BadInput(f"{top}: no branch is checked out; check one out, or give an ImageUpdateAutomation")
    remote = _ask(folder, "config", "--get", f"branch.{branch}.remote") or "origin"
    url = _ask(folder, "remote", "get-url", "--push", remote)
    if not url:
        raise BadInput(f"{top}: there is no remote {remote} to push to; add one, or give an ImageUpdateAutomation")
    if _ask(folder, "status", "--porcelain", "--untracked-files=no"):
        raise BadInput(
            f"{top}: there are uncommitted changes, which the remote does not have; commit and push them first, or "
            "give an ImageUpdateAutomation"
        )
    address, login = split_login(_normalize(url, top))
    author = {"email": _ask(folder, "config", "user.email") or "tagline@localhost"}
    if name := _ask(folder, "config", "user.name"):
        author["name"] = name
    return PushedRepository(Path(top), address, branch, login, author)


def _ask(folder: Path, *arguments: str) -> str | None:
    """Return what Git answers about a folder; None when it cannot. Raises BadInput where there is no Git."""
    try:
        done = subprocess.run(  # noqa: S603 - Git on the user's own folder
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise BadInput(f"cannot ask git about {folder}: {describe(error)}; give an ImageUpdateAutomation") from None
    return done.stdout.strip() if done.returncode == 0 else None


def _normalize(url: str, top: str) -> str:
    """Return a URL in the form of a GitRepository. Raises BadInput for a remote that is reached in another way."""
    if re.match(r"(?:https?|ssh)://", url):
        return url
    if "://" not in url and (scp := _SCP_FORM.fullmatch(url)):
        return f"ssh://{scp['user'] or 'git@'}{scp['host']}/{scp['path'].lstrip('/')}"
    raise BadInput(f"{top}: its remote is {url}; commits are pushed over HTTP, HTTPS or SSH only")


def split_login(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without the password in it, and that."""
    parts = urlsplit(url)
    if parts.scheme == "ssh" or parts.username is None:
        return url, {}
    login = {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), login


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
