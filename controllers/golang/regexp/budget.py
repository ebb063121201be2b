"""What patterns may cost that users have written.

RE2 takes no time that grows with the square of a text, or worse. But the factor is the size of the pattern, times the
number of its groups: a thousand groups take half a second for one tag. So patterns are refused beyond a size, run on
the event loop only when they are cheap, and a pass over many texts has a budget of CPU time.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from time import thread_time
from typing import Final, TypeVar

from controllers.golang.regexp.errors import BadPattern, TooCostly
from controllers.golang.regexp.pattern import compile  # noqa: A004 - read as regexp.compile

MAX_CPU_SECONDS = 5.0
"""For a pass over texts. What users write takes 0.2 s for 100,000 tags."""

CHEAP_COST: Final = 256
CHEAP_CHARS: Final = 256
_REPETITION: Final = "{"  # a few characters of `(\\pL{40}){40}` take a tenth of a second to compile
_STRIDE: Final = 32

T = TypeVar("T")


class Budget:
    """MAX_CPU_SECONDS for several passes over texts, one after the other, each in any thread."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._count = 0

    def spend_on(self, texts: Iterable[T]) -> Iterator[T]:
        """Yield the texts, and raise TooCostly once the threads of all passes have spent the time."""
        began, rest = thread_time() - self._spent, iter(texts)
        while chunk := tuple(islice(rest, _STRIDE)):
            if thread_time() - began > MAX_CPU_SECONDS:
                raise TooCostly(self._count, MAX_CPU_SECONDS)
            yield from chunk
            self._count += len(chunk)
        self._spent = thread_time() - began


def within_budget(texts: Iterable[T]) -> Iterator[T]:
    """Yield the texts, and raise TooCostly once this thread has spent MAX_CPU_SECONDS since the first."""
    return Budget().spend_on(texts)


def are_cheap(patterns: Iterable[str]) -> bool:
    """Report whether patterns may be compiled, and run over a few thousand tags, while the event loop waits.

    True for those that do not compile.
    """
    return all(map(_is_cheap, patterns))


@lru_cache(maxsize=1024)
def _is_cheap(pattern: str) -> bool:
    if len(pattern) > CHEAP_CHARS or _REPETITION in pattern:
        return False
    try:
        return compile(pattern).regexp.cost <= CHEAP_COST
    except BadPattern:
        return True
