"""What the demo prints: steps with their time, commands with their output, failures with the component's log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

BOLD, DIM, GREEN, RED, RESET = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m")
POLL_SECONDS = 0.01


class DemoFailed(Exception):
    """A step did not come out as it must; the message names the component and its log."""


class Narrator:
    """Prints to a terminal or a file; colours only on a terminal."""

    def __init__(self) -> None:
        self._colours = sys.stdout.isatty()

    def title(self, text: str) -> None:
        """Begin a chapter."""
        print(f"\n{self._in(BOLD, text)}", flush=True)

    def say(self, text: str) -> None:
        """Print a sentence of explanation."""
        print(f"  {text}", flush=True)

    def show(self, command: str, output: str) -> None:
        """Print a command and its output."""
        print(f"\n  {self._in(BOLD, '$ ' + command)}")
        for line in output.rstrip("\n").splitlines():
            print(f"  {line}")
        sys.stdout.flush()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Print a step with its time once it has succeeded."""
        started = time.monotonic()
        try:
            yield
        except BaseException:
            print(f"  {self._in(RED, 'FAILED')} {text}", flush=True)
            raise
        print(f"  {self._in(GREEN, 'ok')} {text} {self._in(DIM, f'({time.monotonic() - started:.2f} s)')}", flush=True)

    def failed(self, error: Exception) -> None:
        """Print why the demo did not succeed."""
        print(f"\n{self._in(RED, 'The demo failed:')} {error}", file=sys.stderr, flush=True)

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{RESET}" if self._colours else text


def wait_for(probe: Callable[[], T], *, what: str, component: str, seconds: float = 30) -> T:
    """Return the first truthy result of `probe`. Raises `DemoFailed`, which names the component, at the deadline."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise DemoFailed(f"waited {seconds:.0f} s for {what}; see the log of {component}")
        time.sleep(POLL_SECONDS)
    return found


def require(true: bool, *, what: str, component: str) -> None:
    """Raise `DemoFailed` unless the condition holds."""
    if not true:
        raise DemoFailed(f"{what}; see the log of {component}")
