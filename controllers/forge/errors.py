"""What can go wrong between us and a forge.

    ForgeError               `forge`, `request`, `reason`, `remedy`: the text has them all, in this order
    ├── Unavailable          nobody answered, or the forge failed to (`retry_after`)
    │   └── RateLimited      the forge asked us to wait (`retry_after`)
    ├── AuthenticationFailed the token is missing, wrong or expired
    ├── Forbidden            the token is good, but must not do this
    ├── NotFound             no such repository, or it is hidden from the token
    ├── Moved                the repository has another name now (`location`)
    ├── Archived             the repository is read-only
    ├── Refused              the forge does not accept the request: what is asked for is not possible as it is
    │   ├── AlreadyExists    there is an open pull request for these branches
    │   ├── NothingToMerge   the head branch has nothing that the base has not
    │   ├── BranchMissing    the head or base branch is not there
    │   ├── DraftRefused     the repository has no drafts
    │   └── NotYet           not possible now, but perhaps in a moment
    ├── Conflict             somebody else changed the pull request meanwhile; read it and try again
    ├── BadAnswer            not an answer of this forge's API, or one beyond our bounds
    │   └── AnswerTooLong    fewer entries of a listing may be within them
    └── BadLocation          the URL does not name a repository at this forge, or leads where it must not

Texts are safe to show: no credential, of foreign text at most 256 characters.
"""

from datetime import timedelta
from typing import ClassVar


class ForgeError(Exception):
    """A request that did not lead to what it was for.

    forge: as people call it, with its host ("GitHub (github.com)"). request: what was tried ("open a pull request for
    tagline/app in org/fleet"). reason: what happened. remedy: what to do next, "" for what the class says.
    """

    NEXT: ClassVar[str] = "read what it says, and change the spec or the settings of the repository"
    """What to do next where nothing more is known of the failure."""

    def __init__(self, reason: str, *, forge: str = "", request: str = "", remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.forge = forge
        self.request = request
        self.remedy = remedy

    def __str__(self) -> str:
        begin = f"{self.forge}: " if self.forge else ""
        tried = f"failed to {self.request}: " if self.request else ""
        return f"{begin}{tried}{self.reason}; {self.remedy or self.NEXT}"


class Unavailable(ForgeError):
    """Nobody answered, or the forge failed to. Retrying may help."""

    NEXT = "it is asked again by itself; if that does not help, look at the forge, and at the way to it"

    def __init__(
        self,
        reason: str,
        *,
        forge: str = "",
        request: str = "",
        remedy: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason, forge=forge, request=request, remedy=remedy)
        self.retry_after = retry_after


class RateLimited(Unavailable):
    """The forge asked us to wait. `retry_after` is always set."""

    NEXT = "it is asked again then; fewer automations with this token, or longer intervals, ask less"


class AuthenticationFailed(ForgeError):
    """The token is missing, wrong or expired."""


class Forbidden(ForgeError):
    """The token is good, but must not do this."""


class NotFound(ForgeError):
    """The forge has no such repository, or hides it from the token."""


class Moved(ForgeError):
    """The repository has another name or place now."""

    def __init__(
        self, reason: str, *, forge: str = "", request: str = "", remedy: str = "", location: str = ""
    ) -> None:
        super().__init__(reason, forge=forge, request=request, remedy=remedy)
        self.location = location


class Archived(ForgeError):
    """The repository is read-only."""


class Refused(ForgeError):
    """The forge does not accept the request as it is."""


class AlreadyExists(Refused):
    """There is an open pull request for these branches. `create` raises it only where that one is not found."""


class NothingToMerge(Refused):
    """The head branch has nothing that the base has not."""


class BranchMissing(Refused):
    """The head or base branch is not there."""

    NEXT = "check that the base branch exists, which is the one that is checked out; ours is pushed again"


class DraftRefused(Refused):
    """The repository has no drafts."""


class NotYet(Refused):
    """Not possible now, but perhaps in a moment: the forge is still finding out whether it can be merged."""

    NEXT = "the next run tries again"


class Conflict(ForgeError):
    """Somebody else changed the pull request meanwhile. Read it again and retry."""

    NEXT = "the next run tries again"


class BadAnswer(ForgeError):
    """Not an answer of this forge's API, or one beyond our bounds."""

    NEXT = "check that spec.git.pullRequest.forge is what is at this address, and that no proxy answers in its place"


class AnswerTooLong(BadAnswer):
    """An answer that is longer than our bound."""


class BadLocation(ForgeError):
    """The URL does not name a repository at this forge, or leads where it must not."""
