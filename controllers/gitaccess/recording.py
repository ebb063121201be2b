"""Git that keeps what its commits change, and pushes them or stops before that."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from controllers.documents.diff import unified_diff
from controllers.git.objects.commits import Author, NewCommit, Signer
from controllers.git.objects.scan import File
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.protocol.session import Check, anyone
from controllers.git.remote import Remote
from controllers.gitaccess.forwarding import ForwardingGit

_CODEC = ("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class RecordedCommit:
    """A commit that was pushed, or would have been."""

    url: str
    commit: str
    message: str
    refs: tuple[str, ...]
    """The references that it moved, or would have moved."""
    diff: str
    """Unified, as `git apply` takes it; bytes that are not UTF-8 are escaped as surrogates."""


@dataclass(frozen=True, slots=True)
class _Made:
    message: str
    diff: str


@dataclass
class RecordingGit(ForwardingGit):
    """A `Git` over another one. is_dry_run: a push succeeds without being sent, so that a run ends as it would."""

    is_dry_run: bool = False
    commits: list[RecordedCommit] = field(default_factory=list)
    """In the order of their pushes."""
    _contents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _made: dict[str, _Made] = field(default_factory=dict)

    async def find_files(
        self,
        remote: Remote,
        commit: str,
        path: str,
        *,
        is_wanted: Callable[[str], bool],
        has_marker: Callable[[bytes], bool],
    ) -> list[File]:
        files = await super().find_files(remote, commit, path, is_wanted=is_wanted, has_marker=has_marker)
        self._contents |= {(commit, file.target): file.data for file in files}
        return files

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
        new = await super().commit(remote, parent, edits, author=author, message=message, when=when, signer=signer)
        if new is not None:
            diff = b"".join(
                line
                for path in sorted(edits, key=os.fsencode)
                for line in unified_diff(path, self._contents.get((parent, path), b""), edits[path])
            )
            self._made[new.id] = _Made(message, diff.decode(*_CODEC))
        return new

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
        refs = tuple(update.ref for update in updates)
        if not self.is_dry_run:
            refs = await super().push(remote, new, updates, options=options, force=force, check=check)
        made = self._made.get(new.id, _Made("", ""))
        self.commits.append(RecordedCommit(remote.url, new.id, made.message, refs, made.diff))
        return refs

    async def delete_ref(self, remote: Remote, ref: str, expected: str, *, check: Check = anyone) -> None:
        if not self.is_dry_run:
            await super().delete_ref(remote, ref, expected, check=check)
