"""`python -m e2e.apifaults.process KIND FLAGS`: a controller as it is, but its waits fit a test and its clock can be set.

Lists come in pages of two, so that a small scenario has `continue` tokens; a watch is silent after seconds, not minutes
(the proxy sends bookmarks as often). The number of seconds in the file that TAGLINE_TEST_CLOCK names is added to wall time.
"""

import importlib
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controllers.clock import SystemClock
from controllers.runtime.cache.informer import Informer
from controllers.runtime.process.main import main

PAGE_SIZE = 2
SILENCE = timedelta(seconds=6)


def shifted_clock(file: Path) -> Callable[[SystemClock], datetime]:
    """Return a `now` that is as far from the machine's as the file says."""

    def now(_: SystemClock) -> datetime:
        try:
            shift = float(file.read_text() or 0)
        except FileNotFoundError:
            shift = 0.0
        return datetime.now(UTC) + timedelta(seconds=shift)

    return now


def run(kind: str, flags: list[str]) -> int:
    """Run the controller to its end."""
    defaults = Informer.__init__.__kwdefaults__
    assert defaults is not None
    assert {"page_size", "silence_timeout"} <= defaults.keys()
    defaults |= {"page_size": PAGE_SIZE, "silence_timeout": SILENCE}
    if clock := os.environ.get("TAGLINE_TEST_CLOCK"):
        SystemClock.now = shifted_clock(Path(clock))  # type: ignore[method-assign]
    program = importlib.import_module(f"controllers.{kind}.__main__").PROGRAM
    return main([program], flags)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
