"""Requests to forges: one at a time in a thread, bounded in time and size, paused when the forge asks for that.

Connections, TLS, proxies and the policy of destinations are those of Git over HTTP. Redirects are never followed: no
request with a credential goes elsewhere, and a repository that has moved is reported rather than half found.
"""

import asyncio
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final, Protocol, TypeAlias
from urllib.parse import urlsplit

import msgspec
from cachetools import LRUCache

from controllers.clock import Clock
from controllers.faircache import FairCache
from controllers.forge.answers import Answer, next_turn, rate_limit_of
from controllers.forge.errors import AnswerTooLong, BadAnswer, BadLocation, RateLimited, Unavailable
from controllers.git.errors import (
    BadCredentials,
    DestinationForbidden,
    GitError,
    ProtocolError,
    Unreachable,
    reading_foreign_input,
)
from controllers.git.protocol.deadline import Deadline
from controllers.git.protocol.session import Check, anyone
from controllers.git.remote import Remote
from controllers.git.transport.httppools import HttpPools, is_answer_of, translate_errors
from controllers.net.destinations import Destinations
from controllers.threads import FairThreads, Share

AGENT: Final = "tagline"
THREADS, THREADS_PER_TENANT, THREADS_PER_HOST = 12, 4, 2
"""GitHub wants requests one after the other; a host that is slow must not hold those for others."""
MAX_SECONDS: Final = timedelta(minutes=1)
MAX_ANSWER_BYTES: Final = 8 << 20
"""A hundred pull requests of ours, with bodies of 65,536 characters. Those of others may be longer: see `Api.pages`."""
MAX_FAILURE_BYTES: Final = 64 << 10
CHUNK_BYTES: Final = 64 << 10
MAX_KEPT: Final = 128
MAX_KEPT_BYTES: Final = 256 << 10
"""Listings kept for `If-None-Match`, and the length of one, compressed. Entries of GitHub have 20 KiB, much alike."""
MAX_IDENTITIES: Final = 1024
WRITES_AT_ONCE, SECONDS_PER_WRITE = 10, 1.0
"""GitHub asks for a second between writes, and allows 80 a minute: a few pull requests do not wait, many do."""
WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks which API. Hashable: pauses and listings are known by it."""

    api: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Sent with each request; the credential is among them."""
    via: Remote
    """The repository's remote, whose TLS material, proxy, tenant and timeout count; its credentials do not."""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def home(self) -> str:
        """The host that the user's URL names."""
        return urlsplit(self.via.url).hostname or ""

    @property
    def payer(self) -> "Payer":
        """Whose limits at the forge a request counts for, whatever the repository."""
        return self.api, self.headers, self.via.tenant


Payer: TypeAlias = tuple[str, tuple[tuple[str, str], ...], str]


@dataclass(frozen=True, slots=True)
class _Kept:
    tag: str
    answer: Answer
    """Without its body."""
    body: bytes
    """Compressed."""


class _Turns:
    """The writes of one identity: one after the other, and not too many in a short time."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.allowance = float(WRITES_AT_ONCE)
        self.at = 0.0


class Transport:
    """Used from one event loop, by any number of tasks."""

    def __init__(self, *, destinations: Destinations, clock: Clock) -> None:
        """destinations: where APIs may be, besides on the host of the repository's own URL."""
        self._clock = clock
        self._pools = HttpPools(destinations)
        self._threads = FairThreads(THREADS, name="forge")
        self._kept: FairCache[tuple[Identity, str], _Kept] = FairCache(MAX_KEPT)
        self._pauses: LRUCache[Payer, float] = LRUCache(MAX_IDENTITIES)
        self._turns: LRUCache[Payer, _Turns] = LRUCache(MAX_IDENTITIES)

    @property
    def clock(self) -> Clock:
        return self._clock

    def close(self) -> None:
        """Close all connections; requests under way end with them."""
        self._threads.shutdown(wait=False)
        self._pools.close()

    async def send(
        self,
        identity: Identity,
        method: str,
        url: str,
        *,
        body: object = None,
        keep: bool = False,
        check: Check = anyone,
    ) -> Answer:
        """Return the answer to one request, whatever its status.

        body: sent as JSON. keep: ask whether an earlier answer still counts, and return that one if so. check: called
        in a thread, when it is a write's turn. Raises what that raises,
        Unavailable without an answer, RateLimited without a request while the forge wants none, BadAnswer for one that
        is too long, BadLocation for an address that must not be asked.
        """
        self._check_pause(identity)
        if method not in WRITES:
            return await self._get(identity, method, url, keep=keep)
        turns = self._turns.get(identity.payer)
        if turns is None:
            turns = self._turns[identity.payer] = _Turns()
        async with turns.lock:
            await self._take_turn(turns)
            self._check_pause(identity)
            return await self._exchange(identity, method, url, {}, body, check=check)

    async def _get(self, identity: Identity, method: str, url: str, *, keep: bool) -> Answer:
        key, tenant = (identity, url), identity.via.tenant
        kept = self._kept.get(tenant, key) if keep else None
        answer = await self._exchange(identity, method, url, {"If-None-Match": kept.tag} if kept else {}, None)
        if kept and answer.status == 304:
            return replace(kept.answer, body=await asyncio.to_thread(zlib.decompress, kept.body))
        tag = answer.header("etag")
        if keep and tag and answer.status == 200:
            packed = await asyncio.to_thread(zlib.compress, answer.body, 1)
            if len(packed) <= MAX_KEPT_BYTES:
                self._kept.put(tenant, key, _Kept(tag, replace(answer, body=b""), packed))
        return answer

    async def _take_turn(self, turns: _Turns) -> None:
        now = self._clock.monotonic()
        turns.allowance = min(turns.allowance + (now - turns.at) / SECONDS_PER_WRITE, WRITES_AT_ONCE)
        turns.at = now
        if turns.allowance < 1:
            await self._clock.sleep((1 - turns.allowance) * SECONDS_PER_WRITE)
            turns.at, turns.allowance = self._clock.monotonic(), 1.0
        turns.allowance -= 1

    def _check_pause(self, identity: Identity) -> None:
        left = self._pauses.get(identity.payer, 0.0) - self._clock.monotonic()
        if left > 0:
            wait = timedelta(seconds=left)
            raise RateLimited(f"it has asked for no requests for another {left:.0f}s", retry_after=wait)

    async def _exchange(
        self,
        identity: Identity,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: object,
        *,
        check: Check = anyone,
    ) -> Answer:
        sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", "Accept": "application/json"}
        sent |= dict(identity.headers) | dict(headers)
        data = None
        if body is not None:
            data, sent["Content-Type"] = msgspec.json.encode(body), "application/json"
        deadline = Deadline(min(identity.via.timeout, MAX_SECONDS), monotonic=self._clock.monotonic)
        work = partial(self._exchange_blocking, identity, deadline, method=method, url=url, headers=sent, body=data)

        def work_checked() -> Answer:
            check()
            return work()

        answer = await self._in_thread(identity, deadline, work_checked)
        now = self._clock.now()
        limited = rate_limit_of(answer, now=now)
        # Also where the last request that was allowed has succeeded: the next one would fail.
        wait = limited.retry_after if limited else next_turn(answer, now=now) if answer.status < 300 else None
        if wait:
            self._pauses[identity.payer] = self._clock.monotonic() + wait.total_seconds()
        return answer

    async def _in_thread(self, identity: Identity, deadline: Deadline, work: Callable[[], Answer]) -> Answer:
        tenant = identity.via.tenant
        shares = (Share(tenant, THREADS_PER_TENANT), Share((tenant, identity.api), THREADS_PER_HOST))
        try:
            return await deadline.result_of(await self._threads.start(work, *shares))
        except DestinationForbidden as error:
            raise BadLocation(str(error)) from error
        except Unreachable as error:
            raise Unavailable(str(error), retry_after=error.retry_after) from error
        except BadCredentials as error:
            raise BadLocation(str(error)) from error
        except _TooLong as error:
            raise AnswerTooLong(str(error)) from error
        except GitError as error:
            raise BadAnswer(str(error)) from error

    def _exchange_blocking(
        self,
        identity: Identity,
        deadline: Deadline,
        *,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        via = identity.via
        remote = Remote(url.partition("?")[0], tls=via.tls, proxy=via.proxy, tenant=via.tenant)
        with reading_foreign_input(), translate_errors(remote, deadline):
            response = self._pools.send(
                remote, method, url, headers=headers, timeout=deadline.remaining(), body=body, home=identity.home
            )
            ended = False
            try:
                content = _read(response, deadline, whole=response.status < 300)
                ended = True
            finally:
                if not ended:
                    response.close()
                response.release_conn()
        hosts = (identity.home, urlsplit(identity.api).hostname)
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            content,
            url,
            may_be_quoted=is_answer_of(hosts, url, via.proxy),
            secrets=(*identity.secrets, *remote.secrets),
        )


class _TooLong(ProtocolError):
    """An answer is longer than our bound."""


class _Response(Protocol):
    """What is read of an answer."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    def read1(self, amt: int, decode_content: bool) -> bytes: ...

    def close(self) -> None: ...


def _read(response: _Response, deadline: Deadline, *, whole: bool) -> bytes:
    """Return the body. whole: raise _TooLong if it is longer than our bound, instead of cutting it."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ProtocolError("it compresses its answer unasked; have it, or what is in front of it, not do so")
    bound, pieces, size = MAX_ANSWER_BYTES if whole else MAX_FAILURE_BYTES, list[bytes](), 0
    while piece := response.read1(CHUNK_BYTES, decode_content=False):
        deadline.remaining()
        pieces.append(piece)
        size += len(piece)
        if size > bound:
            if whole:
                raise _TooLong(f"its answer is longer than {MAX_ANSWER_BYTES >> 20} MiB")
            response.close()  # the rest is of no use, and the connection not fit for another request
            break
    deadline.remaining()  # or was it cut?
    return b"".join(pieces)
