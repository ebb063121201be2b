"""One operation on one image: negotiate, get a token, send, send again.

The scheme and challenge of a registry and its tokens are cached, so that a scan without news costs one request.
The keys hold everything that could make a difference, the proxy included: nobody's answers become another's. What a
registry asked of one repository is kept for that one.
"""

import asyncio
import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from cachetools import LRUCache, TLRUCache

from controllers.clock import Clock
from controllers.image.reference import Image, allows_http
from controllers.net.foreign_text import sanitize
from controllers.net.proxy.address import environment_secrets
from controllers.net.redaction import redact
from controllers.net.url import origin
from controllers.registry.access import Access
from controllers.registry.auth import (
    NO_CHALLENGE,
    Challenge,
    TokenKey,
    answer_basic,
    bearer_header,
    format_scope,
    parse_challenge,
)
from controllers.registry.budget import Permit
from controllers.registry.errors import (
    BadResponse,
    Denied,
    ImageNotFound,
    RegistryError,
    Throttled,
    Unavailable,
    reading_foreign_input,
)
from controllers.registry.locations import Location, locate
from controllers.registry.login import MAX_SCOPES, TokenCache, TokenLogin
from controllers.registry.messages import Overflow, RegistryRequest, RegistryResponse, Route
from controllers.registry.metering import PieceMeter
from controllers.registry.retry import RETRIED_STATUSES, compute_delay, parse_rate_hint
from controllers.registry.settings import RegistrySettings
from controllers.registry.status_errors import status_error
from controllers.registry.transport import LogInElsewhere, RegistryTransport

MAX_CACHED = 4096
MAX_TOKENS = 16_384
"""Some KiB each. The images of a registry are visited in turn: with one more than fit none would be found again."""
MAX_TOKEN_BYTES = 256 << 10
MAX_PING_BYTES = 64 << 10
HTTP_FALLBACK_DELAY = 0.3
"""Seconds that HTTPS has to answer before plain HTTP is tried beside it, where that is allowed."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The scheme and the challenge that a registry answers with."""

    scheme: str
    challenge: Challenge


class SessionCache:
    """What was learnt so far; lost with the process, learnt again by one request more."""

    def __init__(self, clock: Clock) -> None:
        self.negotiated: LRUCache[Hashable, Negotiated] = LRUCache(MAX_CACHED)
        self.tokens: TokenCache = TLRUCache(
            MAX_TOKENS, ttu=lambda _key, token, _now: token.renew_at, timer=clock.monotonic
        )


class Session:
    """For one operation; not to be used by two tasks at once."""

    def __init__(
        self,
        image: Image,
        access: Access,
        *,
        settings: RegistrySettings,
        transport: RegistryTransport,
        cache: SessionCache,
        clock: Clock,
        permit: Permit,
        deadline: float,
        jitter: Callable[[], float],
        client_id: str,
    ) -> None:
        self.location: Location = locate(image, settings.path_prefixes)
        self._image = Image(image.registry, self.location.repository)
        self._access = access
        self._route = Route(access.tls, access.proxy, settings.destinations.starting_from(image.registry))
        self._relations = settings.relations
        self._transport = transport
        self._cache = cache
        self._clock = clock
        self._permit = permit
        self._deadline = deadline
        self._jitter = jitter
        self._meter = PieceMeter()
        self._login = TokenLogin(
            access,
            relations=settings.relations,
            tokens=cache.tokens,
            clock=clock,
            client_id=client_id,
            request=self._request_token,
        )
        # What a registry says at /v2/ holds for all of it, what it says of a repository for that one alone: whoever
        # answers for one must not decide where the credentials for another go.
        self._registry_key = (self.location.base, self._route, access.allows_http(image))
        self._repository_key = (*self._registry_key, self.location.repository)
        self._more_scopes: list[str] = []
        """What the registry asks for beyond pulling the image."""
        self.current_request = RegistryRequest("GET", f"https://{self.location.base}/v2/")
        """The request under way, for the text of a deadline."""
        self.exhausted_for: timedelta | None = None
        """How long to send nothing, as the last answer asked."""

    @contextmanager
    def hide_secrets(self) -> Iterator[None]:
        """Take credentials and tokens of this session out of the texts of errors raised inside."""
        try:
            yield
        except RegistryError as error:
            # What was sent, or given to us to be sent, must not come back in a server's words.
            secrets = (*self._access.secrets, *self._login.secrets, *environment_secrets(os.environ))
            error.args = (redact(str(error), secrets),)
            raise

    def reading_answers(self) -> AbstractContextManager[None]:
        """Turn what parsers raise over an answer into BadResponse, with the request that it was the answer to."""
        return reading_foreign_input(lambda: self.current_request.summary)

    async def scheme(self) -> str:
        """Return `https` or `http`, as remembered or negotiated now."""
        return (await self._negotiate()).scheme

    async def url(self, path: str) -> str:
        """Return the URL of something in the repository: `manifests/1.0`."""
        return f"{await self.scheme()}://{self.location.base}/v2/{self.location.repository}/{path}"

    def is_quotable(self, url: str) -> bool:
        """Return whether an answer from `url` may be quoted: only the image's own host speaks to who named it.

        Others may be internal services that the host leads us to; so may be siblings, whose names are the host's to
        give. A token service that is known is as good as the host itself.
        """
        ours, theirs = urlsplit(f"//{self._image.registry}").hostname, urlsplit(url).hostname
        return ours == theirs or self._relations.is_known(self._image.registry, theirs or "")

    async def send(
        self,
        request: RegistryRequest,
        *,
        max_bytes: int,
        accepted: Iterable[int] = (200,),
        overflow: Overflow | None = None,
    ) -> RegistryResponse:
        """Return the answer to an authorised request. Raises the RegistryError that fits any other status.

        overflow: makes what takes the body of a success with more than `max_bytes`.
        """
        negotiated = await self._negotiate()
        remembered = self._login.cached(self._token_key(negotiated))
        try:
            answer = await self._send_authorized(request, negotiated, max_bytes, overflow)
            first = True
            while answer.status == 401 and origin(answer.url) == origin(request.url):
                self._login.forget(self._token_key(negotiated))
                challenge = parse_challenge(answer.challenges)
                changed = challenge not in {NO_CHALLENGE, negotiated.challenge}
                if not (self._asks_for_more(challenge) or (first and (changed or remembered))):
                    break
                first = False
                negotiated = Negotiated(negotiated.scheme, challenge if changed else negotiated.challenge)
                self._cache.negotiated[self._repository_key] = negotiated
                answer = await self._send_authorized(request, negotiated, max_bytes, overflow)
        except (Unavailable, BadResponse):
            self._forget_negotiated()
            raise
        if answer.status in accepted:
            return answer
        raise self.status_error(request, answer)

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

    def status_error(self, request: RegistryRequest, answer: RegistryResponse) -> RegistryError:
        """Return the error for an answer that is not a success."""
        quotable = self.is_quotable(answer.url)
        error = status_error(
            request.method,
            request.url,
            answer.status,
            answer.body if quotable else b"",
            parse_rate_hint(answer.headers, now=self._clock.now()),
            unquoted="" if quotable else urlsplit(answer.url).netloc,
        )
        if isinstance(error, Unavailable | BadResponse):
            self._forget_negotiated()
        if isinstance(error, Denied | ImageNotFound) and self._login.withheld:
            registry, host = self._login.withheld[0], sanitize(self._login.withheld[1])
            return type(error)(
                f"{error}; the credentials were not sent to the token service at {host}, which is not known to belong "
                f"to {registry}: if it does, allow it with --registry-token-services={registry}={host}"
            )
        return error

    def _forget_negotiated(self) -> None:
        self._cache.negotiated.pop(self._registry_key, None)
        self._cache.negotiated.pop(self._repository_key, None)

    async def _send_authorized(
        self,
        request: RegistryRequest,
        negotiated: Negotiated,
        max_bytes: int,
        overflow: Overflow | None,
    ) -> RegistryResponse:
        authorization = await self._authorization(negotiated)
        return await self._send_with_retries(
            RegistryRequest(request.method, request.url, {**request.headers, **authorization}, request.body),
            max_bytes,
            overflow,
            self._login.log_in_elsewhere,
        )

    async def _authorization(self, negotiated: Negotiated) -> dict[str, str]:
        credentials, challenge = self._access.credentials, negotiated.challenge
        match challenge.scheme:
            case "":
                return {}
            case "basic":
                return answer_basic(credentials)
            case "bearer":
                scopes, scheme = self._scopes(), negotiated.scheme
                return bearer_header(
                    await self._login.get_token(
                        self._image, challenge, credentials, scopes=scopes, registry_scheme=scheme
                    )
                )
            case other:
                raise BadResponse(f"{self._image.registry}: unrecognized challenge: {sanitize(other)}")

    def _scopes(self) -> list[str]:
        return [format_scope(self._image), *self._more_scopes]

    def _token_key(self, negotiated: Negotiated) -> TokenKey:
        return self._login.key(self._image, negotiated.challenge, self._scopes())

    async def _request_token(self, request: RegistryRequest) -> bytes:
        """Send a request to a token service; for `TokenLogin`."""
        answer = await self._send_with_retries(request, MAX_TOKEN_BYTES)
        if answer.status != 200:
            raise self.status_error(request, answer)
        return answer.body

    async def _negotiate(self) -> Negotiated:
        for key in (self._repository_key, self._registry_key):
            if cached := self._cache.negotiated.get(key):
                return cached
        if not self._access.allows_http(self._image):
            negotiated = await self._ping_https()
        else:
            negotiated = await self._ping_both()
        self._cache.negotiated[self._registry_key] = negotiated
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
        request = RegistryRequest("GET", f"{scheme}://{self.location.base}/v2/")
        answer = await self._send_with_retries(request, MAX_PING_BYTES)
        if answer.status == 401 and origin(answer.url) != origin(request.url):
            return Negotiated(scheme, NO_CHALLENGE)  # another registry's, which says so again where it matters
        if answer.status == 200:
            return Negotiated(scheme, NO_CHALLENGE)
        if answer.status == 401:
            return Negotiated(scheme, parse_challenge(answer.challenges))
        raise self.status_error(request, answer)

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

    async def _send_with_retries(
        self,
        request: RegistryRequest,
        max_bytes: int,
        overflow: Overflow | None = None,
        log_in_elsewhere: LogInElsewhere | None = None,
    ) -> RegistryResponse:
        """Return the answer after as many attempts as `retry` allows."""
        attempt = 0
        while True:
            self.current_request = request
            attempt += 1
            retry_after = None
            answer: RegistryResponse | RegistryError
            await self._permit.wait_turn()
            try:
                answer = await self._transport.send(
                    request,
                    self._route,
                    max_bytes=max_bytes,
                    meter=self._meter,
                    overflow=overflow,
                    log_in_elsewhere=log_in_elsewhere,
                )
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
