"""What each error means for a policy. Reasons are Flux's.

Ours, not Flux's: a policy whose repository was not scanned yet (or not for its present image) waits for that without a
warning.
"""

from typing import Final

from api.meta import ACCESS_DENIED, DEPENDENCY_NOT_READY, FAILED, FAILURE
from controllers.imagepolicy.acl import AccessDenied
from controllers.imagepolicy.errors import CrossNamespaceBlocked, NoStoredTags, NothingSelected, RepositoryMissing
from controllers.policy.errors import InvalidPolicy
from controllers.registry.errors import BadReference
from controllers.runtime.reconcile.outcome import SECRET_RETRY, OnError, Outcome, Retry, Stalled, Waiting
from controllers.selection.errors import AccessNotRead, ImageNotRead, NotScanned, TagsNotRead
from controllers.taglist.reader import TagListNotFound

IMAGE_URL_INVALID: Final = "ImageURLInvalid"
INTERVAL_NOT_CONFIGURED: Final = "IntervalNotConfigured"
INVALID_POLICY: Final = "InvalidPolicy"

_REFERRED: Final = "failed to get the referred ImageRepository: "


def _nothing_selected(error: NothingSelected) -> Outcome:
    if error.retry_after is None:
        return Waiting(FAILURE, str(error))
    return Retry(FAILURE, str(error), retry_after=error.retry_after)


ON_ERROR: Final[OnError] = {
    CrossNamespaceBlocked: lambda error: Retry(ACCESS_DENIED, f"{_REFERRED}{error}"),
    RepositoryMissing: lambda error: Waiting(DEPENDENCY_NOT_READY, f"{_REFERRED}{error}"),
    AccessDenied: lambda error: Waiting(ACCESS_DENIED, f"{_REFERRED}access denied: {error}"),
    # The policy itself is fine: it is looked at again when the repository changes.
    BadReference: lambda error: Stalled(IMAGE_URL_INVALID, str(error)),
    NotScanned: lambda error: Waiting(DEPENDENCY_NOT_READY, str(error), warn=False),
    TagListNotFound: lambda error: Waiting(DEPENDENCY_NOT_READY, f"waiting for a new scan: {error}", warn=False),
    TagsNotRead: lambda error: Retry(FAILURE, str(error)),
    NoStoredTags: lambda error: Waiting(DEPENDENCY_NOT_READY, str(error)),
    InvalidPolicy: lambda error: Stalled(INVALID_POLICY, str(error)),
    NothingSelected: _nothing_selected,
    AccessNotRead: lambda error: Retry(FAILED, str(error), max_delay=SECRET_RETRY),
    ImageNotRead: lambda error: Retry(FAILED, str(error), retry_after=error.retry_after),
}
