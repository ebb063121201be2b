"""How long something holds the event loop, beside how long it takes, and which threads it runs in."""

import asyncio
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

_TICK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Holds:
    """Of one awaited call."""

    seconds: float
    """What it took."""
    longest: float
    """The longest time for which nothing else could run."""


async def measure_holds(call: Awaitable[Any]) -> Holds:
    """Await a call, and return how it treated others on the loop."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK_SECONDS)
            longest = max(longest, time.perf_counter() - began)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    began = time.perf_counter()
    await call
    seconds = time.perf_counter() - began
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
