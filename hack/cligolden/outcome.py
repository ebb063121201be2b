"""Whether a case passed: it is like the recording, or differs from it as was accepted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hack.cligolden.accepted import Accepted, with_expected
from hack.cligolden.cases import Case
from hack.cligolden.compare import Difference

Compare = Callable[[Case], list[Difference]]
"""Compares what was observed with what a case says."""


class NotPlayed(Exception):
    """A case could not be played to its end; the text says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: it failed when anything differs. seconds: how long the program ran."""

    case: Case
    differences: tuple[Difference, ...] = ()
    accepted: bool = False
    seconds: float = 0

    @property
    def passed(self) -> bool:
        """Whether it did not fail."""
        return not self.differences


def judge(case: Case, entry: Accepted | None, compare: Compare, *, seconds: float) -> Outcome:
    """Return the outcome of a case. entry: how it may differ, and then must. Raises BadInput for an entry's fields."""
    differences = compare(case)
    if entry is None:
        return Outcome(case, tuple(differences), seconds=seconds)
    if not differences:
        text = f"no longer differs from the recording; take the entry {entry.id!r} out\n"
        return Outcome(case, (Difference("accepted", text),), seconds=seconds)
    if entry.expect:
        differences = compare(with_expected(case, entry))
    gone = [name for name in entry.differs if not any(fnmatchcase(found.field, name) for found in differences)]
    left = [found for found in differences if not any(fnmatchcase(found.field, name) for name in entry.differs)]
    left += [Difference("accepted", f"{name!r} no longer differs; take it out of {entry.id!r}\n") for name in gone]
    return Outcome(case, tuple(left), accepted=not left, seconds=seconds)


def failed(case: Case, reason: str) -> Outcome:
    """Return the outcome of a case that could not be played."""
    return Outcome(case, (Difference("not played", f"{reason}\n"),))


def counts(outcomes: Sequence[Outcome]) -> tuple[int, int, int]:
    """Return how many passed, how many failed, and how many of those that passed differ as accepted."""
    passed = sum(1 for outcome in outcomes if outcome.passed)
    return passed, len(outcomes) - passed, sum(1 for outcome in outcomes if outcome.accepted)
