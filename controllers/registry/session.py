"""One operation on one image: negotiate, get a token, send, send again.

The scheme and challenge of a registry and its tokens are cached, so that a scan without news costs one request.
The keys hold everything that could make a difference, the proxy included: nobody's answers become another's.
"""

import asyncio
import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cachetools import LRUCache, TLRUCache

from controllers.clock import Clock
from controllers.image.reference import Image, allows_http
from controllers.net.proxy.address import environment_secrets
from controllers.net.redaction import redact
from controllers.registry.access import Access
from controllers.registry.auth import (
    NO_CHALLENGE,
    Challenge,
    TokenKey,
    basic_header,
    bearer_header,
    build_token_request,
    format_scope,
    parse_challenge,
    parse_token,
)
from controllers.registry.budget import Permit
from controllers.registry.errors import BadResponse, RegistryError, Throttled, Unavailable
from controllers.registry.messages import RegistryRequest, RegistryResponse, Route
from controllers.registry.retry import RETRIED_STATUSES, compute_delay, parse_rate_hint
from controllers.registry.status_errors import status_error
from controllers.registry.transport import RegistryTransport

MAX_CACHED = 4096
MAX_TOKEN_BYTES = 256 << 10
MAX_PING_BYTES = 64 << 10
MAX_SCOPES = 3
"""Asked for beyond pulling the image, in one session."""
HTTP_FALLBACK_DELAY = 0.3
"""Seconds that HTTPS has to answer before plain HTTP is tried beside it, where that is allowed."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The scheme and the challenge that a registry answers with."""

    scheme: str
    challenge: Challenge


@dataclass(frozen=True, slots=True)
class CachedToken:
    value: str = field(repr=False)
    renew_at: float
    """In monotonic seconds."""


class SessionCache:
    """What was learnt so far; lost with the process, learnt again by one request more."""

    def __init__(self, clock: Clock) -> None:
        self.negotiated: LRUCache[Hashable, Negotiated] = LRUCache(MAX_CACHED)
        self.tokens: TLRUCache[TokenKey, CachedToken] = TLRUCache(
            MAX_CACHED, ttu=lambda _key, token, _now: token.renew_at, timer=clock.monotonic
        )


class Session:
    """For one operation; not to be used by two tasks at once."""

    def __init__(
        self,
        image: Image,
        access: Access,
        *,
        transport: RegistryTransport,
        cache: SessionCache,
        clock: Clock,
        permit: Permit,
        deadline: float,
        jitter: Callable[[], float],
        client_id: str,
    ) -> None:
        self._image = image
        self._access = access
        self._route = Route(access.tls, access.proxy)
        self._transport = transport
        self._cache = cache
        self._clock = clock
        self._permit = permit
        self._deadline = deadline
        self._jitter = jitter
        self._client_id = client_id
        self._negotiation_key = (image.registry, self._route, access.allows_http(image))
        self._more_scopes: list[str] = []
        """What the registry asks for beyond pulling the image."""
        self.current_request = RegistryRequest("GET", f"https://{image.registry}/v2/")
        """The request under way, for the text of a deadline."""
        self.exhausted_for: timedelta | None = None
        """How long to send nothing, as the last answer asked."""
        self._secrets = {secret for secret in access.secrets if secret}
        """What was sent, or given to us to be sent, and must not come back in a server's words."""

    @contextmanager
    def hide_secrets(self) -> Iterator[None]:
        """Take credentials and tokens of this session out of the texts of errors raised inside."""
        try:
            yield
        except RegistryError as error:
            secrets = (*self._secrets, *environment_secrets(os.environ))
            error.args = (redact(str(error), secrets),)
            raise

    async def scheme(self) -> str:
        """Return `https` or `http`, as remembered or negotiated now."""
        return (await self._negotiate()).scheme

    async def send(
        self, request: RegistryRequest, *, max_bytes: int, accepted: Iterable[int] = (200,)
    ) -> RegistryResponse:
        """Return the answer to an authorised request. Raises the RegistryError that fits any other status."""
        negotiated = await self._negotiate()
        remembered = self._cached_token(negotiated)
        try:
            answer = await self._send_authorized(request, negotiated, max_bytes)
            first = True
            while answer.status == 401:
                self._cache.tokens.pop(self._token_key(negotiated), None)
                challenge = parse_challenge(answer.challenges)
                changed = challenge not in {NO_CHALLENGE, negotiated.challenge}
                if not (self._asks_for_more(challenge) or (first and (changed or remembered))):
                    break
                first = False
                negotiated = self._remember(
                    Negotiated(negotiated.scheme, challenge if changed else negotiated.challenge)
                )
                answer = await self._send_authorized(request, negotiated, max_bytes)
        except (Unavailable, BadResponse):
            self._cache.negotiated.pop(self._negotiation_key, None)
            raise
        if answer.status in accepted:
            return answer
        raise self._status_error(request, answer)

    def _asks_for_more(self, challenge: Challenge) -> bool:
        """Return whether the registry asks for a scope that no token of this session was asked for; takes note of it.

        Each scope is asked for once, and MAX_SCOPES at most: a registry cannot keep a session going.
        """
        if challenge.scheme != "bearer" or (self._access.credentials and self._access.credentials.registry_token):
            return False
        asked_for = {format_scope(self._image), *self._more_scopes}
        missing = [scope for scope in challenge.scope.split() if scope not in asked_for]
        missing = missing[: MAX_SCOPES - len(self._more_scopes)]
        self._more_scopes += missing
        return bool(missing)

    def _status_error(self, request: RegistryRequest, answer: RegistryResponse) -> RegistryError:
        error = status_error(
            request.method,
            request.url,
            answer.status,
            answer.body,
            parse_rate_hint(answer.headers, now=self._clock.now()),
        )
        if isinstance(error, Unavailable | BadResponse):
            self._cache.negotiated.pop(self._negotiation_key, None)
        return error

    async def _send_authorized(
        self, request: RegistryRequest, negotiated: Negotiated, max_bytes: int
    ) -> RegistryResponse:
        authorization = await self._authorization(negotiated)
        headers = {**request.headers, **authorization}
        return await self._send_with_retries(
            RegistryRequest(request.method, request.url, headers, request.body), max_bytes
        )

    async def _authorization(self, negotiated: Negotiated) -> dict[str, str]:
        match negotiated.challenge.scheme:
            case "":
                return {}
            case "basic":
                return basic_header(self._access.credentials)
            case "bearer":
                return bearer_header(await self._get_token(negotiated))
            case other:
                raise BadResponse(f"{self._image.registry}: unrecognized challenge: {other}")

    async def _get_token(self, negotiated: Negotiated) -> str:
        credentials = self._access.credentials
        if credentials and credentials.registry_token:
            return credentials.registry_token
        if cached := self._cached_token(negotiated):
            self._secrets.add(cached)
            return cached
        asked_at = self._clock.monotonic()
        request = build_token_request(
            self._image,
            negotiated.challenge,
            self._access,
            registry_scheme=negotiated.scheme,
            client_id=self._client_id,
            more_scopes=self._more_scopes,
        )
        answer = await self._send_with_retries(request, MAX_TOKEN_BYTES)
        if answer.status != 200:
            raise self._status_error(request, answer)
        token = parse_token(request.summary, answer.body)
        self._secrets.add(token.value)
        renew_at = asked_at + token.renew_after().total_seconds()
        self._cache.tokens[self._token_key(negotiated)] = CachedToken(token.value, renew_at)
        return token.value

    def _cached_token(self, negotiated: Negotiated) -> str:
        """Return the remembered token while it is good, else ""."""
        token = self._cache.tokens.get(self._token_key(negotiated))
        return token.value if token else ""

    def _token_key(self, negotiated: Negotiated) -> TokenKey:
        return TokenKey(
            self._image.registry,
            negotiated.challenge,
            " ".join([format_scope(self._image), *self._more_scopes]),
            self._access,
        )

    async def _negotiate(self) -> Negotiated:
        if cached := self._cache.negotiated.get(self._negotiation_key):
            return cached
        if not self._access.allows_http(self._image):
            return self._remember(await self._ping_https())
        return self._remember(await self._ping_both())

    def _remember(self, negotiated: Negotiated) -> Negotiated:
        self._cache.negotiated[self._negotiation_key] = negotiated
        return negotiated

    async def _ping_https(self) -> Negotiated:
        try:
            return await self._ping("https")
        except Unavailable as error:
            if not allows_http(self._image, insecure=False):
                raise
            text = f"{error}; plain HTTP is not tried at private addresses without spec.insecure"
            raise Unavailable(text, connection_lost=error.connection_lost, unreachable=error.unreachable) from error

    async def _ping(self, scheme: str) -> Negotiated:
        request = RegistryRequest("GET", f"{scheme}://{self._image.registry}/v2/")
        answer = await self._send_with_retries(request, MAX_PING_BYTES)
        if answer.status == 200:
            return Negotiated(scheme, NO_CHALLENGE)
        if answer.status == 401:
            return Negotiated(scheme, parse_challenge(answer.challenges))
        raise self._status_error(request, answer)

    async def _ping_both(self) -> Negotiated:
        """Ask by HTTPS; by plain HTTP, too, when that fails or is silent for a moment. The first success counts."""
        https = asyncio.ensure_future(self._ping("https"))
        timer = asyncio.ensure_future(self._clock.sleep(HTTP_FALLBACK_DELAY))
        http: asyncio.Future[Negotiated] | None = None
        try:
            await asyncio.wait({https, timer}, return_when=asyncio.FIRST_COMPLETED)
            if https.done() and not https.exception():
                return https.result()
            http = asyncio.ensure_future(self._ping("http"))
            tasks = {https, http}
            while tasks:
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if negotiated := next((task.result() for task in done if not task.exception()), None):
                    return negotiated
        finally:
            await _cancel(https, timer, http)
        raise _merge_errors(https.exception(), http.exception())

    async def _send_with_retries(self, request: RegistryRequest, max_bytes: int) -> RegistryResponse:
        """Return the answer after as many attempts as `retry` allows."""
        attempt = 0
        while True:
            self.current_request = request
            attempt += 1
            retry_after = None
            answer: RegistryResponse | RegistryError
            await self._permit.wait_turn()
            try:
                answer = await self._transport.send(request, self._route, max_bytes=max_bytes)
            except Unavailable as error:
                self._permit.record_response(0)
                if not error.connection_lost:
                    raise
                answer = error
            else:
                self._permit.record_response(answer.status)
                rate_hint = parse_rate_hint(answer.headers, now=self._clock.now())
                retry_after, self.exhausted_for = rate_hint.retry_after, rate_hint.exhausted_for
                if answer.status not in RETRIED_STATUSES:
                    return answer
            remaining = timedelta(seconds=self._deadline - self._clock.monotonic())
            delay = compute_delay(attempt, retry_after=retry_after, remaining=remaining, jitter=self._jitter())
            if delay is None:
                if isinstance(answer, RegistryError):
                    raise answer
                return answer
            await self._clock.sleep(delay.total_seconds())


async def _cancel(*tasks: asyncio.Future[Any] | None) -> None:
    running = [task for task in tasks if task and not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)


def _merge_errors(https: BaseException | None, http: BaseException | None) -> RegistryError:
    errors = [error for error in (https, http) if isinstance(error, RegistryError)]
    text = "; ".join(map(str, errors))
    if all(isinstance(error, Unavailable) for error in errors):
        return Unavailable(text, unreachable=all(isinstance(e, Unavailable) and e.unreachable for e in errors))
    decisive = next(error for error in errors if not isinstance(error, Unavailable))
    return decisive if isinstance(decisive, Throttled) else type(decisive)(text)
