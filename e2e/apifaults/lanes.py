"""A run: its trials are shared out among worlds, which play at the same time."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from e2e.apifaults.choosing import trials_of
from e2e.apifaults.director import Director
from e2e.apifaults.faults import CLOCK, CRASH, FAULTS, PAIR, PLANE, SIDE, SLOW
from e2e.apifaults.positions import Trial
from e2e.apifaults.report import Report
from e2e.apifaults.run import Learned, Runner
from e2e.apifaults.world import World
from testing.invariants import Violation


@dataclass(frozen=True, slots=True)
class Lane:
    """Groups of faults that share worlds, since none of their plays can disturb those of other lanes."""

    groups: frozenset[str]
    worlds: int = 1
    """At most."""
    replicas: int = 1

    def has(self, trial: Trial) -> bool:
        """Return whether a trial is played here."""
        return FAULTS[trial.fault].group in self.groups


FIRST = Lane(frozenset({SIDE}), worlds=2)
LANES = (
    FIRST,
    Lane(frozenset({SLOW})),
    Lane(frozenset({CRASH, CLOCK})),
    # Plays of these wait most of the time, for an API server or a lease, and only one at a time can be in a world.
    Lane(frozenset({PLANE}), worlds=2),
    Lane(frozenset({PAIR}), worlds=2, replicas=2),
)
WORTH = 50
"""How many trials are worth a world of their own: one takes ten seconds of processor time, and up to 2 GiB."""


@dataclass(slots=True)
class Plan:
    """What one world plays."""

    replicas: int
    trials: list[Trial]


def share_out(trials: Sequence[Trial]) -> list[Plan]:
    """Return what each world is to play. The first one has one replica, and takes what is not worth another one."""
    first, plans = Plan(1, []), list[Plan]()
    for lane in LANES:
        mine = [trial for trial in trials if lane.has(trial)]
        count = min(lane.worlds, len(mine) // WORTH)
        if lane.replicas > first.replicas and mine:
            count = max(count, 1)
        shares = [mine[number::count] for number in range(count)] or [mine]
        if lane is FIRST or not count:
            first.trials += shares.pop(0)
        plans += [Plan(lane.replicas, share) for share in shares]
    return [first, *plans]


class Lanes:
    """Starts worlds one after another, in folders of their own, and has each play its share."""

    def __init__(self, folder: Path, report: Report, *, alone: bool) -> None:
        """Build it. alone: one trial at a time."""
        self._folder, self._report, self._alone = folder, report, alone
        self._starting = asyncio.Lock()
        self._count = 0

    async def open(self, stack: AsyncExitStack, *, replicas: int, learned: dict[str, Learned] | None = None) -> Runner:
        """Start a world, which ends with the stack; return who plays in it."""
        director = Director(FAULTS)
        async with self._starting:
            self._count += 1
            folder = self._folder / f"world-{self._count}"
            director.world = await stack.enter_async_context(World(folder, director, replicas=replicas))
        return Runner(director.world, director, self._report.show, alone=self._alone, learned=learned)

    async def play(self, plan: Plan, learned: dict[str, Learned]) -> None:
        """Play a share in a world of its own. learned: what a world with one replica came to.

        Where the world itself fails, that is a violation, and the others go on.
        """
        try:
            await self._play(plan, learned)
        except Exception as error:
            names = ", ".join(sorted({FAULTS[trial.fault].group for trial in plan.trials}))
            broken = Violation("world", names, f"{type(error).__name__}: {error}")
            self._report.of_processes.append(broken)
            self._report.show(f"VIOLATION {broken}")

    async def _play(self, plan: Plan, learned: dict[str, Learned]) -> None:
        async with AsyncExitStack() as stack:
            runner = await self.open(stack, replicas=plan.replicas, learned=learned if plan.replicas == 1 else None)
            if plan.replicas > 1:
                await runner.learn(sorted({trial.scenario for trial in plan.trials}))
            await runner.attempt_all(plan.trials, self._report)


async def run(
    folder: Path,
    report: Report,
    *,
    choose: Callable[[list[Trial]], list[Trial]],
    scenarios: Sequence[str],
    alone: bool = False,
) -> None:
    """Play what `choose` takes of all trials of the scenarios, but for those that the report has already.

    alone: one trial at a time
    """
    lanes = Lanes(folder, report, alone=alone)
    async with AsyncExitStack() as stack:
        runner = await lanes.open(stack, replicas=1)
        await runner.learn(scenarios)
        trials = [t for name in scenarios for t in trials_of(name, runner.learned[name].positions)]
        chosen, done = choose(trials), {verdict.trial for verdict in report.verdicts}
        report.total = len(chosen)
        report.show(f"{len(trials)} trials, {len(chosen)} chosen, {len(done)} of them played before")
        first, *others = share_out([trial for trial in chosen if trial not in done])
        if alone:
            await runner.attempt_all(first.trials, report)
            for plan in others:
                await lanes.play(plan, runner.learned)
            return
        async with asyncio.TaskGroup() as group:
            for plan in others:
                group.create_task(lanes.play(plan, runner.learned))
            await runner.attempt_all(first.trials, report)
