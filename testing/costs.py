"""What something may cost: processor time, which neither a loaded machine nor the collector adds to."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the collector of cyclic garbage from running within the block."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def costs_less_than(seconds: float) -> Iterator[None]:
    """Fail when the block takes that many seconds of processor time, those of other threads included."""
    with without_collector():
        began = time.process_time()
        yield
        spent = time.process_time() - began
    assert spent < seconds, f"{spent:.2f} s of processor time"


@contextmanager
def measured() -> Iterator[Callable[[], float]]:
    """Yield what returns the seconds of processor time since the block began, or in all of it when it has ended."""
    ends: list[float] = []
    with without_collector():
        began = time.process_time()
        yield lambda: (ends[0] if ends else time.process_time()) - began
        ends.append(time.process_time())
