"""What a run comes to, and a log from which a run that was ended goes on."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from e2e.apifaults.faults import FAULTS
from e2e.apifaults.positions import Trial
from testing.invariants import Violation

Show = Callable[[str], None]


@dataclass(slots=True)
class Verdict:
    """What a trial came to."""

    trial: Trial
    fired: bool
    violations: list[Violation]
    seconds: float
    failed: str = ""
    """Why the fault itself could not be done."""

    @property
    def reached(self) -> bool:
        """Whether the fault was injected."""
        return self.fired and not self.failed


class Log:
    """A file with a line for each verdict. Without one, nothing is noted."""

    def __init__(self, file: Path | None = None) -> None:
        """Build it. file: need not be there."""
        self._file = file

    def read(self, revision: str) -> list[Verdict]:
        """Return what an earlier run noted; begin the file where there was none.

        revision: of what is tried. Raises ValueError where the file is of another one
        """
        if self._file is None:
            return []
        if not self._file.exists():
            self._file.write_text(json.dumps({"revision": revision}) + "\n")
        whole, _, cut = self._file.read_text().rpartition("\n")
        if cut:  # by the end of that run
            self._file.write_text(whole + "\n")
        head, *rest = [json.loads(line) for line in whole.splitlines()]
        if head["revision"] != revision:
            raise ValueError(f"{self._file} is of {head['revision']}, not of {revision}: begin another one")
        return [
            Verdict(
                Trial.parse(entry["trial"]),
                entry["fired"],
                [Violation(*violation) for violation in entry["violations"]],
                entry["seconds"],
                entry["failed"],
            )
            for entry in rest
        ]

    def add(self, verdict: Verdict) -> None:
        """Note a verdict."""
        if self._file is None:
            return
        entry = {
            "trial": str(verdict.trial),
            "fired": verdict.fired,
            "violations": [[v.rule, v.subject, v.text] for v in verdict.violations],
            "seconds": round(verdict.seconds, 1),
            "failed": verdict.failed,
        }
        with self._file.open("a") as out:
            out.write(json.dumps(entry) + "\n")


@dataclass(slots=True)
class Share:
    """Trials that one world plays, and how many of them it has played."""

    total: int
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def seconds_left(self, now: float) -> float:
        """Return how long the rest takes at the pace so far; 0: unknown."""
        return (now - self.began) / self.done * (self.total - self.done) if self.done else 0.0


@dataclass(slots=True)
class Report:
    """What a run came to."""

    seed: int
    verdicts: list[Verdict] = field(default_factory=list)
    of_processes: list[Violation] = field(default_factory=list)
    """What was violated by no single trial."""
    began: float = field(default_factory=time.monotonic)
    total: int = 0
    """How many trials there are to be."""
    shares: list[Share] = field(default_factory=list)
    log: Log = field(default_factory=Log)
    show: Show = print

    def add(self, verdict: Verdict) -> None:
        """Take a verdict, show what is wrong with it, and now and then how far the run is."""
        self.verdicts.append(verdict)
        self.log.add(verdict)
        for violation in verdict.violations:
            self.show(f"VIOLATION {violation}")
        if verdict.violations:
            self.show(f"  play it again: FAULTS_AT='{verdict.trial}'")
        if not verdict.reached:
            self.show(f"NOT INJECTED {verdict.trial}: {verdict.failed or 'its position was not reached'}")
        if len(self.verdicts) % 25 == 0:
            self.show(self.progress())

    def progress(self) -> str:
        """Say how far the run is, and how long the slowest of its shares may still take."""
        now = time.monotonic()
        left = max((share.seconds_left(now) for share in self.shares), default=0)
        return (
            f"{len(self.verdicts)} of {self.total} positions, {len(self.bad)} with violations, "
            f"{now - self.began:.0f} s, about {left / 60:.0f} min left"
        )

    @property
    def bad(self) -> list[Verdict]:
        """The trials with violations."""
        return [verdict for verdict in self.verdicts if verdict.violations]

    @property
    def reached(self) -> list[Verdict]:
        """The trials whose faults were injected."""
        return [verdict for verdict in self.verdicts if verdict.reached]

    @property
    def passed(self) -> bool:
        """Whether something was tried, and nothing violated."""
        return bool(self.reached) and not self.bad and not self.of_processes

    def last_line(self) -> str:
        """Say how many positions were tried and how many violations were found."""
        tried = len(self.reached)
        missed = len(self.verdicts) - tried
        count = sum(len(verdict.violations) for verdict in self.verdicts) + len(self.of_processes)
        seconds = time.monotonic() - self.began
        return (
            f"faults: {tried} positions tried ({missed} not reached), {count} violations, in {len(self.bad)} of them; "
            f"seed {self.seed}, {seconds:.0f} s"
        )

    def by_class(self) -> str:
        """Say how many positions of each class were tried."""
        tried = Counter(FAULTS[v.trial.fault].number for v in self.reached)
        return ", ".join(f"class {number}: {count}" for number, count in sorted(tried.items()))
