"""How much of its work something does in one piece on the event loop, and which threads it runs in."""

import asyncio
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from testing.costs import measured

_TICK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Holds:
    """Of one awaited call, in seconds of processor time: a loaded machine adds nothing to them."""

    seconds: float
    """What it took in all threads."""
    longest: float
    """The most that the thread of the loop did while nothing else could run there."""


async def measure_holds(call: Awaitable[Any]) -> Holds:
    """Await a call, and return how it treated others on the loop."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()
            await asyncio.sleep(_TICK_SECONDS)
            longest = max(longest, time.thread_time() - began)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    with measured() as spent:
        await call
        seconds = spent()
        await asyncio.sleep(2 * _TICK_SECONDS)  # a tick that was held is counted when it is over
    ticking.cancel()
    return Holds(seconds, longest)


def record_threads(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> set[threading.Thread]:
    """Return the threads that call a module's function from now on."""
    threads, function = set[threading.Thread](), getattr(module, name)

    def watched(*args: Any, **kwargs: Any) -> Any:
        threads.add(threading.current_thread())
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, watched)
    return threads
