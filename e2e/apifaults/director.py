"""Decides about each request: it goes to the server, unless the play that it belongs to has its fault just there."""

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from e2e.apifaults.calls import API, Call
from e2e.apifaults.play import Play
from e2e.apifaults.positions import EVENT, Trial
from e2e.apifaults.proxy import Answer, Exchange
from e2e.apifaults.watches import Ended, Stream, serve
from testing.invariants import Write

if TYPE_CHECKING:
    from e2e.apifaults.world import World

Act = Callable[[Exchange], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Hit:
    """A request at which the fault of its play is, and what a fault may do about it."""

    exchange: Exchange
    play: Play
    director: "Director"

    @property
    def call(self) -> Call:
        """The request."""
        return self.exchange.call

    async def forward(self) -> Answer:
        """Let the server have the request; return its answer."""
        return await self.director.forward(self.exchange, self.play)

    async def relay(self) -> web.StreamResponse:
        """Let the request pass as if nothing were."""
        return self.exchange.answer(await self.forward())

    async def crash(self) -> None:
        """Kill the process that asks, and start it again."""
        await self.play.world.replicas[self.call.replica].crash()


class Director:
    """Knows the plays, by namespace, and what is to happen to requests that belong to none."""

    def __init__(self, faults: "dict[str, Any]") -> None:
        self.faults = faults
        self.world: World
        self.plays: dict[str, Play] = {}
        self.once: dict[tuple[str, str, str], deque[Act]] = defaultdict(deque)
        """For the next request of a process (replica, verb, resource) about all namespaces."""
        self.leases: list[Write] = []
        """Those by which a lease changed hands, in order."""
        self._holders: dict[str, str] = {}
        self.lease_acts: dict[str, Act] = {}
        """What is done about the requests of a replica about its lease."""

    async def __call__(self, exchange: Exchange) -> web.StreamResponse:
        call = exchange.call
        about_all = call.server == API and not call.namespace
        if about_all and (acts := self.once.get((call.replica, call.verb, call.what))):
            return await acts.popleft()(exchange)
        if call.verb == "watch":
            return await serve(exchange, self)
        if call.what == "leases":
            return await self.lease_acts.get(call.replica, self.lease)(exchange)
        play = self.plays.get(call.namespace)
        if play is None:
            return exchange.answer(await exchange.forward())
        return await self._direct(exchange, play)

    async def _direct(self, exchange: Exchange, play: Play) -> web.StreamResponse:
        call = exchange.call
        position = play.counting.next(call.process, call.verb, call.what)
        for block in play.blocks:
            if block.until > time.monotonic() and block.matches(call):
                return exchange.answer(block.answer)
        hit = Hit(exchange, play, self)
        if play.trial is None or play.fired or play.trial.position != position:
            return await hit.relay()
        response: web.StreamResponse = await self._inject(play, play.trial, hit)
        return response

    async def on_event(self, stream: Stream, namespace: str, line: bytes) -> bool:
        """Decide about an event of a watch; return False when it has been dealt with."""
        play = self.plays.get(namespace)
        if play is None:
            return True
        position = play.counting.next(stream.call.process, EVENT, stream.call.what)
        if play.trial is None or play.fired or play.trial.position != position:
            return True
        await self._inject(play, play.trial, stream, play, line)
        return False

    async def _inject(self, play: Play, trial: Trial, *args: Any) -> Any:
        play.fired, began = True, time.monotonic()
        try:
            return await self.faults[trial.fault].act(*args)
        except (aiohttp.ClientError, OSError, Ended):  # meant, or one side is gone
            raise
        except Exception as error:
            play.failed = f"{type(error).__name__}: {error}"
            raise
        finally:
            play.lasted = time.monotonic() - began

    async def forward(self, exchange: Exchange, play: Play | None) -> Answer:
        """Send a request on and note what a write came to."""
        call, began = exchange.call, exchange.arrived
        answer = await exchange.forward()
        if call.is_write and play is not None and call.what != "events":
            play.writes.append(_write(call, answer, began))
        return answer

    async def lease(self, exchange: Exchange) -> web.StreamResponse:
        """Let a request about a lease pass, and note by which ones it changes hands."""
        return exchange.answer(await self.forward_lease(exchange))

    async def forward_lease(self, exchange: Exchange) -> Answer:
        """Send a request about a lease on, and note whether it changes hands; return the answer."""
        call, began = exchange.call, exchange.arrived
        answer = await exchange.forward()
        if call.is_write and 200 <= answer.status < 300:
            lease = json.loads(answer.body)
            taken, name = _write(call, answer, began), lease["metadata"]["name"]
            holder = call.replica if lease["spec"].get("holderIdentity") else ""
            if holder != self._holders.get(name):  # not what a leader renews twice a second
                self._holders[name] = holder
                self.leases.append(Write(holder, taken.began, taken.ended, taken.verb, "leases", name, answer.status))
        return answer

    def leader(self, kind: str) -> str:
        """Return which replica of a kind holds its lease; empty: none."""
        held = [lease.writer for lease in self.leases if lease.subject.startswith(f"{kind}-controller-")]
        return held[-1] if held else ""

    async def wait_for_other_leader(self, replica: str, kind: str, *, seconds: float = 10) -> bool:
        """Return whether another replica took the lease in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.leader(kind) not in ("", replica):
                return True
            await asyncio.sleep(0.05)
        return False


def _write(call: Call, answer: Answer, began: float) -> Write:
    based_on = result = ""
    if call.server == API and call.verb in ("patch", "update") and 200 <= answer.status < 300:
        based_on = (json.loads(call.body).get("metadata") or {}).get("resourceVersion", "")
        result = (json.loads(answer.body).get("metadata") or {}).get("resourceVersion", "")
    subject = f"{call.what} {call.namespace}/{call.name}"
    return Write(call.replica, began, time.monotonic(), call.verb, call.what, subject, answer.status, based_on, result)
