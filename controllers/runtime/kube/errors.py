"""What a request to the Kubernetes API can end in, other than an answer.

    ApiError
    ├── Unauthorized      401: credentials refused, also after they were read again
    ├── Forbidden         403: RBAC or an admission plugin says no
    ├── NotFound          404
    ├── AlreadyExists     409: create of a name that is taken
    ├── Conflict          409: resourceVersion or uid precondition failed; read again and re-decide
    ├── Gone              410: resourceVersion or continue token too old; list again
    ├── Invalid           400, 413, 415, 422: the request will never be accepted as it is
    ├── Throttled         429, and 503 with Retry-After: come back later
    ├── ServerError       any other answer that is not a success
    │   └── Unreadable    a success whose body is not what was asked for
    │       └── TooLarge  … or larger than the client accepts
    └── Unreachable       no answer: refused, reset, timed out, TLS failure

    NotConfigured         no cluster to talk to, or its configuration cannot be read (start-up only)

Status objects: https://kubernetes.io/docs/reference/using-api/api-concepts/ and `meta/v1.Status`.
"""

FOREIGN_TEXT_LIMIT = 256
"""Characters kept of what the server said."""


class ApiError(Exception):
    """A request that failed; `str()` says what was tried, on what, and what happened."""

    def __init__(
        self, operation: str, message: str, *, status: int = 0, reason: str = "", retry_after: float | None = None
    ) -> None:
        self.operation = operation
        self.message = truncate(message)
        self.status = status
        """HTTP status; 0 when there was no answer."""
        self.reason = reason or type(self).__name__
        """Machine-readable reason of the server's Status object; the name of the class when it gave none."""
        self.is_explained = bool(reason)
        """Whether the answer was a Status object with a reason: that of a proxy, or of an unknown kind, is not."""
        self.retry_after = retry_after
        """Seconds the server asked to wait; None when it did not."""
        answer = f"{status} {self.reason}" if status else self.reason
        super().__init__(f"{operation}: {answer}: {self.message}")


class Unauthorized(ApiError):
    """401. The client has already read its credentials again and retried once."""


class Forbidden(ApiError):
    """403. Retrying helps only after the RBAC rules have changed."""


class NotFound(ApiError):
    """404: no such object, or no such kind."""


class AlreadyExists(ApiError):
    """409 on create."""


class Conflict(ApiError):
    """409: the object is not (any more) the one that was read."""


class Gone(ApiError):
    """410: the server has forgotten that resourceVersion or continue token."""


class Invalid(ApiError):
    """The server refuses this request whatever the state of the world."""


class Throttled(ApiError):
    """The server asked for less; `retry_after` may say for how long."""


class ServerError(ApiError):
    """The server failed."""


class Unreadable(ServerError):
    """The server's answer cannot be understood."""


class TooLarge(Unreadable):
    """The server's answer is larger than the client accepts; ask for less at a time."""


class Unreachable(ApiError):
    """There was no (complete) answer. The request may have been carried out."""


class NotConfigured(Exception):
    """There is no usable cluster configuration; the message says what was looked for and what to set."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: Invalid,
    409: Conflict,
    410: Gone,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: Throttled,
}
_BY_REASON: dict[str, type[ApiError]] = {"AlreadyExists": AlreadyExists, "Expired": Gone, "Gone": Gone}


def error_for_status(operation: str, message: str, *, status: int, reason: str, retry_after: float | None) -> ApiError:
    """Return the error that a Status object stands for: by reason where that is finer than the code, else by code."""
    kind = _BY_REASON.get(reason) or _BY_STATUS.get(status, ServerError)
    if status == 503 and retry_after is not None:
        kind = Throttled
    return kind(operation, message, status=status, reason=reason, retry_after=retry_after)


def truncate(text: str) -> str:
    """Return foreign text, cut short enough for a condition or a log line."""
    return text if len(text) <= FOREIGN_TEXT_LIMIT else text[: FOREIGN_TEXT_LIMIT - 3] + "..."
