"""The clouds' SDKs: optional, large, and therefore imported by the first login that needs them."""

from importlib import import_module
from typing import Any

from controllers.cloud.errors import LoginFailed
from controllers.net.foreign_text import sanitize

SECONDS = 10
"""How long an SDK may wait for one answer."""
ATTEMPTS = 2
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


def login_error(error: Exception) -> LoginFailed:
    """Return the error for what an SDK raised, in its own words."""
    return LoginFailed(sanitize(str(error)))


def unexpected_answer_error(error: Exception) -> LoginFailed:
    """Return the error for one of UNEXPECTED_ERRORS, whose text may show anything."""
    return LoginFailed(f"unexpected answer ({type(error).__name__})")


def proxies(url: str) -> dict[str, str] | None:
    """Return a proxy in the form all three SDKs take; None leaves it to the environment."""
    return {"http": url, "https": url} if url else None
