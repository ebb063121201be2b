"""RE2 itself. The only module that imports it.

Patterns and texts are UTF-8 bytes, which spares RE2's binding the translation of offsets.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import re2  # type: ignore[import-untyped]

_UNANCHORED: Final = re2._re2.RE2.Anchor.UNANCHORED  # noqa: SLF001

MAX_MEMORY_BYTES = 4 << 20
"""For the program and the states of one pattern. Go has no such bound: `\\pL{1000}` is fine there, here it is not."""


Spans: TypeAlias = Sequence[tuple[int, int]]
"""Where each group matched, number 0 the whole; (-1, -1) for one that took no part."""


class Regexp:
    """A compiled pattern; safe to use from several threads."""

    __slots__ = ("_match", "cost", "search", "size")

    def __init__(self, compiled: Any) -> None:
        self.search = compiled.search
        """The binding's own search."""
        # That is a generator over objects that look up each group again: four times as slow as this, which counts
        # where a hundred thousand tags are searched.
        re2_object = compiled._regexp  # noqa: SLF001
        self._match = re2_object.Match
        self.size: int = re2_object.ProgramSize()
        """States to follow; each takes half a microsecond to compile."""
        self.cost: int = self.size * (1 + re2_object.NumberOfCapturingGroups())
        """What a byte of text may cost at worst, in units of 1 to 5 ns: states to follow, times groups to note in each.

        At best, which is usual, it costs one step whatever the pattern.
        """

    def spans(self, text: bytes) -> Spans | None:
        """Return the leftmost match, None where there is none."""
        spans: Spans = self._match(_UNANCHORED, text, 0, len(text))
        return None if spans[0][0] < 0 else spans


class PatternRejected(Exception):
    """RE2 does not take the pattern; the message is RE2's."""


def compile_re2(pattern: str, *, captures: bool = True) -> Regexp:
    """Return the compiled pattern, from a cache of 128. Raises PatternRejected."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY_BYTES
    options.never_capture = not captures
    try:
        return Regexp(re2.compile(pattern.encode(), options))
    except re2.error as error:
        reason = error.args[0]
        raise PatternRejected(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None
