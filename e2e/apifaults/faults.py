"""The faults, by class, and at which positions each makes sense.

  1  the process is killed before or after a write or push     6  errors, resets and slow answers at every request
  2  a write is carried out, its answer is lost                 7  403 that comes and goes; an admission policy
  3  watches: lost, doubled, late, cut, silent                  8  CRDs older, newer, stored in another version
  4  410 at a watch and in the middle of a list                 9  clocks that step; leases that run out
  5  a stale list after a restart                              10  API server restarted, etcd compacted, leader changed

Those at requests are functions of a `Hit`; those at events of a watch of the stream, the play and the line.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web

from api.kinds import RECEIVER
from e2e.apifaults import cluster_faults, lease_faults
from e2e.apifaults.answers import ANSWERS, CUT, DRIP, RESET, Block, answer_of
from e2e.apifaults.calls import API, GIT, HOOK, WRITES, Call
from e2e.apifaults.director import Hit
from e2e.apifaults.play import Play
from e2e.apifaults.positions import EVENT, Position
from e2e.apifaults.proxy import Answer, Exchange
from e2e.apifaults.watches import Stream, serve

SIDE, SLOW, CRASH, CLOCK, PLANE, PAIR = "side", "slow", "crash", "clock", "plane", "pair"
"""Groups of faults that disturb only their own play; that take long; that everybody notices; that need two replicas."""
BLOCK_SECONDS = 1.5
HOLD_SECONDS = 1.5
STUCK_SECONDS = 90.0
DEAF_SECONDS = 15.0
"""From when a watch falls silent until it has been opened anew."""
PAGE_SECONDS = 12.0
"""Until a list is asked for whose watch was refused; then each page comes at once."""
UNKNOWN_BEFORE = frozenset({
    "/objects/ImagePolicy/app/selection/firstSeen", "/objects/ImagePolicy/app/selection/refused",
    "/lists/app-tags-0/excludedCount",
})  # fmt: skip
"""An older schema has no place for it. Afterwards nobody knows whether the tag was chosen because it was new, nor how
many tags were excluded, until the list of tags changes."""
RARE_AT_WATCH = ("401", "409", "422", "429", "502", "503-after", "504")
RARE_AT_LIST = ("401", "409", "422", "429", "502", "503", DRIP, CUT)
REGISTRY_WORDS = frozenset({"tags/list", "manifests", "blobs", "ping"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    number: int
    """Its class."""
    group: str
    fits: Callable[[Position], bool]
    act: Callable[..., Awaitable[Any]]
    clock: int = 0
    """By how many seconds a process's clock is off afterwards."""
    forgets: frozenset[str] = frozenset()
    """What is lost for good, as `differences` of end states names it."""
    drops: bool = False
    """Whether the API server drops fields of what is written."""


def is_request(position: Position) -> bool:
    """Return whether it is a request to any server."""
    return position.verb != EVENT


def is_api(position: Position) -> bool:
    """Return whether it is a request to the API server."""
    return is_request(position) and server_of(position) == API


def is_event(position: Position) -> bool:
    """Return whether it is an event of a watch."""
    return position.verb == EVENT


def is_every(place: int, of: int) -> Callable[[Position], bool]:
    """Return whether it is one event in so many."""
    return lambda position: is_event(position) and position.number % of == place


def is_write(position: Position) -> bool:
    """Return whether it changes something that matters: events do not."""
    return position.verb in WRITES and position.what != "events"


def server_of(position: Position) -> str:
    """Return which server a request goes to."""
    if position.what in REGISTRY_WORDS:
        return "registry"
    if position.what == HOOK:
        return HOOK
    return GIT if position.what in ("ls-refs", "pack", "receive-pack") or position.what.startswith("refs:") else API


async def crash_before(hit: Hit) -> web.StreamResponse:
    """Kill the process; the server never hears of the request."""
    await hit.crash()
    return hit.exchange.abort()


async def crash_after(hit: Hit) -> web.StreamResponse:
    """Kill the process when the server has done what was asked."""
    await hit.forward()
    await hit.crash()
    return hit.exchange.abort()


async def crash_answered(hit: Hit) -> web.StreamResponse:
    """Kill the process as soon as it has answered a hook: the sender does not call again."""
    answer = await hit.forward()
    await hit.crash()
    return hit.exchange.answer(answer)


async def lose_answer(hit: Hit) -> web.StreamResponse:
    """Lose the answer to what the server has done."""
    await hit.forward()
    return hit.exchange.abort()


async def late_timeout(hit: Hit) -> web.StreamResponse:
    """Say that the server did not answer in time, though it has done what was asked."""
    await hit.forward()
    return hit.exchange.answer(answer_of("504", hit.call))


async def drop(stream: Stream, play: Play, line: bytes) -> None:
    """Lose the event; the server has forgotten where the watch was (410)."""
    _next(stream, "watch", "410")
    await stream.abort()


async def double(stream: Stream, play: Play, line: bytes) -> None:
    """Send the event twice."""
    await stream.write(line)
    await stream.write(line)


async def delay(stream: Stream, play: Play, line: bytes) -> None:
    """Delay the events of this namespace; those of others, and of other kinds, overtake them."""
    await stream.hold(play.namespace, line, HOLD_SECONDS)


async def cut(stream: Stream, play: Play, line: bytes) -> None:
    """Break the connection in the middle of the line."""
    await stream.write(line[: len(line) // 2])
    await asyncio.sleep(0.02)
    await stream.abort()


async def end(stream: Stream, play: Play, line: bytes) -> None:
    """End the watch in order before the event."""
    await stream.finish()


async def silence(stream: Stream, play: Play, line: bytes) -> None:
    """Send nothing any more on a connection that stays open."""
    stream.silent = True
    if stream.call.process == RECEIVER.name:
        play.world.deaf_until = time.monotonic() + DEAF_SECONDS


async def gone_event(stream: Stream, play: Play, line: bytes) -> None:
    """Send 410 in an event."""
    status = json.loads(answer_of("410", stream.call).body)
    await stream.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
    await stream.finish()


async def gone_continue(stream: Stream, play: Play, line: bytes) -> None:
    """Answer the next watch with 410, and the second page of the list that follows, too."""
    queue, answered = stream.director.once[_key(stream, "list")], asyncio.Event()

    async def page(exchange: Exchange) -> web.StreamResponse:
        if "continue" in parse_qs(urlsplit(exchange.call.target).query):
            answered.set()
            return exchange.answer(answer_of("410", exchange.call))
        queue.appendleft(page)
        return exchange.answer(await exchange.forward())

    async def require() -> None:
        try:
            await asyncio.wait_for(answered.wait(), PAGE_SECONDS)
        except TimeoutError:
            queue.remove(page)
            play.failed = "no second page was asked for"

    _next(stream, "watch", "410")
    queue.append(page)
    play.spawn(require())
    await stream.abort()


def refuse_watch(name: str) -> Callable[..., Awaitable[None]]:
    """Return a fault: the watch breaks, and the next one is refused so."""

    async def act(stream: Stream, play: Play, line: bytes) -> None:
        _next(stream, "watch", name)
        await stream.abort()

    return act


def refuse_list(name: str) -> Callable[..., Awaitable[None]]:
    """Return a fault: the watch is too old, and the list that follows is refused so."""

    async def act(stream: Stream, play: Play, line: bytes) -> None:
        _next(stream, "watch", "410")
        _next(stream, "list", name)
        await stream.abort()

    return act


def stale_list(seconds: float) -> Callable[..., Awaitable[None]]:
    """Return a fault: the process is restarted after the event, and asks a server that does not know the event yet.

    seconds: from the event to the restart: it was being dealt with, or it has been.
    """
    return partial(_restart_stale, seconds=seconds)


async def _restart_stale(stream: Stream, play: Play, line: bytes, *, seconds: float) -> None:
    old = int(json.loads(line)["object"]["metadata"]["resourceVersion"]) - 1
    await stream.write(line)

    async def stale(exchange: Exchange) -> web.StreamResponse:
        url = urlsplit(exchange.call.target)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if "continue" not in query:
            query |= {"resourceVersion": str(old), "resourceVersionMatch": "Exact"}
        return exchange.answer(await exchange.forward(f"{url.path}?{urlencode(query)}"))

    async def late(exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(HOLD_SECONDS)
        return await serve(exchange, stream.director)

    async def restart() -> None:
        await asyncio.sleep(seconds)
        stream.director.once[_key(stream, "list")].append(stale)
        stream.director.once[_key(stream, "watch")].append(late)
        await play.world.replicas[stream.call.replica].crash()

    play.spawn(restart())


def _key(stream: Stream, verb: str) -> tuple[str, str, str]:
    return (stream.call.replica, verb, stream.call.what)


def _next(stream: Stream, verb: str, name: str) -> None:
    stream.director.once[_key(stream, verb)].append(_answering(name))


def _answering(name: str) -> Callable[[Exchange], Awaitable[web.StreamResponse]]:
    return partial(_answer, name, forward=lambda exchange: exchange.forward())


async def _answer(
    name: str, exchange: Exchange, *, forward: Callable[[Exchange], Awaitable[Answer]]
) -> web.StreamResponse:
    if name == RESET:
        return exchange.abort()
    if name == CUT:
        return await _cut_answer(exchange, await forward(exchange))
    if name == DRIP:
        return await exchange.drip(await forward(exchange), parts=6, pause=0.25)
    return exchange.answer(answer_of(name, exchange.call))


def answering(name: str) -> Callable[[Hit], Awaitable[web.StreamResponse]]:
    """Return a fault: the server answers so, and does nothing."""

    async def act(hit: Hit) -> web.StreamResponse:
        return await _answer(name, hit.exchange, forward=lambda _: hit.forward())

    return act


async def _cut_answer(exchange: Exchange, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body) + 1
    await response.prepare(exchange.request)
    await response.write(answer.body[: len(answer.body) // 2])
    return exchange.abort()


async def stick(hit: Hit) -> web.StreamResponse:
    """Begin an answer, and never end it."""
    answer = await hit.forward()
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body) + 1
    await response.prepare(hit.exchange.request)
    await response.write(answer.body[: len(answer.body) // 2])
    await asyncio.sleep(STUCK_SECONDS)  # ended by the client, which closes the connection, or the end of the play
    return hit.exchange.abort()


async def forbid(hit: Hit) -> web.StreamResponse:
    """Forbid such requests for a while."""
    call = hit.call
    answer = answer_of("403", call)

    def matches(other: Call) -> bool:
        return (other.verb, other.what) == (call.verb, call.what)

    hit.play.blocks.append(Block(time.monotonic() + BLOCK_SECONDS, matches, answer))
    return hit.exchange.answer(answer)


FAULTS: dict[str, Fault] = {
    "crash-before": Fault(1, CRASH, is_write, crash_before),
    "crash-after": Fault(1, CRASH, is_write, crash_after),
    "crash-answered": Fault(1, CRASH, lambda p: server_of(p) == HOOK, crash_answered),
    "lose-answer": Fault(2, SIDE, is_write, lose_answer),
    "late-timeout": Fault(2, SIDE, is_write, late_timeout),
    "event-lost": Fault(3, SIDE, is_event, drop),
    "event-twice": Fault(3, SIDE, is_event, double),
    "event-late": Fault(3, SIDE, is_event, delay),
    "event-cut": Fault(3, SIDE, is_event, cut),
    "watch-ended": Fault(3, SIDE, is_event, end),
    "watch-silent": Fault(3, SLOW, is_event, silence),
    "gone-event": Fault(4, SIDE, is_event, gone_event),
    "gone-continue": Fault(4, SIDE, is_event, gone_continue),
    "stale-list": Fault(5, CRASH, is_event, stale_list(0.3)),
    "stale-later": Fault(5, CRASH, is_event, stale_list(2.0)),
    "forbid": Fault(7, SIDE, is_request, forbid),
    "deny": Fault(7, SIDE, lambda p: is_api(p) and is_write(p), cluster_faults.deny),
    "stick": Fault(6, SLOW, is_request, stick),
    "crd-older": Fault(
        8, PLANE, cluster_faults.is_custom_write, cluster_faults.older_schema, forgets=UNKNOWN_BEFORE, drops=True
    ),
    "crd-newer": Fault(8, PLANE, cluster_faults.is_custom_write, cluster_faults.newer_schema),
    "crd-stored": Fault(8, PLANE, cluster_faults.is_reconciled_write, cluster_faults.other_storage),
    "clock-forward": Fault(9, CLOCK, is_write, cluster_faults.step_clock(3600), clock=3600),
    "clock-back": Fault(9, CLOCK, is_write, cluster_faults.step_clock(-3600), clock=-3600),
    "lease-lost": Fault(9, PAIR, is_request, cluster_faults.lose_lease),
    "lease-refused": Fault(9, PAIR, is_write, lease_faults.refuse),
    "lease-out-of-reach": Fault(9, PAIR, is_write, lease_faults.put_out_of_reach),
    "restart-api": Fault(10, PLANE, is_write, cluster_faults.restart_api_server),
    "compact": Fault(10, PLANE, is_event, cluster_faults.compact),
    "leader-ends": Fault(10, PAIR, is_write, cluster_faults.end_leader),
    "leader-killed": Fault(10, PAIR, is_write, cluster_faults.kill_leader),
}
FAULTS |= {f"answer-{name}": Fault(6, SIDE, fits, answering(name)) for name, fits in ANSWERS.items()}
FAULTS |= {
    f"watch-{name}": Fault(6, SIDE, is_event, refuse_watch(name)) for name in ("403", "429-after", "500", "503", RESET)
}
FAULTS |= {
    f"list-{name}": Fault(6, SIDE, is_event, refuse_list(name)) for name in ("403", "429-after", "500", "504", RESET)
}
# What is answered less often, or by something between: one of them at each event, in turn.
FAULTS |= {
    f"watch-{name}": Fault(6, SIDE, is_every(place, len(RARE_AT_WATCH)), refuse_watch(name))
    for place, name in enumerate(RARE_AT_WATCH)
}
FAULTS |= {
    f"list-{name}": Fault(6, SIDE, is_every(place, len(RARE_AT_LIST)), refuse_list(name))
    for place, name in enumerate(RARE_AT_LIST)
}
