"""The repository that is bootstrapped, through the controllers' own Git engine."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from cli import own_machine
from cli.bootstrap.wishes import Wishes
from cli.grammar.session import Failed, Reporter
from controllers.git.engine import GitEngine
from controllers.git.errors import (
    AuthenticationFailed,
    GitError,
    PathMissing,
    PushRejected,
    RefMoved,
    RepositoryNotFound,
)
from controllers.git.objects.commits import Author, CommitText, NewCommit, Signer
from controllers.git.protocol.refs import HEADS, Checkout, branch_tip, resolve, revision
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.remote import Remote, SshAlgorithms

MAX_TRIES: Final = 5
RETRY_SECONDS: Final = 2.0
T = TypeVar("T")

Make = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
"""From the files that are there to those that are to be."""


class Repository:
    """One branch of a remote repository; use as a context manager."""

    def __init__(
        self,
        remote: Remote,
        wishes: Wishes,
        report: Reporter,
        *,
        signer: Signer | None = None,
        sleep: Callable[[float], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """sleep: pauses, but not beyond the command's deadline."""
        self._remote, self._wishes, self._report = remote, wishes, report
        self._signer, self._sleep, self._now = signer, sleep, now
        self.head = ""
        """The branch's commit; "" in an empty repository."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._runner = stack.enter_context(asyncio.Runner())
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tagline-"))
            algorithms = SshAlgorithms(host_keys=self._wishes.host_key_algorithms)
            self._engine = self._runner.run(_engine(Path(folder), algorithms))
            stack.callback(lambda: self._runner.run(self._engine.aclose()))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def clone(self) -> None:
        """Look the branch up; one more try after a pause. Raises Failed when there is none in a filled repository."""
        for is_last in (False, True):
            try:
                self.refresh()
                return
            except AuthenticationFailed as error:  # not twice: hosts count wrong passwords
                raise Failed(f"failed to clone repository: {self._explain_login(error)}") from None
            except GitError as error:
                self._report.warning(f"clone failure: {error}")
                if is_last:
                    is_hidden = self._remote.scheme == "ssh" and isinstance(error, RepositoryNotFound)
                    why = self._explain_login(error) if is_hidden else str(error)
                    raise Failed(f"failed to clone repository: {why}") from None
            self._sleep(RETRY_SECONDS)

    def refresh(self) -> None:
        """Look up where the branch is now. Raises GitError."""
        refs = self._run(self._engine.list_refs(self._remote))
        self.head = refs.branch(self._wishes.branch) or ""
        if self.head:
            tip = branch_tip(refs, self._wishes.branch)
            assert tip is not None
            self._run(self._engine.fetch(self._remote, tip))
        elif refs.values:
            resolve(Checkout(branch=self._wishes.branch), refs, select_semver=lambda *_: None)

    def check_push(self) -> None:
        """Raise Failed when the server says beforehand that this login may not push."""
        try:
            self._run(self._engine.check_push(self._remote))
        except GitError as error:
            raise Failed(
                f"{self._wishes.shown_url} can be read with this login, but not written: {error.reason}; give it the "
                "right to push, or another one"
            ) from None

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the content of those paths that are files. Raises Failed."""
        if not self.head:
            return {}
        try:
            return self._run(self._engine.read_files(self._remote, self.head, paths))
        except GitError as error:
            raise Failed(f"cannot read {self._wishes.shown_url}: {error}") from None

    def read_all(self, path: str) -> dict[str, bytes]:
        """Return the content of all files below a path; "" for the whole repository. Raises Failed."""
        if not self.head:
            return {}
        try:
            found = self._run(
                self._engine.find_files(
                    self._remote, self.head, path, is_wanted=_anything, has_marker=_anything
                )
            )  # fmt: skip
        except PathMissing:
            return {}
        except GitError as error:
            raise Failed(f"cannot read {self._wishes.shown_url}: {error}") from None
        return {file.path: file.data for file in found}

    @property
    def revision(self) -> str:
        """The branch's commit as statuses name it: `main@sha1:…`."""
        return revision(self._wishes.branch, self.head)

    def commit(self, what: str, message: str, paths: Iterable[str], make: Make) -> bool:
        """Make the branch have files and push it; return whether that changed anything. Raises Failed.

        what: said of it. paths: read and given to `make`. When somebody else was faster, it is done again on top.
        """
        wanted = tuple(paths)
        for _ in range(MAX_TRIES):
            try:
                new = self._build(message, make(self.read(wanted)))
                if new is None:
                    return False
                self._report.success(f'committed {what} to "{self._wishes.branch}" ("{new.id}")')
                self._report.action(f'pushing {what} to "{self._wishes.shown_url}"')
                self._push(new)
                return True
            except RefMoved:
                self._report.warning(f'"{self._wishes.branch}" has moved meanwhile: once more on top of it')
                self._refresh_or_fail()
            except PushRejected as error:
                raise Failed(
                    f"failed to push manifests: {self._wishes.shown_url} refuses it: {error}; is the branch protected, "
                    "or does a hook want something?"
                ) from None
            except GitError as error:
                raise Failed(f"failed to push manifests: {error}") from None
        raise Failed(f'"{self._wishes.branch}" is being pushed to all the time; try again')

    def _build(self, message: str, files: Mapping[str, bytes]) -> NewCommit | None:
        commits = self._wishes.commits
        author = Author(commits.author_email, commits.author_name)
        about = CommitText(author, commits.message(message), self._now().replace(microsecond=0), self._signer)
        return self._run(self._engine.commit_files(self._remote, self.head, files, about))

    def _push(self, new: NewCommit) -> None:
        ref = HEADS + self._wishes.branch
        self._run(self._engine.push(self._remote, new, [RefUpdate(ref, new.id, self.head or None)]))
        self.head = new.id

    def _refresh_or_fail(self) -> None:
        try:
            self.refresh()
        except GitError as error:
            raise Failed(f"failed to clone repository: {error}") from None

    def _explain_login(self, error: GitError) -> str:
        if self._remote.scheme == "ssh":
            return f"{error}; does the key have access? Add its public half to the deploy keys, with write access"
        return f"{error}; are --username and --password right, and may they read the repository?"

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


def _anything(_: object) -> bool:
    return True


async def _engine(folder: Path, algorithms: SshAlgorithms) -> GitEngine:
    return GitEngine(folder, threads=6, ssh=algorithms, destinations=own_machine.DESTINATIONS)
