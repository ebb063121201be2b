"""The clouds' SDKs: optional, large, and therefore imported by the first login that needs them."""

import os
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from controllers.cloud.errors import LoginFailed
from controllers.net.credential import UnfitCredential, fit_token
from controllers.net.foreign_text import sanitize
from controllers.net.library_errors import describe
from controllers.net.redaction import redact
from controllers.net.url import redact_text

SECONDS = 10
"""How long an SDK may wait for one answer."""
ATTEMPTS = 2
IN_THE_CLOUD_S_WORDS = frozenset(
    {
        "ClientAuthenticationError",
        "ClientError",
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "CredentialUnavailableError",
        "DefaultCredentialsError",
        "EndpointConnectionError",
        "HttpResponseError",
        "NoCredentialsError",
        "OAuthError",
        "PartialCredentialsError",
        "ReadTimeoutError",
        "RefreshError",
    }
)
"""Errors of SDKs whose text is a constant, an address, or what the cloud answered."""
MIN_CHARS = 8
_SECRET_VARIABLE = re.compile(r"(?:SECRET|TOKEN|PASSWORD)(?!.*_(?:FILE|URI|PATH)$)")
_LIKE_A_SECRET = re.compile(r"\beyJ[\w-]+\.[\w.-]*|[A-Za-z0-9+_=-]{64,}")
"""JSON Web Tokens, and words that no message has: a credential of the process that we never saw may be among them."""
UNEXPECTED_ERRORS = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What SDKs raise when an answer lacks what they look for."""


def load(module: str, *, extra: str) -> Any:
    """Import a module of an SDK; some tenths of a second the first time. Raises LoginFailed when it is not installed.

    extra: the extra of our own package that brings the SDK.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise LoginFailed(f"provider '{extra}' needs {module.partition('.')[0]}: install tagline[{extra}]") from error


def login_error(error: Exception, secrets: Iterable[str] = ()) -> LoginFailed:
    """Return the error for what an SDK raised, in the cloud's own words where it is known that they are.

    secrets: what was sent to the cloud, and taken out of its words. Of other errors, the cause is named if it is known.
    """
    if type(error).__name__ not in IN_THE_CLOUD_S_WORDS:
        return LoginFailed(describe(error))
    words = redact(redact_text(str(error)), (*secrets, *_environment_secrets()))
    return LoginFailed(sanitize(_LIKE_A_SECRET.sub("REDACTED", words)))


def fit(value: str, what: str) -> str:
    """Return a token or password that a cloud gave, as it can be sent. Raises LoginFailed without repeating it."""
    try:
        return fit_token(value, what)
    except UnfitCredential as error:
        raise LoginFailed(str(error).partition(";")[0]) from None


def _environment_secrets() -> Iterator[str]:
    return (value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name) and len(value) >= MIN_CHARS)


def unexpected_answer_error(error: Exception) -> LoginFailed:
    """Return the error for one of UNEXPECTED_ERRORS, whose text may show anything."""
    return LoginFailed(f"unexpected answer ({type(error).__name__})")


def proxies(url: str) -> dict[str, str] | None:
    """Return a proxy in the form all three SDKs take; None leaves it to the environment."""
    return {"http": url, "https": url} if url else None
