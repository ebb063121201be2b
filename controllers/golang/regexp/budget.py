"""What patterns may cost that users have written.

RE2 takes no time that grows with the square of a text, or worse. But the factor is the size of the pattern, times the
number of its groups: a thousand groups take half a second for one tag. So patterns are refused beyond a size, run on
the event loop only when they are cheap for the texts at hand, and a pass over many texts has a budget of CPU time.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from time import monotonic, thread_time
from typing import Final, TypeVar

from controllers.golang.regexp.errors import BadPattern, TooCostly
from controllers.golang.regexp.pattern import compile  # noqa: A004 - read as regexp.compile

MAX_CPU_SECONDS = 5.0
"""For a pass over texts. What users write takes 0.2 s for 100,000 tags."""

CHEAP_COST: Final = 256
"""See `Regexp.cost`: what is usual for one pattern."""
CHEAP_WORK: Final = 6_000_000
"""Cost times characters: 6 to 30 ms at worst, and a tenth of that for what users write."""
CHEAP_CHARS: Final = 1024
"""Of patterns, together: 4 ms to compile."""
_COSTLY_TO_COMPILE: Final = ("{", r"\p", r"\P")
"""Repetitions and Unicode classes: a few characters of `(\\pL{40}){40}` take a tenth of a second."""
_STRIDE: Final = 16
_SLOW_SECONDS: Final = 0.05
"""So long a stride goes on text by text: the patterns of a list may take half a second for each."""

T = TypeVar("T")


class Budget:
    """MAX_CPU_SECONDS for several passes over texts, one after the other, each in any thread."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._count = 0

    def spend_on(self, texts: Iterable[T]) -> Iterator[T]:
        """Yield the texts, and raise TooCostly once the threads of all passes have spent the time."""
        began_wall, began, rest = monotonic() - self._spent, thread_time() - self._spent, iter(texts)
        now, stride = began_wall + self._spent, 1
        while chunk := tuple(islice(rest, stride)):
            # A thread spends no more time than passes, and a clock is read ten times as fast.
            if now - began_wall > MAX_CPU_SECONDS and thread_time() - began > MAX_CPU_SECONDS:
                raise TooCostly(self._count, MAX_CPU_SECONDS)
            yield from chunk
            self._count += len(chunk)
            last, now = now, monotonic()
            stride = _STRIDE if now - last < _SLOW_SECONDS else 1
        self._spent = thread_time() - began


def within_budget(texts: Iterable[T]) -> Iterator[T]:
    """Yield the texts, and raise TooCostly once this thread has spent MAX_CPU_SECONDS since the first."""
    return Budget().spend_on(texts)


def are_cheap(patterns: Iterable[str], *, chars: int, work: int = CHEAP_WORK) -> bool:
    """Report whether patterns may be compiled, and searched for together in so many characters, on the event loop.

    work: the bound, where it is another. True for patterns that do not compile, since that shows at once.
    """
    patterns = tuple(patterns)
    if not patterns:
        return True
    if sum(map(len, patterns)) > CHEAP_CHARS or any(map(_is_costly_to_compile, patterns)):
        return False
    return sum(map(_cost, patterns)) * chars <= work


def _is_costly_to_compile(pattern: str) -> bool:
    return any(costly in pattern for costly in _COSTLY_TO_COMPILE)


@lru_cache(maxsize=1024)
def _cost(pattern: str) -> int:
    try:
        return compile(pattern).regexp.cost
    except BadPattern:
        return 0
