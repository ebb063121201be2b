"""Faults at the requests by which a leader keeps its lease, while it writes."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from e2e.apifaults.answers import RESET, answer_of
from e2e.apifaults.director import Hit
from e2e.apifaults.proxy import Exchange

LOST = "lost"
"""The request is carried out, its answer is lost."""
SILENCE = "silence"
"""The request is not answered."""
REFUSALS = (("503", LOST), ("409", RESET), ("429-after",), ("403", "500"), (LOST, LOST), ("502", "504"))
"""Series that are over before a leader has to give up, one for each position in turn."""
OUT_OF_REACH = (RESET, "403", SILENCE)
ASK_SECONDS = 10.0
"""Within which a leader asks more often than a series is long."""
SILENT_SECONDS = 20.0

Respond = Callable[[Exchange], Awaitable[web.StreamResponse]]


async def refuse(hit: Hit) -> web.StreamResponse:
    """Refuse the next requests about the lease, each once: the leader has time to try again."""
    director, replica = hit.director, hit.call.replica
    series = deque(REFUSALS[_number(hit) % len(REFUSALS)])
    over = asyncio.Event()

    async def act(exchange: Exchange) -> web.StreamResponse:
        name = series.popleft()
        if not series:
            director.lease_acts.pop(replica, None)
            over.set()
        return await _respond(name, hit, exchange)

    async def require() -> None:
        try:
            await asyncio.wait_for(over.wait(), ASK_SECONDS)
        except TimeoutError:
            hit.play.failed = "nothing was asked about the lease"
        finally:
            director.lease_acts.pop(replica, None)

    director.lease_acts[replica] = act
    hit.play.spawn(require())
    return await hit.relay()


async def put_out_of_reach(hit: Hit) -> web.StreamResponse:
    """Let no request about the lease succeed until another replica has taken it; all else works."""
    director, replica = hit.director, hit.call.replica

    async def until_taken() -> None:
        try:
            if not await director.wait_for_other_leader(replica, hit.call.process, seconds=2 * ASK_SECONDS):
                hit.play.failed = "no other replica took the lease"
        finally:
            director.lease_acts.pop(replica, None)

    director.lease_acts[replica] = partial(_respond, OUT_OF_REACH[_number(hit) % len(OUT_OF_REACH)], hit)
    hit.play.spawn(until_taken())
    return await hit.relay()


def _number(hit: Hit) -> int:
    assert hit.play.trial is not None
    return hit.play.trial.position.number


async def _respond(name: str, hit: Hit, exchange: Exchange) -> web.StreamResponse:
    if name == RESET:
        return exchange.abort()
    if name == LOST:
        await hit.director.forward_lease(exchange)
        return exchange.abort()
    if name == SILENCE:
        await asyncio.sleep(SILENT_SECONDS)
        return exchange.abort()
    return exchange.answer(answer_of(name, exchange.call))
