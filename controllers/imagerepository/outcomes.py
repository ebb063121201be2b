"""What each error means for a repository. Reasons are Flux's, sentences those of Flux 2.1."""

from typing import Final

from api.names import FEATURE_GATE_DISABLED, IMAGE_URL_INVALID, INVALID_DURATION
from controllers.golang.duration import BadDuration
from controllers.image.reference import BadReference
from controllers.imageaccess.errors import AccessFailed, GateDisabled
from controllers.registry.errors import RegistryError, Throttled, Unavailable
from controllers.runtime.reconcile.outcome import SECRET_RETRY, OnError, Retry, Stalled
from controllers.taglist.scan import BadExclusionPattern

AUTHENTICATION_FAILED: Final = "AuthenticationFailed"
READ_OPERATION_FAILED: Final = "ReadOperationFailed"

_LOGIN: Final = "failed to configure authentication options: "
_SCAN: Final = "scan failed: "


class AccessTimedOut(Exception):
    """The credentials were not read in time."""


class TagsNotStored(Exception):
    """The API did not take the tags of a scan."""


ON_ERROR: Final[OnError] = {
    GateDisabled: lambda error: Stalled(FEATURE_GATE_DISABLED, str(error)),
    BadReference: lambda error: Stalled(IMAGE_URL_INVALID, str(error)),
    BadDuration: lambda error: Stalled(INVALID_DURATION, str(error)),
    AccessFailed: lambda error: Retry(AUTHENTICATION_FAILED, f"{_LOGIN}{error}", max_delay=SECRET_RETRY),
    AccessTimedOut: lambda error: Retry(AUTHENTICATION_FAILED, f"{_LOGIN}context deadline exceeded"),
    Throttled: lambda error: Retry(READ_OPERATION_FAILED, f"{_SCAN}{error}", retry_after=error.retry_after),
    Unavailable: lambda error: Retry(READ_OPERATION_FAILED, f"{_SCAN}{error}", left_alone=error.left_alone),
    RegistryError: lambda error: Retry(READ_OPERATION_FAILED, f"{_SCAN}{error}"),
    BadExclusionPattern: lambda error: Retry(READ_OPERATION_FAILED, f"{_SCAN}{error}"),
    TagsNotStored: lambda error: Retry(READ_OPERATION_FAILED, f"{_SCAN}failed to store tags: {error}"),
}
