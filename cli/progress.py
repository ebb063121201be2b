"""A line on standard error for what takes longer than a second. Nothing without a terminal."""

import sys
import time
from typing import Final, Self

AFTER_SECONDS: Final = 1.0


class Progress:
    """Shows `text: 3 of 10 things` and takes it away at the end; use in a `with` block."""

    def __init__(self, text: str, *, after_seconds: float = AFTER_SECONDS) -> None:
        self._text = text
        self._after_seconds = after_seconds
        self._started = time.monotonic()
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, what: str, done: int, total: int) -> None:
        """Say how many of the things are done."""
        if not sys.stderr.isatty() or time.monotonic() - self._started < self._after_seconds:
            return
        line = f"{self._text}: {done} of {total} {what}"
        if line != self._shown:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
            self._shown = line
