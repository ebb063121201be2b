"""Keys of the issuers of identity tokens: found by OpenID Connect Discovery, kept for a while, fetched for a new key.

Only issuers are asked that a Receiver names, only over HTTPS, and only where URLs of tenants may lead. What strangers
send makes no more than a request a minute: a token can name any key.
https://openid.net/specs/openid-connect-discovery-1_0.html, RFC 8414, RFC 7517.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from controllers.clock import Clock
from controllers.faircache import FairCache
from controllers.runtime import logkey
from controllers.singleflight import Singleflight
from controllers.webhooks.payload import parse_object, text
from controllers.webhooks.verdict import Refusal

FRESH_SECONDS: Final = 3600.0
STALE_SECONDS: Final = 6 * 3600.0
"""So long old keys are taken while the issuer cannot be asked."""
RETRY_SECONDS: Final = 60.0
"""Between two attempts, whatever for."""
FETCH_SECONDS: Final = 8.0
MAX_ISSUERS: Final = 256
MAX_KEYS: Final = 256
WELL_KNOWN: Final = "/.well-known/openid-configuration"

Fetch = Callable[[str, str], Awaitable[bytes]]
"""From a URL, and the host that the user's spec names, to the document there. Raises FetchFailed."""


class FetchFailed(Exception):
    """An issuer's document could not be had, or is not what it should be; the text says why."""


@dataclass(slots=True)
class Known:
    """What is known of an issuer."""

    keys: Any = None
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    """Both in monotonic seconds."""


class IssuerKeys:
    """The key sets of issuers, for each namespace by itself. Used from one event loop, by any number of tasks."""

    def __init__(self, fetch: Fetch, clock: Clock, log: logging.Logger) -> None:
        self._fetch = fetch
        self._clock = clock
        self._log = log
        self._known: FairCache[str, Known] = FairCache(MAX_ISSUERS)
        self._calls: Singleflight[None] = Singleflight()

    async def find(self, issuer: str, *, owner: str, key_name: str) -> Any:
        """Return a key set (RFC 7517), with the key of that name if the issuer has it; None where it cannot be had.

        owner: the namespace whose Receiver names the issuer
        """
        known = self._known.get(owner, issuer)
        if known is None:
            known = Known()
            self._known.put(owner, issuer, known)
        now = self._clock.monotonic()
        is_due = now - known.fetched_at > FRESH_SECONDS or not _has_key(known.keys, key_name)
        if is_due and now - known.tried_at > RETRY_SECONDS:
            await self._calls.join((owner, issuer), lambda _: self._refresh(known, issuer))
        return known.keys if self._clock.monotonic() - known.fetched_at < STALE_SECONDS else None

    async def _refresh(self, known: Known, issuer: str) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                known.keys = await self._discover(issuer)
        except (FetchFailed, TimeoutError) as error:
            why = str(error) or "no answer in time"
            self._log.error("cannot fetch the keys of an issuer", extra={"issuer": issuer, logkey.ERROR: why})
        else:
            known.fetched_at = self._clock.monotonic()
        finally:
            known.tried_at = self._clock.monotonic()  # not before: who comes meanwhile waits for the same answer

    async def _discover(self, issuer: str) -> Any:
        host = urlsplit(issuer).hostname or ""
        about = _document(await self._fetch(issuer.rstrip("/") + WELL_KNOWN, host))
        if about.get("issuer") != issuer:
            raise FetchFailed("the document is about another issuer")
        url = _field(about, "jwks_uri")
        if not is_https_url(url):
            raise FetchFailed("jwks_uri is not an https URL")
        keys = _document(await self._fetch(url, host))
        if not isinstance(keys.get("keys"), list) or len(keys["keys"]) > MAX_KEYS:
            raise FetchFailed(f"the document at jwks_uri has no list `keys` of {MAX_KEYS} items at most")
        return keys


def is_https_url(text: str) -> bool:
    """Return whether a text is a URL that documents of issuers may be fetched from."""
    try:
        parts = urlsplit(text)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:  # brackets without an address between them, or a port that is none
        return False


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        return parse_object(body)
    except Refusal as refusal:
        raise FetchFailed(f"not a JSON document: {refusal}") from None


def _field(document: Mapping[str, Any], name: str) -> str:
    try:
        return text(document, name)
    except Refusal as refusal:
        raise FetchFailed(str(refusal)) from None


def _has_key(key_set: Any, name: str) -> bool:
    if key_set is None:
        return False
    return not name or any(isinstance(key, dict) and key.get("kid") == name for key in key_set["keys"])
