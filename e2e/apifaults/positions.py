"""Where a fault may be: the n-th request of one sort in a scenario, as a fault-free run has them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

EVENT = "event"
"""The verb of a position in a watch: what the server sends, not what a client asks."""
_TRIAL = re.compile(
    r"(?P<scenario>[\w-]+)@(?P<process>[\w-]+):(?P<verb>[\w-]+):(?P<what>[\w./:-]+)#(?P<number>\d+)=(?P<fault>[\w-]+)"
)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """The `number`-th (from 1) time that a process does `verb` with `what` in a play."""

    process: str
    verb: str
    what: str
    number: int

    def __str__(self) -> str:
        return f"{self.process}:{self.verb}:{self.what}#{self.number}"


@dataclass(frozen=True, slots=True, order=True)
class Trial:
    """One fault at one position of one scenario: what a play is about."""

    scenario: str
    position: Position
    fault: str

    def __str__(self) -> str:
        return f"{self.scenario}@{self.position}={self.fault}"

    @classmethod
    def parse(cls, text: str) -> "Trial":
        """Return the trial that `str` made the text of. Raises ValueError."""
        found = _TRIAL.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"no trial: {text!r}; want scenario@process:verb:what#number=fault")
        position = Position(found["process"], found["verb"], found["what"], int(found["number"]))
        return cls(found["scenario"], position, found["fault"])


class Counting:
    """Numbers what happens in one play."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()

    def next(self, process: str, verb: str, what: str) -> Position:
        """Return the position of what happens now."""
        key = (process, verb, what)
        self.counts[key] += 1
        return Position(*key, self.counts[key])

    def positions(self) -> list[Position]:
        """List all positions so far, in order."""
        return sorted(Position(*key, number) for key, count in self.counts.items() for number in range(1, count + 1))


def common(runs: Iterable[Iterable[Position]]) -> list[Position]:
    """Return the positions that every one of several runs has: others depend on chance."""
    sets = [set(run) for run in runs]
    return sorted(set.intersection(*sets)) if sets else []
