"""Git that hands everything to another one: what stands between the engine and a run changes a part of that."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from controllers.git.objects.commits import Author, CommitInfo, NewCommit, Signer
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Refs, Tip
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.remote import Remote
from controllers.gitaccess.git import Git


@dataclass
class ForwardingGit:
    """A `Git` over another one, which says what each method does."""

    git: Git

    async def list_refs(self, remote: Remote, *, extra: Iterable[str] = ()) -> Refs:
        return await self.git.list_refs(remote, extra=extra)

    async def fetch(self, remote: Remote, tip: Tip) -> None:
        await self.git.fetch(remote, tip)

    async def find_files(
        self,
        remote: Remote,
        commit: str,
        path: str,
        *,
        is_wanted: Callable[[str], bool],
        has_marker: Callable[[bytes], bool],
    ) -> list[File]:
        return await self.git.find_files(remote, commit, path, is_wanted=is_wanted, has_marker=has_marker)

    async def read_commit(self, remote: Remote, commit: str) -> CommitInfo:
        return await self.git.read_commit(remote, commit)

    def can_fetch_any_commit(self, remote: Remote) -> bool:
        return self.git.can_fetch_any_commit(remote)

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
        return await self.git.commit(remote, parent, edits, author=author, message=message, when=when, signer=signer)

    async def push(
        self,
        remote: Remote,
        new: NewCommit,
        updates: Sequence[RefUpdate],
        *,
        options: Mapping[str, str] | None = None,
        force: bool = False,
    ) -> tuple[str, ...]:
        return await self.git.push(remote, new, updates, options=options, force=force)

    async def delete_ref(self, remote: Remote, ref: str, expected: str) -> None:
        await self.git.delete_ref(remote, ref, expected)

    def lock_branch(self, remote: Remote, branch: str) -> AbstractAsyncContextManager[bool]:
        return self.git.lock_branch(remote, branch)
