"""Tokens for one session: remembered ones, else asked for; also for other registries that a redirect leads to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from cachetools import TLRUCache

from controllers.clock import Clock
from controllers.image.reference import Image
from controllers.net.foreign_text import sanitize
from controllers.registry.access import Access
from controllers.registry.auth import (
    Challenge,
    TokenKey,
    answer_basic,
    bearer_header,
    build_token_request,
    format_scope,
    has_secret,
    parse_challenge,
    parse_token,
    realm_host,
)
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import BadResponse
from controllers.registry.messages import RegistryRequest
from controllers.registry.realms import Relations

MAX_SCOPES = 3
"""Asked for beyond pulling the image, in one session."""
OPERATIONS = ("/tags/list", "/manifests/", "/blobs/")
"""What follows the name of a repository in a path."""


@dataclass(frozen=True, slots=True)
class CachedToken:
    value: str = field(repr=False)
    renew_at: float
    """In monotonic seconds."""


TokenCache = TLRUCache[TokenKey, CachedToken]
RequestToken = Callable[[RegistryRequest], Awaitable[bytes]]
"""Send a request to a token service and return the body of its success. Raises RegistryError."""


class TokenLogin:
    """Who we are to the registry of an image, and to others."""

    def __init__(
        self,
        access: Access,
        *,
        relations: Relations,
        tokens: TokenCache,
        clock: Clock,
        client_id: str,
        request: RequestToken,
    ) -> None:
        self._access = access
        self._relations = relations
        self._tokens = tokens
        self._clock = clock
        self._client_id = client_id
        self._request = request
        self.withheld: tuple[str, str] | None = None
        """Registry and host of a token service that did not get the credentials, since they do not belong together."""
        self.secrets: set[str] = set()
        """Tokens, and credentials for other hosts, that may have been sent; for `redact`."""

    def key(self, image: Image, challenge: Challenge, scopes: Sequence[str]) -> TokenKey:
        return TokenKey(image.registry, challenge, " ".join(scopes), self._access)

    def cached(self, key: TokenKey) -> str:
        """Return the remembered token while it is good, else ""."""
        token = self._tokens.get(key)
        return token.value if token else ""

    def forget(self, key: TokenKey) -> None:
        self._tokens.pop(key, None)

    async def get_token(
        self,
        image: Image,
        challenge: Challenge,
        credentials: Credentials | None,
        *,
        scopes: Sequence[str],
        registry_scheme: str,
    ) -> str:
        """Return a token for the registry of `image`. Raises RegistryError.

        The credentials are sent only to a token service that belongs to the registry; else nobody's token is asked for.
        """
        if credentials and credentials.registry_token:
            return credentials.registry_token
        key = self.key(image, challenge, scopes)
        if token := self.cached(key):
            self.secrets.add(token)
            return token
        host = realm_host(image, challenge)
        if has_secret(credentials) and not self._relations.belongs(image.registry, host):
            self.withheld, credentials = (image.registry, host), None
        asked_at = self._clock.monotonic()
        request = build_token_request(
            image,
            challenge,
            credentials,
            registry_scheme=registry_scheme,
            client_id=self._client_id,
            scopes=scopes,
            access=self._access,
        )
        issued = parse_token(request.summary, await self._request(request))
        self.secrets.add(issued.value)
        self._tokens[key] = CachedToken(issued.value, asked_at + issued.renew_after().total_seconds())
        return issued.value

    async def log_in_elsewhere(self, url: str, challenges: Sequence[str], *, refused: bool) -> dict[str, str]:
        """Return the header for `url` on another registry, which a redirect led to and which answered 401.

        With what the pull secrets have for that host, else as nobody; never with what is for the image's own host.
        refused: a header of ours has been sent, which may be an old one. Empty where there is nothing to send.
        Raises RegistryError.
        """
        parts = urlsplit(url)
        image, challenge = Image(parts.netloc, _repository(parts.path)), parse_challenge(challenges)
        keyring = self._access.keyring
        find = partial(keyring.find_elsewhere, image)
        credentials = find() if keyring.is_short else await asyncio.to_thread(find)
        if credentials:
            self.secrets.update(credentials.secrets)
            if parts.scheme == "http" and not self._access.allows_http_elsewhere(image):
                raise BadResponse(f"redirect to {sanitize(parts.netloc)}: it would get the credentials in plain text")
        if challenge.scheme == "basic":
            return {} if refused else answer_basic(credentials)
        if challenge.scheme != "bearer":
            return {}
        if credentials and credentials.registry_token:
            return {} if refused else bearer_header(credentials.registry_token)
        scopes = challenge.scope.split()[: 1 + MAX_SCOPES] or [format_scope(image)]
        if refused:
            self.forget(self.key(image, challenge, scopes))
        token = await self.get_token(image, challenge, credentials, scopes=scopes, registry_scheme=parts.scheme)
        return bearer_header(token)


def _repository(path: str) -> str:
    """Return the repository that a path of a registry's API names; "" for another path."""
    _, found, rest = path.partition("/v2/")
    ends = [end for operation in OPERATIONS if (end := rest.rfind(operation)) > 0]
    return rest[: max(ends)] if found and ends else ""
