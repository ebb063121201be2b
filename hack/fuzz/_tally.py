"""What all targets count, and how they end: a line with figures, exit status 1 when something was found."""

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """The figures of one run of a target."""

    target: str
    seed: int
    tried: int = 0
    failed: int = 0
    """How many ended in an error that is the code's own."""
    slowest: float = 0.0

    @contextmanager
    def case(self) -> Iterator[None]:
        """Count a case and take its time."""
        self.tried += 1
        began = time.monotonic()
        try:
            yield
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)

    def report(self, ends: str) -> None:
        """Print the figures; ends: what the failed cases ended in."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(
            f"{self.target}, seed {self.seed}: {self.tried} cases, {self.failed} ended in {ends}, none in another; "
            f"slowest {self.slowest:.2f} s, peak {peak} MiB"
        )


def run_target(name: str, run: Callable[[float, int], int], arguments: list[str]) -> int:
    """Read `--seconds` and `--seed` and run a target; return its exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m hack.fuzz.{name}")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    return run(options.seconds, options.seed)
