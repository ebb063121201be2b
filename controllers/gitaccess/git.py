"""What runs ask of Git, so that neither they nor their tests depend on the engine.

`controllers.git.engine.GitEngine` is all of both; it says in full what each method returns, costs and raises.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from controllers.git.login.githubapp import GithubApp
from controllers.git.objects.commits import Author, CommitInfo, NewCommit, Signer
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Refs, Tip
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.protocol.session import Check, anyone
from controllers.git.remote import Basic, Remote
from controllers.git.signing.signers import SigningKey


class Identities(Protocol):
    """Whose name a run acts in: towards the remote, and in its commits."""

    async def github_login(self, app: GithubApp, via: Remote) -> Basic:
        """Return what a GitHub App logs in with."""

    async def signer(self, key: SigningKey) -> Signer:
        """Return a signer with this key. Raises BadSigningKey."""


class Git(Protocol):
    """Remotes, as a run reads and writes them. All but `lock_branch` raise GitError."""

    async def list_refs(self, remote: Remote, *, extra: Iterable[str] = ()) -> Refs:
        """List HEAD, branches, tags and `extra` full names of a remote."""

    async def fetch(self, remote: Remote, tip: Tip) -> None:
        """Make a commit readable. Raises RefMoved when the remote no longer serves it."""

    async def find_files(
        self,
        remote: Remote,
        commit: str,
        path: str,
        *,
        is_wanted: Callable[[str], bool],
        has_marker: Callable[[bytes], bool],
    ) -> list[File]:
        """Return the files of a commit at or below `path` that are wanted and have a marker."""

    async def read_commit(self, remote: Remote, commit: str) -> CommitInfo:
        """Return who made a commit, when, and on which parents."""

    def can_fetch_any_commit(self, remote: Remote) -> bool:
        """Return True when a commit behind the tips comes without all history. To be asked after `list_refs`."""

    async def commit(
        self,
        remote: Remote,
        parent: str,
        edits: Mapping[str, bytes],
        *,
        author: Author,
        message: str,
        when: datetime,
        signer: Signer | None = None,
    ) -> NewCommit | None:
        """Make a commit on `parent`, not pushed yet. Return None when no file differs."""

    async def push(
        self,
        remote: Remote,
        new: NewCommit,
        updates: Sequence[RefUpdate],
        *,
        options: Mapping[str, str] | None = None,
        force: bool = False,
        check: Check = anyone,
    ) -> tuple[str, ...]:
        """Move references of the remote and return those that moved. Raises RefMoved when somebody was faster.

        check: called right before references move, perhaps in a thread; what it raises goes to the caller
        """

    async def delete_ref(self, remote: Remote, ref: str, expected: str, *, check: Check = anyone) -> None:
        """Delete a reference of the remote. Raises RefMoved when it is not where it was expected."""

    def lock_branch(self, remote: Remote, branch: str) -> AbstractAsyncContextManager[bool]:
        """Keep other runs from writing to a branch. Yields True when there was nobody to wait for."""
