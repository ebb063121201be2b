"""Logins that Git's credential helpers have for repositories which name none, asked for without a terminal or a window.

Git is told as it tells itself whether a login was good: `git credential fill`, then `approve` or `reject`.
https://git-scm.com/docs/git-credential#_typical_use_of_git_credential
"""

import asyncio
import base64
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from api.names import GIT_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS, SECRETS
from cli.helper_programs import NoAnswer, run_helper
from cli.objects import Manifest, Manifests
from cli.pushed_repository import PushedRepository
from controllers.git.errors import AuthenticationFailed
from controllers.git.protocol.refs import Refs
from controllers.git.remote import Basic, Remote
from controllers.gitaccess.forwarding import ForwardingGit
from controllers.net.foreign_text import sanitize
from controllers.net.url import show_remote
from controllers.runtime.key import Key
from controllers.worktree.paths import ELSEWHERE

SECONDS: Final = 30.0
SECRET_NAME: Final = "tagline-git-credential"  # noqa: S105
"""Of the Secret of a GitRepository, before its name."""
_QUIET: Final = {
    "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "GCM_INTERACTIVE": "never", "LC_ALL": "C",
}  # fmt: skip
"""Nobody is asked. An empty GIT_ASKPASS also stands for `core.askPass`."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Login:
    """What Git answered."""

    username: str
    password: str = field(repr=False)
    answer: bytes = field(repr=False)
    """As it is to be given back."""

    @property
    def values(self) -> dict[str, str]:
        """Return the values of a Secret."""
        return {"username": self.username, "password": self.password}


class GitLogins:
    """Asks Git for logins, each once a look, and reports what became of them.

    folder: whose configuration counts. is_enabled: without it, there are no logins.
    """

    def __init__(
        self, folder: Path, *, environ: Mapping[str, str], is_enabled: bool = True, seconds: float = SECONDS
    ) -> None:
        self.notices: list[str] = []
        """Why Git could not be asked."""
        self.is_asked = False
        """Whether Git was asked since `begin`; its answers may be others by now."""
        self._folder = folder
        self._is_enabled = is_enabled
        self._environ = {name: value for name, value in environ.items() if name not in ELSEWHERE} | _QUIET
        self._seconds = seconds
        self._known: dict[str, Login | None] = {}
        self._given: dict[tuple[str, str], Login] = {}
        """By address and password, those that were not refused."""
        self._approved: set[tuple[str, str]] = set()
        self._silent: set[str] = set()
        """Hosts for which a helper kept Git waiting; it would do so for each of their repositories."""

    def begin(self) -> None:
        """Forget the answers, as some of them expire."""
        for answers in (self._known, self._given, self._approved, self._silent):
            answers.clear()
        self.is_asked = False
        self.notices = []

    def find(self, url: str) -> Login | None:
        """Return the login for a repository, None for none. url: over HTTP; a user name in it is that of the login."""
        if url in self._known:
            return self._known[url]
        login = self._known[url] = self._fill(url)
        if login:
            self._given[_address(url), login.password] = login
        return login

    def find_for(self, checkout: PushedRepository) -> Login | None:
        """Return the login for what is pushed to; the user that its remote's URL names is asked for."""
        user = checkout.login.get("username", "")
        return self.find(_with_user(checkout.url, user) if user else checkout.url)

    def complete(self, checkout: PushedRepository) -> PushedRepository:
        """Return a checkout with the password of the user whom its remote's URL names alone."""
        if not checkout.login or checkout.login.get("password"):
            return checkout
        login = self.find_for(checkout)
        return replace(checkout, login=login.values) if login else checkout

    def report(self, remote: Remote, *, is_good: bool) -> None:
        """Tell Git about a login, if it is one of these, once for each answer; a refused one is asked for again."""
        credentials = remote.credentials
        if not isinstance(credentials, Basic):
            return
        key = _address(remote.url), credentials.password
        login = self._given.get(key) if is_good else self._given.pop(key, None)
        if login is None or (is_good and key in self._approved):
            return
        if is_good:
            self._approved.add(key)
        else:
            for url in [url for url, known in [*self._known.items()] if known == login]:
                self._known.pop(url, None)
        self._ask("approve" if is_good else "reject", login.answer, host=_host(remote.url))

    def _fill(self, url: str) -> Login | None:
        question = _question(url) if self._is_enabled else None
        if question is None:
            return None
        self.is_asked = True
        answer = self._ask("fill", question, host=_host(url))
        lines = answer.decode("utf-8", "surrogateescape").split("\n")  # a password may have other ends of lines in it
        fields = dict(line.split("=", 1) for line in lines if "=" in line)
        user, password = fields.get("username", ""), fields.get("password", "")
        return Login(user, password, answer) if user and password else None

    def _ask(self, verb: str, lines: bytes, *, host: str) -> bytes:
        """Return what Git answers; empty where it knows nothing. What it says may have a secret in it."""
        program = shutil.which("git")
        if program is None or host in self._silent:
            return b""
        command = [program, "-C", os.fspath(self._folder), "credential", verb]
        try:
            status, answer = run_helper(command, lines, environ=self._environ, seconds=self._seconds)
        except NoAnswer:
            self._silent.add(host)
            self.notices.append(f"git credential {verb} did not answer within {self._seconds:g} s")
            return b""
        except OSError as error:
            self.notices.append(f"git credential {verb} cannot be run: {os.strerror(error.errno or 0)}")
            return b""
        return b"" if status else answer


def with_git_login(manifests: Manifests, logins: GitLogins) -> Manifests:
    """Return the manifests with Git's login for each GitRepository that automations push to and that names none."""
    wanted = set(_sources(manifests.of(IMAGE_UPDATE_AUTOMATIONS.kind)))
    changed: list[Manifest] = []
    for manifest in manifests.manifests:
        is_wanted = manifest.resource.kind == GIT_REPOSITORIES.kind and manifest.key in wanted
        login = logins.find(manifest.body["spec"]["url"]) if is_wanted and _names_no_login(manifest.body) else None
        if login is None:
            changed.append(manifest)
            continue
        name = f"{SECRET_NAME}-{manifest.key.name}"
        spec = {**manifest.body["spec"], "secretRef": {"name": name}}
        changed += [replace(manifest, body={**manifest.body, "spec": spec}), _secret(manifest, name, login)]
    notices = (f"{notice}: the repositories are reached without its logins" for notice in logins.notices)
    return replace(manifests, manifests=tuple(changed), notices=(*manifests.notices, *notices))


@dataclass
class ReportingGit(ForwardingGit):
    """A `Git` over another one that tells Git's credential helpers which logins were good."""

    logins: GitLogins

    async def list_refs(self, remote: Remote, *, extra: Iterable[str] = ()) -> Refs:
        try:
            refs = await super().list_refs(remote, extra=extra)
        except AuthenticationFailed:
            await self._report(remote, is_good=False)
            raise
        await self._report(remote, is_good=True)
        return refs

    async def _report(self, remote: Remote, *, is_good: bool) -> None:
        await asyncio.to_thread(self.logins.report, remote, is_good=is_good)


def _question(url: str) -> bytes | None:
    """Return a URL as Git asks its helpers; None for one that they are not asked about."""
    try:
        parts = urlsplit(url)
        user, password, host = parts.username, parts.password, parts.netloc.rpartition("@")[2]
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or password:
        return None
    fields = {"protocol": parts.scheme, "host": host, "path": unquote(parts.path.lstrip("/"))}
    if user:
        fields["username"] = unquote(user)
    if any(map(_CONTROL.search, fields.values())):  # a line of its own would be another question
        return None
    return "".join(f"{name}={value}\n" for name, value in fields.items()).encode("utf-8", "surrogateescape") + b"\n"


def _address(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def _with_user(url: str, user: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{quote(user, safe='')}@{rest}"


def _sources(automations: Iterable[Manifest]) -> Iterable[Key]:
    for automation in automations:
        ref: Any = automation.body["spec"].get("sourceRef") or {}
        yield Key(ref.get("namespace") or automation.key.namespace, ref.get("name", ""))


def _names_no_login(repository: Mapping[str, Any]) -> bool:
    spec = repository["spec"]
    return (
        not spec.get("secretRef") and spec.get("provider", "generic") == "generic" and "@" not in _netloc(spec["url"])
    )


def _host(url: str) -> str:
    return _netloc(url).rpartition("@")[2]


def _netloc(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _secret(repository: Manifest, name: str, login: Login) -> Manifest:
    key = Key(repository.key.namespace, name)
    body = {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "metadata": {"name": name, "namespace": key.namespace},
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in login.values.items()},
    }
    place = f"Git's login for {sanitize(show_remote(repository.body['spec']['url']))}"
    return Manifest(place, SECRETS, key, body)
