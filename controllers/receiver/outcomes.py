"""What each error means for a Receiver, and its reasons: Flux's where it has them."""

from typing import Final

from api.names import ACCESS_DENIED, FAILED, INVALID_DURATION
from controllers.golang.duration import BadDuration
from controllers.receiver.plan import BadExpression, BadIssuer, ForeignResource, UnknownType
from controllers.receiver.secrets import SecretUnusable
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.reconcile.outcome import SECRET_RETRY, OnError, Retry, Stalled

TOKEN_NOT_FOUND: Final = "TokenNotFound"  # noqa: S105 -- a reason
INVALID_EXPRESSION: Final = "InvalidCELExpression"
UNSUPPORTED_TYPE: Final = "UnsupportedType"
INVALID_ISSUER: Final = "InvalidIssuer"

ON_ERROR: Final[OnError] = {
    UnknownType: lambda error: Stalled(UNSUPPORTED_TYPE, str(error)),
    BadExpression: lambda error: Stalled(INVALID_EXPRESSION, str(error)),
    BadIssuer: lambda error: Stalled(INVALID_ISSUER, str(error)),
    ForeignResource: lambda error: Stalled(ACCESS_DENIED, str(error)),
    BadDuration: lambda error: Stalled(INVALID_DURATION, str(error)),
    SecretUnusable: lambda error: Retry(TOKEN_NOT_FOUND, str(error), max_delay=SECRET_RETRY),
    ApiError: lambda error: Retry(FAILED, str(error)),
}
