"""What a sender is answered, and when.

| Status | Reason | When | What the sender should do |
|---|---|---|---|
| 200 | Woken | a wake-up of each object that it concerns is in the API | |
| 200 | NothingToWake | a ping, a deletion, an image that is not in the Receiver's scope or is suspended | |
| 200 | Duplicate, Stale | the delivery was acted on before; it is older than a day | |
| 400 | InvalidRequest | no HTTP as it is taken here, such as two lengths of one body | |
| 400 | InvalidPayload | authentic, but no payload of the type | |
| 401 | MissingSignature, InvalidSignature, WeakSignature | not signed by the sender | check the secret |
| 401 | MissingToken, InvalidToken, ExpiredToken, ForeignToken | the sender has not shown who it is | the same |
| 403 | ForeignToken | a valid token of somebody who is not allowed to call | |
| 404 | NotFound | no hook has this path, or had it before its token was replaced | |
| 405 | MethodNotAllowed | not POST | |
| 408 | TooSlow | the request did not arrive in time | |
| 413 | TooLarge, TooManyPieces | beyond the bounds of a body | |
| 415 | UnsupportedEncoding | compressed by something else than gzip or deflate | |
| 429 | HookRate | too many requests to this hook | come back after Retry-After |
| 429 | SourceRate | too many requests from this address to paths that are no hooks | the same |
| 431 | HeadersTooLarge | beyond the bounds of headers | |
| 501, 505 | InvalidRequest | a transfer encoding other than chunked; HTTP of another version than 1.0 and 1.1 | |
| 503 | Suspended | the Receiver is suspended | come back after Retry-After |
| 503 | NotConfigured | Secret, keys, type or expressions cannot be used; the Receiver's status says why | the same |
| 503 | ApiUnavailable | the API server did not take the wake-up, or did not say what there is or the token | the same |
| 503 | Overloaded, NotAnsweredInTime | no memory for a large body now; the answer took too long | the same |
"""

from typing import Final

from controllers.hookserver.answer import Answer
from controllers.webhooks.verdict import Refused

NO_TYPE: Final = "none"
"""In metrics, where the sender's type is not known."""

NOT_FOUND: Final = Answer(404, "NotFound")
METHOD_NOT_ALLOWED: Final = Answer(405, "MethodNotAllowed")
HOOK_RATE: Final = Answer(429, "HookRate", retry_after_seconds=1)
SOURCE_RATE: Final = Answer(429, "SourceRate", retry_after_seconds=5)
API_UNAVAILABLE: Final = Answer(503, "ApiUnavailable", retry_after_seconds=5)

CONFIGURE_SECONDS: Final = 60
"""When to try again what waits for a person."""


def woken(type: str) -> Answer:
    """Return the answer to what has woken something."""
    return Answer(200, "Woken", type)


def nothing_to_wake(type: str) -> Answer:
    """Return the answer to what has woken nothing, and is fine."""
    return Answer(200, "NothingToWake", type)


def not_fresh(freshness: str, type: str) -> Answer:
    """Return the answer to a delivery that is a copy, or too old to say."""
    return Answer(200, freshness.capitalize(), type)


def suspended(type: str) -> Answer:
    """Return the answer of a receiver that is suspended."""
    return Answer(503, "Suspended", type, CONFIGURE_SECONDS)


def not_configured(type: str) -> Answer:
    """Return the answer of a receiver that can verify nothing."""
    return Answer(503, "NotConfigured", type, CONFIGURE_SECONDS)


def api_unavailable(type: str) -> Answer:
    """Return the answer while the API server is away."""
    return Answer(503, API_UNAVAILABLE.reason, type, API_UNAVAILABLE.retry_after_seconds)


def refused(verdict: Refused, type: str) -> Answer:
    """Return the answer to what was refused."""
    return Answer(verdict.status, verdict.reason, type, CONFIGURE_SECONDS if verdict.status == 503 else 0)
