"""What ends an update early; the kind decides what each class means for the object.

UpdateFailed
├── GitOperationFailed   a step with the remote failed; another try may help
└── PathUnusable         the commit has no files at spec.update.path; another commit may

These pass unchanged: git.errors.RefMoved (somebody else was faster: the run goes on from the new tip) and
BadRefspec, setters.UnsupportedStrategy and UpdatePathOutside, api.selectors.BadSelector, template.TemplateFailure.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from controllers.git.errors import GitError, RefMoved, Unreachable


class UpdateFailed(Exception):
    """The update cannot be made now; `str(error)` is the text for the Ready condition."""


class GitOperationFailed(UpdateFailed):
    """Git could not do what was attempted."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None, unreachable: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """How long the remote asked to be left alone."""
        self.unreachable = unreachable
        """The remote did not answer, which says nothing about what it was asked for."""


class PathUnusable(UpdateFailed):
    """`spec.update.path` is not in the commit, or a symbolic link leads out of it."""


@contextmanager
def attempting(step: str) -> Iterator[None]:
    """Turn what goes wrong with Git into GitOperationFailed, behind `step`; RefMoved passes."""
    try:
        yield
    except RefMoved:
        raise
    except Unreachable as error:
        raise GitOperationFailed(f"{step}: {error}", retry_after=error.retry_after, unreachable=True) from error
    except GitError as error:
        raise GitOperationFailed(f"{step}: {error}") from error
