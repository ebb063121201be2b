"""A time limit on the injected clock; `asyncio.timeout` would use the event loop's own."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from controllers.runtime.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, or cancel it after `seconds` and raise TimeoutError.

    Work that is cancelled is waited for, so nothing goes on behind the caller's back.
    """
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError(f"not done within {seconds:.3g} s")
    finally:
        for pending in (task, timer):
            if not pending.done():
                pending.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)
