"""Manifests in remote Git repositories: `tagline automate URL`. Read with the engine of the controllers."""

import asyncio
import posixpath
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cli import own_machine
from cli.git_login import GitLogins, ReportingGit
from cli.objects import KUSTOMIZATIONS, SUFFIXES, BadInput, ForeignFile, kustomized_namespace, may_hold_objects
from cli.pushed_repository import PushedRepository, split_login
from controllers.git.engine import GitEngine
from controllers.git.errors import AuthenticationFailed, GitError
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import HEADS, Refs, Tip
from controllers.git.remote import Remote
from controllers.gitaccess.credentials import credentials_from_secret
from controllers.gitaccess.git import Git
from controllers.net.url import show_remote


@dataclass(frozen=True, slots=True)
class RemoteManifests:
    """What a repository holds for us."""

    checkout: PushedRepository
    files: tuple[ForeignFile, ...]


class RemoteSources:
    """Some repositories; knows which commit of each was read last."""

    def __init__(self, urls: Iterable[str], login: Mapping[str, bytes], logins: GitLogins) -> None:
        """Ask nobody yet. login, logins: see `fetch_manifests`."""
        self._urls = tuple(urls)
        self._login = login
        self._logins = logins
        self._commits: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._urls)

    async def fetch(self) -> list[RemoteManifests]:
        """Return what the repositories hold now. Raises BadInput."""
        return [await self._fetch(url) for url in self._urls]

    async def have_changed(self) -> bool:
        """Return whether a default branch is at another commit than was read. Raises BadInput."""
        for url in self._urls:
            async with _reach(url, self._login, self._logins) as (_, _, refs):
                if _default_branch(refs)[1] != self._commits.get(url):
                    return True
        return False

    async def _fetch(self, url: str) -> RemoteManifests:
        found, self._commits[url] = await _read(url, self._login, self._logins)
        return found


async def fetch_manifests(url: str, login: Mapping[str, bytes], logins: GitLogins) -> RemoteManifests:
    """Return the files with manifests on the default branch of a repository.

    login: the values of a Secret for Git; empty for those in the URL, or none. A repository that wants more is asked
    again with Git's own login. Raises BadInput.
    """
    return (await _read(url, login, logins))[0]


async def _read(url: str, login: Mapping[str, bytes], logins: GitLogins) -> tuple[RemoteManifests, str]:
    """Return the manifests, and the commit that they are of. Raises BadInput."""
    address, in_url = split_login(url)
    shown = show_remote(address)
    async with _reach(url, login, logins) as (git, remote, refs):
        branch, commit = _default_branch(refs)
        await git.fetch(remote, Tip(HEADS + branch, commit, commit))
        files = await git.find_files(remote, commit, "", is_wanted=_is_manifest, has_marker=may_hold_objects)
        kustomizations = await git.find_files(
            remote, commit, "", is_wanted=KUSTOMIZATIONS.__contains__, has_marker=_sets_namespace
        )
    namespaces = _namespaces(kustomizations)
    found = tuple(
        ForeignFile(f"{shown}: {file.path}", file.data, namespaces.get(posixpath.dirname(file.path), ""))
        for file in files
        if not any(part.startswith(".") for part in file.path.split("/")[:-1])  # as of a folder on this machine
    )
    author = {"email": "tagline@localhost"}
    return RemoteManifests(
        PushedRepository(Path(shown), address, branch, {} if login else in_url, author), found
    ), commit


@asynccontextmanager
async def _reach(url: str, login: Mapping[str, bytes], logins: GitLogins) -> AsyncIterator[tuple[Git, Remote, Refs]]:
    """Yield an engine, the remote as one that lets us in, and its references.

    Raises BadInput, also for what fails in the block.
    """
    address, in_url = split_login(url)
    data = dict(login) or {name: text.encode() for name, text in in_url.items()}
    with tempfile.TemporaryDirectory(prefix="tagline-") as folder:
        engine = GitEngine(Path(folder), destinations=own_machine.DESTINATIONS)
        git = ReportingGit(engine, logins)
        try:
            remote = _remote(address, data)
            try:
                refs = await git.list_refs(remote)
            except AuthenticationFailed:
                asked = PushedRepository(Path(address), address, "", in_url, {})
                own = None if data.get("password") or login else await asyncio.to_thread(logins.find_for, asked)
                if own is None:
                    raise
                remote = _remote(address, {name: text.encode() for name, text in own.values.items()})
                refs = await git.list_refs(remote)
            yield git, remote, refs
        except (GitError, ValueError) as error:
            raise BadInput(f"{show_remote(address)}: {error}") from None
        finally:
            await engine.aclose()


def _remote(address: str, data: Mapping[str, bytes]) -> Remote:
    return Remote(address, credentials=credentials_from_secret(address, data, secret_name="") if data else None)


def _namespaces(kustomizations: Sequence[File]) -> dict[str, str]:
    """Return the namespaces that kustomizations give to what is in their folders."""
    found: dict[str, str] = {}
    order = {name: number for number, name in enumerate(KUSTOMIZATIONS)}
    for file in sorted(kustomizations, key=lambda file: order[posixpath.basename(file.path)]):
        if namespace := kustomized_namespace(file.data):
            found.setdefault(posixpath.dirname(file.path), namespace)
    return found


def _sets_namespace(data: bytes) -> bool:
    return b"namespace" in data


def _default_branch(refs: Refs) -> tuple[str, str]:
    name = refs.symrefs.get("HEAD", "").removeprefix(HEADS)
    commit = refs.branch(name) if name else None
    if commit is None:
        raise ValueError("the repository has no default branch, or it is empty")
    return name, commit


def _is_manifest(name: str) -> bool:
    return name.endswith(SUFFIXES)
