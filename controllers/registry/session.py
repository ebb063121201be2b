"""One operation on one image: negotiates, gets a token, asks, asks again.

What was learnt of a registry (scheme, challenge) and the tokens are kept in a `Memory`, so that a quiet rescan costs
one request. Memory is kept by everything that could make a difference, the proxy included: nobody's answers become
another's.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from cachetools import LRUCache

from controllers.image.reference import Image, allows_http
from controllers.registry.access import Access
from controllers.registry.auth import (
    ANONYMOUS,
    Challenge,
    TokenKey,
    basic,
    bearer,
    read_challenge,
    read_token,
    scope_of,
    token_request,
)
from controllers.registry.budget import Place
from controllers.registry.errors import BadAnswer, RegistryError, Throttled, Unavailable
from controllers.registry.refusal import refusal
from controllers.registry.retry import RETRIED_STATUSES, delay_before, read_pace
from controllers.registry.transport import Answer, Request, Transport, Way

MAX_REMEMBERED = 4096
MAX_TOKEN_BYTES = 256 << 10
MAX_PING_BYTES = 64 << 10
HTTP_FALLBACK_DELAY = 0.3
"""Seconds that HTTPS has to answer before plain HTTP is tried beside it, where that is allowed."""


class Clock(Protocol):
    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Manners:
    """How a registry wants to be asked."""

    scheme: str
    challenge: Challenge


@dataclass(slots=True)
class Memory:
    """Learnt so far; lost with the process, learnt again by one request more."""

    manners: LRUCache[Hashable, Manners] = field(default_factory=lambda: LRUCache(MAX_REMEMBERED))
    tokens: LRUCache[TokenKey, tuple[str, float]] = field(default_factory=lambda: LRUCache(MAX_REMEMBERED))
    """Token and when to renew it, in monotonic seconds."""


class Session:
    """For one operation; not to be used by two tasks at once."""

    def __init__(
        self,
        image: Image,
        access: Access,
        *,
        transport: Transport,
        memory: Memory,
        clock: Clock,
        place: Place,
        deadline: float,
        jitter: Callable[[], float],
        client_id: str,
    ) -> None:
        self._image = image
        self._access = access
        self._way = Way(access.tls, access.proxy)
        self._transport = transport
        self._memory = memory
        self._clock = clock
        self._place = place
        self._deadline = deadline
        self._jitter = jitter
        self._client_id = client_id
        self._manners_key = (image.registry, self._way, allows_http(image, access.insecure))
        self.asked = Request("GET", f"https://{image.registry}/v2/")
        """The request under way, for the text of a deadline."""
        self.exhausted_for: timedelta | None = None
        """The last answer's word that no more should be asked for this long."""

    async def scheme(self) -> str:
        """`https` or `http`, as remembered or negotiated now."""
        return (await self._manners()).scheme

    async def ask(self, request: Request, *, max_bytes: int, accepted: Iterable[int] = (200,)) -> Answer:
        """The answer to an authorised request. Raises the RegistryError that fits any other status."""
        manners = await self._manners()
        remembered = self._kept_token(manners)
        try:
            answer = await self._authorised(request, manners, max_bytes)
            if answer.status == 401:
                self._memory.tokens.pop(self._token_key(manners), None)
                challenge = read_challenge(answer.challenges)
                changed = challenge not in {ANONYMOUS, manners.challenge}
                if changed or remembered:
                    manners = self._remember(Manners(manners.scheme, challenge if changed else manners.challenge))
                    answer = await self._authorised(request, manners, max_bytes)
        except (Unavailable, BadAnswer):
            self._memory.manners.pop(self._manners_key, None)
            raise
        if answer.status in accepted:
            return answer
        raise self._refused(request, answer)

    def _refused(self, request: Request, answer: Answer) -> RegistryError:
        error = refusal(
            request.method, request.url, answer.status, answer.body, read_pace(answer.headers, now=self._clock.now())
        )
        if isinstance(error, Unavailable | BadAnswer):
            self._memory.manners.pop(self._manners_key, None)
        return error

    async def _authorised(self, request: Request, manners: Manners, max_bytes: int) -> Answer:
        authorization = await self._authorization(manners)
        headers = {**request.headers, **authorization}
        return await self._send(Request(request.method, request.url, headers, request.body), max_bytes)

    async def _authorization(self, manners: Manners) -> dict[str, str]:
        match manners.challenge.scheme:
            case "":
                return {}
            case "basic":
                return basic(self._access.credentials)
            case "bearer":
                return bearer(await self._token(manners))
            case other:
                raise BadAnswer(f"{self._image.registry}: unrecognized challenge: {other}")

    async def _token(self, manners: Manners) -> str:
        credentials = self._access.credentials
        if credentials and credentials.registry_token:
            return credentials.registry_token
        if kept := self._kept_token(manners):
            return kept
        asked_at = self._clock.monotonic()
        asked = token_request(
            self._image,
            manners.challenge,
            self._access,
            registry_scheme=manners.scheme,
            client_id=self._client_id,
        )
        request = Request(asked.method, asked.url, asked.headers, asked.body)
        answer = await self._send(request, MAX_TOKEN_BYTES)
        if answer.status != 200:
            raise self._refused(request, answer)
        token = read_token(request.what, answer.body)
        self._memory.tokens[self._token_key(manners)] = token.value, asked_at + token.renew_after().total_seconds()
        return token.value

    def _kept_token(self, manners: Manners) -> str:
        """The remembered token while it is good, else ""."""
        token, renew_at = self._memory.tokens.get(self._token_key(manners), ("", 0.0))
        return token if renew_at > self._clock.monotonic() else ""

    def _token_key(self, manners: Manners) -> TokenKey:
        return TokenKey(self._image.registry, manners.challenge, scope_of(self._image), self._access)

    async def _manners(self) -> Manners:
        known = self._memory.manners.get(self._manners_key)
        if known:
            return known
        if not allows_http(self._image, self._access.insecure):
            return self._remember(await self._ping("https"))
        return self._remember(await self._ping_both())

    def _remember(self, manners: Manners) -> Manners:
        self._memory.manners[self._manners_key] = manners
        return manners

    async def _ping(self, scheme: str) -> Manners:
        request = Request("GET", f"{scheme}://{self._image.registry}/v2/")
        answer = await self._send(request, MAX_PING_BYTES)
        if answer.status == 200:
            return Manners(scheme, ANONYMOUS)
        if answer.status == 401:
            return Manners(scheme, read_challenge(answer.challenges))
        raise self._refused(request, answer)

    async def _ping_both(self) -> Manners:
        """What HTTPS says; what plain HTTP says when HTTPS fails, or is silent for a moment and HTTP is faster."""
        https = asyncio.ensure_future(self._ping("https"))
        http: asyncio.Future[Manners] | None = None
        try:
            await asyncio.wait({https}, timeout=HTTP_FALLBACK_DELAY)
            if https.done() and not https.exception():
                return https.result()
            http = asyncio.ensure_future(self._ping("http"))
            tasks = {https, http}
            while tasks:
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if manners := next((task.result() for task in done if not task.exception()), None):
                    return manners
        finally:
            await _cancel(https, http)
        raise _both_failed(https.exception(), http.exception())

    async def _send(self, request: Request, max_bytes: int) -> Answer:
        """The answer after as many attempts as `retry` has."""
        attempt = 0
        while True:
            self.asked = request
            attempt += 1
            retry_after = None
            answer: Answer | RegistryError
            await self._place.admit()
            try:
                answer = await self._transport.send(request, self._way, max_bytes=max_bytes)
            except Unavailable as error:
                self._place.answered(0)
                if not error.broke_off:
                    raise
                answer = error
            else:
                self._place.answered(answer.status)
                pace = read_pace(answer.headers, now=self._clock.now())
                retry_after, self.exhausted_for = pace.retry_after, pace.exhausted_for
                if answer.status not in RETRIED_STATUSES:
                    return answer
            remaining = timedelta(seconds=self._deadline - self._clock.monotonic())
            delay = delay_before(attempt, retry_after=retry_after, remaining=remaining, jitter=self._jitter())
            if delay is None:
                if isinstance(answer, RegistryError):
                    raise answer
                return answer
            await self._clock.sleep(delay.total_seconds())


async def _cancel(*tasks: asyncio.Future[Manners] | None) -> None:
    running = [task for task in tasks if task and not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)


def _both_failed(https: BaseException | None, http: BaseException | None) -> RegistryError:
    errors = [error for error in (https, http) if isinstance(error, RegistryError)]
    text = "; ".join(map(str, errors))
    if all(isinstance(error, Unavailable) for error in errors):
        return Unavailable(text, unreachable=all(isinstance(e, Unavailable) and e.unreachable for e in errors))
    decisive = next(error for error in errors if not isinstance(error, Unavailable))
    return decisive if isinstance(decisive, Throttled) else type(decisive)(text)
