"""What each error means for a policy, and the errors that only its runs have. Reasons are Flux's.

Ours, not Flux's: a policy whose repository was not scanned yet (or not for its present image) waits for that without a
warning.
"""

from datetime import datetime
from typing import Final

from api.names import ACCESS_DENIED, DEPENDENCY_NOT_READY, FAILED, FAILURE, IMAGE_URL_INVALID, INVALID_DURATION
from controllers.golang.duration import BadDuration
from controllers.image.reference import BadReference
from controllers.imagepolicy.acl import AccessDenied
from controllers.policy.errors import InvalidPolicy, NoTags, SelectionFailed
from controllers.runtime.key import Key
from controllers.runtime.reconcile.outcome import SECRET_RETRY, OnError, Retry, Stalled, Waiting
from controllers.selection.errors import AccessNotRead, ImageNotRead, NotScanned, TagsNotRead
from controllers.taglist.reader import TagListNotFound

INTERVAL_NOT_CONFIGURED: Final = "IntervalNotConfigured"
INVALID_POLICY: Final = "InvalidPolicy"

_REFERRED: Final = "failed to get the referred ImageRepository: "


class CrossNamespaceBlocked(Exception):
    """The repository is in another namespace, which this process does not allow."""

    def __init__(self, repository: Key) -> None:
        super().__init__(f"cannot access 'ImageRepository/{repository}', cross-namespace references have been blocked")


class RepositoryMissing(Exception):
    """The repository does not exist."""

    def __init__(self, repository: Key) -> None:
        super().__init__(
            "referenced ImageRepository does not exist: "
            f'ImageRepository.image.toolkit.fluxcd.io "{repository.name}" not found'
        )


class NoStoredTags(Exception):
    """The repository's last scan left no tags to choose from."""

    def __init__(self, repository: Key, cause: NoTags) -> None:
        others = f" besides {cause.excluded_count} that its exclusionList leaves out" if cause.excluded_count else ""
        super().__init__(f"no tags in database: ImageRepository '{repository}' found none{others}")


class NothingSelected(Exception):
    """The policy chooses none of the tags."""

    def __init__(self, message: str, cause: SelectionFailed, *, now: datetime) -> None:
        super().__init__(message)
        self.eligible_after = cause.next_eligible_at - now if cause.next_eligible_at else None
        """Until a tag is old enough; None when only another scan can help."""


ON_ERROR: Final[OnError] = {
    CrossNamespaceBlocked: lambda error: Retry(ACCESS_DENIED, f"{_REFERRED}{error}"),
    RepositoryMissing: lambda error: Waiting(DEPENDENCY_NOT_READY, f"{_REFERRED}{error}"),
    AccessDenied: lambda error: Waiting(ACCESS_DENIED, f"{_REFERRED}access denied: {error}"),
    # The policy itself is fine: it is looked at again when the repository changes.
    BadReference: lambda error: Stalled(IMAGE_URL_INVALID, str(error)),
    BadDuration: lambda error: Stalled(INVALID_DURATION, str(error)),
    NotScanned: lambda error: Waiting(DEPENDENCY_NOT_READY, str(error), warn=False),
    TagListNotFound: lambda error: Waiting(DEPENDENCY_NOT_READY, f"waiting for a new scan: {error}", warn=False),
    TagsNotRead: lambda error: Retry(FAILURE, str(error)),
    NoStoredTags: lambda error: Waiting(DEPENDENCY_NOT_READY, str(error)),
    InvalidPolicy: lambda error: Stalled(INVALID_POLICY, str(error)),
    NothingSelected: lambda error: Waiting(FAILURE, str(error), error.eligible_after),
    AccessNotRead: lambda error: Retry(FAILED, str(error), max_delay=SECRET_RETRY),
    ImageNotRead: lambda error: Retry(FAILED, str(error), retry_after=error.retry_after, left_alone=error.left_alone),
}
