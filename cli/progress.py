"""A line on standard error for what takes longer than a second. Nothing without a terminal."""

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Self, TypeVar

AFTER_SECONDS: Final = 1.0
EACH_SECONDS: Final = 0.1
"""Between two changes of the line."""

T = TypeVar("T")


class Progress:
    """Shows `text: 3 of 10 things` and takes it away at the end; use in a `with` block."""

    def __init__(self, text: str, *, after_seconds: float = AFTER_SECONDS) -> None:
        self._text = text
        self._next = time.monotonic() + after_seconds
        self._is_terminal = _is_terminal()
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            _write("")

    def show(self, what: str, done: int, total: int) -> None:
        """Say how many of the things are done."""
        if not self._is_terminal or time.monotonic() < self._next:
            return
        line = f"{self._text}: {done} of {total} {what}"
        if line != self._shown:
            _write(line)
            self._shown = line
        self._next = time.monotonic() + EACH_SECONDS

    def over(self, items: Iterable[T], what: str, total: int) -> Iterator[T]:
        """Yield the items, and say how many of them were used."""
        for done, item in enumerate(items):
            self.show(what, done, total)
            yield item


@contextmanager
def waiting(text: str, *, after_seconds: float = AFTER_SECONDS) -> Iterator[None]:
    """Show a text while the block takes long, and take it away at its end."""
    if not _is_terminal():
        yield
        return
    lock, state = threading.Lock(), {"over": False, "shown": False}

    def show() -> None:
        with lock:
            if not state["over"]:
                _write(f"{text} …")
                state["shown"] = True

    timer = threading.Timer(after_seconds, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            state["over"] = True
            if state["shown"]:
                _write("")


def _is_terminal() -> bool:
    """Return whether somebody sees standard error, which may also be closed."""
    return sys.stderr is not None and sys.stderr.isatty()


def _write(line: str) -> None:
    """Put a line in the place of the last one."""
    sys.stderr.write(f"\r\x1b[K{line}")
    sys.stderr.flush()
