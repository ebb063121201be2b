"""Which trials there are, and which of them a run takes."""

from collections.abc import Iterable, Sequence
from random import Random

from e2e.apifaults.faults import FAULTS
from e2e.apifaults.positions import Position, Trial

ALL, A_SAMPLE = "all", "sample"


def trials_of(scenario: str, positions: Iterable[Position]) -> list[Trial]:
    """List every fault at every position at which it makes sense."""
    return [
        Trial(scenario, position, name)
        for position in positions
        for name, fault in FAULTS.items()
        if fault.fits(position)
    ]


def sample(trials: Sequence[Trial], count: int, rng: Random) -> list[Trial]:
    """Return a sample that has every class of faults, and as many different faults as possible."""
    by_fault: dict[str, list[Trial]] = {}
    for trial in trials:
        by_fault.setdefault(trial.fault, []).append(trial)
    for group in by_fault.values():
        rng.shuffle(group)
    names = sorted(by_fault)
    rng.shuffle(names)
    first = {FAULTS[name].number: name for name in names}.values()  # one of each class, before the others
    names = [*first, *(name for name in names if name not in first)]
    out: list[Trial] = []
    while len(out) < count and any(by_fault.values()):
        out += [by_fault[name].pop() for name in names if by_fault[name]]
    return out[:count]


def choose_from(trials: list[Trial], *, which: str, seed: int, count: int, faults: str = "") -> list[Trial]:
    """Return the trials that are named: all, a sample, or a shard (`7/16`). Raises ValueError.

    faults: only these, by name or class, separated by commas
    """
    names = set(filter(None, faults.split(",")))
    wanted = [t for t in trials if not names or names & {t.fault, str(FAULTS[t.fault].number)}]
    if which == A_SAMPLE:
        return sample(wanted, count, Random(seed))  # noqa: S311 -- chooses tests
    if which == ALL:
        return wanted
    number, of = (int(part) for part in which.split("/"))
    if not 1 <= number <= of:
        raise ValueError(f"no shard: {which}; want 7/16, for example")
    return wanted[number - 1 :: of]
