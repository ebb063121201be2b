"""What can go wrong between us and a Git remote.

    GitError
    ├── Unreachable              nobody answered, or answered 5xx/429 (`retry_after`)
    │   └── DeadlineExceeded     the time for the operation was used up
    ├── AuthenticationFailed     the remote does not know us, or does not let us
    ├── RepositoryNotFound
    ├── RefNotFound              no such branch, tag, reference or commit
    │   └── EmptyRepository
    ├── ProtocolError            not the answer of a Git server
    │   └── RepositoryTooLarge   an answer, object or tree is beyond our bounds
    ├── CacheFailed              our own disk
    ├── CorruptObject            our cache lacks an object or has a damaged one; never leaves this package
    ├── PushFailed               `updated_refs`: the references that moved nevertheless
    │   ├── RefMoved             the branch moved: list, fetch, re-apply and push again
    │   └── PushRejected         the server or one of its hooks said no
    ├── PathMissing              the path to update is not in the tree
    ├── PathOutside              the path to update leads out of the repository
    ├── PathTaken                something else is where a file or folder is to be made
    ├── BadPath                  no clone could check out a file at the path
    ├── BadUrl                   not the URL of a repository
    ├── DestinationForbidden     a URL, redirect or proxy leads where it must not
    ├── BadCredentials           the credentials cannot be used
    ├── BadSigningKey            the signing key cannot be used
    └── BadRefspec

Texts are safe to show: no credentials, no user-info of a URL, the remote's own words cut at 256 characters.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from controllers.net.library_errors import UNREADABLE, catching_panics
from controllers.net.proxy.address import environment_secrets
from controllers.net.redaction import redact
from controllers.net.url import redact_text


class GitError(Exception):
    """A failure with its reason. `error_context` says what was tried, and comes first in the text."""

    def __init__(self, reason: str, *, error_context: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.error_context = error_context

    def __str__(self) -> str:
        # A URL in it may have a token among its parameters.
        return redact_text(f"{self.error_context}: {self.reason}" if self.error_context else self.reason)


class Unreachable(GitError):
    """Nobody answered, or the server failed to. Retrying may help."""

    def __init__(self, reason: str, *, error_context: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(reason, error_context=error_context)
        self.retry_after = retry_after


class DeadlineExceeded(Unreachable):
    """The time for one operation was used up."""


class AuthenticationFailed(GitError):
    """The remote does not know us, or does not let us do this."""


class RepositoryNotFound(GitError):
    """The remote has no repository at this URL, or hides it from us."""


class RefNotFound(GitError):
    """The reference, tag range or commit to check out is not on the remote."""


class EmptyRepository(RefNotFound):
    """The remote has no reference at all."""


class ProtocolError(GitError):
    """The answer is not that of a Git server."""


class RepositoryTooLarge(ProtocolError):
    """The answer, an object or a tree is beyond our bounds."""


class CacheFailed(GitError):
    """Objects cannot be kept on our own disk: it is full, or not writable."""


class CorruptObject(GitError):
    """Our cache lacks an object that it should have, or has a damaged one. The objects are fetched anew."""


class PushFailed(GitError):
    """Not all references are where the push was to move them."""

    def __init__(self, reason: str, *, error_context: str = "", updated_refs: tuple[str, ...] = ()) -> None:
        super().__init__(reason, error_context=error_context)
        self.updated_refs = updated_refs


class RefMoved(PushFailed):
    """The branch is not where we left it; list, fetch, re-apply and push again."""


class PushRejected(PushFailed):
    """The server or one of its hooks refused the push; its words are in the reason."""


class PathMissing(GitError):
    """The path to update is not in the tree."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: no such file or directory in the repository")
        self.path = path


class PathOutside(GitError):
    """The path to update leads out of the repository."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: leads out of the repository; give a path inside of it")
        self.path = path


class PathTaken(GitError):
    """Something else is where a file or a folder is to be made."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: is there already, and no file that could be replaced or folder; remove or rename it")
        self.path = path


class BadPath(GitError):
    """A file is to be made at a path that Git refuses to check out."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: Git checks out no file or folder of that name; choose another one")
        self.path = path


class BadUrl(GitError):
    """The text is not the URL of a repository."""


class DestinationForbidden(GitError):
    """A URL, a redirect or a proxy leads where it must not; the text names host, reason and remedy."""


class BadCredentials(GitError):
    """The credentials given for a remote cannot be used as they are."""


class BadSigningKey(GitError):
    """The key to sign commits with cannot be used as it is."""


class BadRefspec(GitError):
    """The refspec is malformed, or asks for something an automation never does."""


@contextmanager
def reading_foreign_input() -> Iterator[None]:
    """Turn whatever parsers raise over a remote's bytes into ProtocolError.

    All work of the engine runs inside, so that no remote can make a run end in anything but this package's errors.
    Faults that somebody might mend have errors of their own, raised where they are found.
    """
    try:
        with catching_panics():
            yield
    except UNREADABLE as e:
        raise ProtocolError(f"the remote's answer cannot be read ({type(e).__name__})") from e


@contextmanager
def hide_secrets(secrets: Iterable[str]) -> Iterator[None]:
    """Take credentials out of the texts of errors raised inside: servers repeat what they were sent."""
    try:
        yield
    except GitError as e:
        secrets = (*secrets, *environment_secrets(os.environ))
        e.reason = redact(e.reason, secrets)
        e.error_context = redact(e.error_context, secrets)
        e.args = (e.reason,)
        raise


@contextmanager
def error_context(what: str) -> Iterator[None]:
    """Make errors raised inside say what was tried, unless they already do."""
    try:
        with reading_foreign_input():
            yield
    except GitError as e:
        e.error_context = e.error_context or what
        raise
