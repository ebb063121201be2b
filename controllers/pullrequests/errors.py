"""What keeps pull requests from being made; the kind decides what each class means for the object.

PullRequestsFailed   a forge or Git did not do what was attempted, for one pull request or all; others were served
NotSent              a forge was not asked to make a commit, in a dry run; caught by head_writer
groups.BadBranch     the spec leads to no branch; only an edit of the spec helps
"""

from datetime import timedelta

from controllers.forge.errors import (
    Archived,
    AuthenticationFailed,
    Forbidden,
    ForgeError,
    Moved,
    NotFound,
    Refused,
    Unavailable,
)

FOR_ALL = (Archived, AuthenticationFailed, Forbidden, Moved, NotFound, Unavailable)
"""What would go wrong with the next pull request as well."""


class NotSent(Refused):
    """What was asked for was not sent to the forge, since nothing is to change there; no fault of anybody."""


class PullRequestsFailed(Exception):
    """Pull requests that could not be made or kept up to date; `str(error)` is the text for the Ready condition."""

    def __init__(self, first: Exception, count: int) -> None:
        more = f" (and {count - 1} more pull requests failed)" if count > 1 else ""
        super().__init__(f"{first}{more}")
        self.retry_after: timedelta | None = first.retry_after if isinstance(first, Unavailable) else None
        self.is_forge = isinstance(first, ForgeError)
