"""The clouds' SDKs: optional, large, and therefore imported by the first login that needs them."""

from importlib import import_module
from typing import Any

from controllers.registry.errors import LoginFailed

SECONDS = 10
"""What an SDK may wait for one answer."""
ATTEMPTS = 2


def load(module: str, *, extra: str) -> Any:
    """A module of an SDK; some tenths of a second the first time. Raises LoginFailed when it is not installed.

    extra: of our own package, which brings the SDK.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise LoginFailed(f"provider '{extra}' needs {module.partition('.')[0]}: install tagline[{extra}]") from error


def proxies(url: str) -> dict[str, str] | None:
    """A proxy in the form all three SDKs take; None leaves it to the environment."""
    return {"http": url, "https": url} if url else None
