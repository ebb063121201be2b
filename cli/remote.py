"""Manifests in a remote Git repository: `tagline automate URL`. Read with the engine of the controllers."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli import own_machine
from cli.git_login import GitLogins, ReportingGit
from cli.objects import SUFFIXES, BadInput
from cli.pushed_repository import PushedRepository, split_login
from controllers.git.engine import GitEngine
from controllers.git.errors import AuthenticationFailed, GitError
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import HEADS, Refs, Tip
from controllers.git.remote import Remote
from controllers.gitaccess.credentials import credentials_from_secret
from controllers.gitaccess.git import Git
from controllers.net.url import show_remote

TOOLKIT: Final = b".toolkit.fluxcd.io/"
"""What a file of a remote repository must contain to be read."""


@dataclass(frozen=True, slots=True)
class RemoteManifests:
    """What a repository holds for us."""

    checkout: PushedRepository
    files: tuple[tuple[str, bytes], ...]
    """Place, for messages, and content."""


async def fetch_manifests(url: str, login: Mapping[str, bytes], logins: GitLogins) -> RemoteManifests:
    """Return the files with manifests on the default branch of a repository.

    login: the values of a Secret for Git; empty for those in the URL, or none. A repository that wants more is asked
    again with Git's own login. Raises BadInput.
    """
    address, in_url = split_login(url)
    shown = show_remote(address)
    given = dict(login) or {name: text.encode() for name, text in in_url.items()}
    try:
        try:
            branch, files = await _fetch(address, given)
        except AuthenticationFailed:
            asked = PushedRepository(Path(shown), address, "", in_url, {})
            own = None if given.get("password") or login else await asyncio.to_thread(logins.find_for, asked)
            if own is None:
                raise
            branch, files = await _fetch(address, {name: text.encode() for name, text in own.values.items()}, logins)
    except (GitError, ValueError) as error:
        raise BadInput(f"{shown}: {error}") from None
    checkout = PushedRepository(
        Path(shown), address, branch, in_url if not login else {}, {"email": "tagline@localhost"}
    )
    return RemoteManifests(checkout, tuple((f"{shown}: {file.path}", file.data) for file in files))


async def _fetch(
    address: str, data: Mapping[str, bytes], logins: GitLogins | None = None
) -> tuple[str, Sequence[File]]:
    """Return the default branch and its manifests. logins: where the login is from, if it is Git's.

    Raises GitError, ValueError.
    """
    with tempfile.TemporaryDirectory(prefix="tagline-") as folder:
        engine = GitEngine(Path(folder), destinations=own_machine.DESTINATIONS)
        try:
            remote = Remote(
                address, credentials=credentials_from_secret(address, data, secret_name="") if data else None
            )
            git: Git = ReportingGit(engine, logins) if logins else engine
            refs = await git.list_refs(remote)
            branch, commit = _default_branch(refs)
            await git.fetch(remote, Tip(HEADS + branch, commit, commit))
            files = await git.find_files(
                remote, commit, "", is_wanted=_may_hold_manifests, has_marker=_mentions_toolkit
            )
        finally:
            await engine.aclose()
    return branch, files


def _mentions_toolkit(data: bytes) -> bool:
    return TOOLKIT in data


def _default_branch(refs: Refs) -> tuple[str, str]:
    name = refs.symrefs.get("HEAD", "").removeprefix(HEADS)
    commit = refs.branch(name) if name else None
    if commit is None:
        raise ValueError("the repository has no default branch, or it is empty")
    return name, commit


def _may_hold_manifests(name: str) -> bool:
    return name.endswith(SUFFIXES)
