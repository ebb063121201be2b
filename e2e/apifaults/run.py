"""Learns the scenarios, lists the trials, plays them side by side, and judges each."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from e2e import metrics
from e2e.apifaults.director import Director
from e2e.apifaults.faults import CLOCK, CRASH, FAULTS, PAIR, PLANE, SIDE, SLOW
from e2e.apifaults.play import AUTHOR, PATIENCE, Play, differences, end_state
from e2e.apifaults.positions import Position, Trial, common
from e2e.apifaults.scenarios import SCENARIOS, ask_all
from e2e.apifaults.usage import SLACK, usage_of
from e2e.apifaults.world import World
from testing.commit_rules import check_commits
from testing.invariants import (
    Allowance,
    Usage,
    Violation,
    check_choices,
    check_flat,
    check_leaders,
    check_versions,
    check_writes,
    choices_of,
)
from testing.observer import NeverCame

SIDE_BY_SIDE = {SIDE: 10, SLOW: 16, CRASH: 4, CLOCK: 1, PLANE: 1, PAIR: 1}
"""How many plays run at the same time, by group; others of the group may be disturbed by a process that is killed."""
TOGETHER = ((SIDE, SLOW), (CRASH,), (CLOCK,), (PLANE,), (PAIR,))
"""Which groups are played at the same time."""
ALL, A_SAMPLE = "all", "sample"
KILLING = {CRASH, PAIR}
"""Groups in which processes are killed: what they hold is not compared."""
IDLE_SECONDS = 45.0
"""For connections to be closed that nobody uses any more."""
WRITE_SECONDS = 15.0
"""How long a status may be under way in a play with a fault."""
RUNS = 3
"""Of a scenario, to learn it."""
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


@dataclass(slots=True)
class Learned:
    """A scenario without faults: its positions and its end."""

    positions: list[Position]
    state: dict[str, Any]


@dataclass(slots=True)
class Report:
    """What a run came to."""

    seed: int
    verdicts: list[Verdict] = field(default_factory=list)
    of_processes: list[Violation] = field(default_factory=list)
    """What was violated by no single trial."""
    began: float = field(default_factory=time.monotonic)

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


class Runner:
    """Plays trials in one world."""

    def __init__(self, world: World, director: Director, show: Show, *, alone: bool = False) -> None:
        self.world, self.director, self._show, self._alone = world, director, show, alone
        self.learned: dict[str, Learned] = {}

    async def learn(self, names: Iterable[str]) -> None:
        """Play scenarios without a fault. Raises AssertionError when that violates anything."""
        for name in names:
            plays = [Play(self.world) for _ in range(RUNS)]
            runs = self._runs() if len(self.world.replicas) == len(LEASED) else 0
            done = await asyncio.gather(*(self._play(name, play) for play in plays))
            for state, violations in done:
                assert not violations, f"without any fault: {'; '.join(map(str, violations))}"
                assert not differences(done[0][0], state), differences(done[0][0], state)
            if len(self.world.replicas) == len(LEASED):  # of a candidate there are no figures, and it may end
                writes = [write for play in plays for write in play.writes]
                idle = check_writes(writes, runs=self._runs() - runs)
                assert not idle, "; ".join(map(str, idle))
            else:
                unknown = [kind for kind in LEASED if not self.director.leader(kind)]
                assert not unknown, f"no lease of {unknown} was seen: who leads could not be checked"
            self.learned[name] = Learned(common(play.counting.positions() for play in plays), done[0][0])
            self._show(f"learned {name}: {len(self.learned[name].positions)} positions")

    def _runs(self) -> float:
        replicas = self.world.replicas.values()
        return sum(metrics.total(replica.metrics, "controller_runtime_reconcile_total") for replica in replicas)

    async def attempt(self, trial: Trial) -> Verdict:
        """Play a scenario with one fault."""
        began = time.monotonic()
        stuck = FAULTS[trial.fault].group in (SLOW, PLANE, PAIR)
        play = Play(self.world, trial, patience=2.5 * PATIENCE if stuck else PATIENCE)
        state, violations = await self._play(trial.scenario, play)
        if not any(violation.rule == "liveness" for violation in violations):
            expected = self.learned[trial.scenario].state
            violations += [Violation("end state", play.namespace, line) for line in differences(expected, state)]
        return Verdict(trial, play.fired, violations, time.monotonic() - began, play.failed)

    async def _play(self, name: str, play: Play) -> tuple[dict[str, Any], list[Violation]]:
        self.director.plays[play.namespace] = play
        violations: list[Violation] = []
        state: dict[str, Any] = {}
        try:
            await play.begin()
            await SCENARIOS[name].run(play)
            if play.tasks:  # a fault that came with the last questions, and still lasts
                await ask_all(play)
            state = await end_state(play)
        except NeverCame as error:
            violations.append(Violation("liveness", play.namespace, f"{error}{self._last_words(play)}"))
        finally:
            await play.end()
        versions = self.world.observer.versions[play.namespace]
        slow = Allowance(write_seconds=WRITE_SECONDS)
        violations += check_versions(versions, slow if play.trial else Allowance())
        violations += check_writes(play.writes)
        violations += [Violation("scenario", play.namespace, text) for text in play.broken]
        if SCENARIOS[name].follows and not any(violation.rule == "liveness" for violation in violations):
            violations += check_choices(choices_of(versions), within=play.patience)
        for repository in play.repositories.values():
            violations += check_commits([commit for author, _, commit in repository.commits() if author == AUTHOR])
            repository.close()
        violations += check_leaders_of(play, self.director) if len(self.world.replicas) > len(LEASED) else []
        self.director.plays.pop(play.namespace)
        del self.world.observer.versions[play.namespace]
        return state, violations

    def _last_words(self, play: Play) -> str:
        said = [
            f"{kind} {name} {condition['type']}={condition['status']} {condition['message'][:200]}"
            for (kind, name), found in sorted(self.world.observer.objects[play.namespace].items())
            for condition in found.get("status", {}).get("conditions", ())
        ]
        return f"; {'; '.join(said)}"

    async def attempt_all(self, trials: Sequence[Trial], report: Report) -> None:
        """Play trials side by side, as far as their faults allow it."""
        for groups in TOGETHER:
            if not any(FAULTS[trial.fault].group in groups for trial in trials):
                continue
            before = {} if set(groups) & KILLING else await self._usages()
            workers: list[Coroutine[Any, Any, None]] = []
            for group in groups:
                chosen = [trial for trial in trials if FAULTS[trial.fault].group == group]
                queue = asyncio.Queue[Trial]()
                for trial in chosen:
                    queue.put_nowait(trial)
                width = 1 if self._alone else min(SIDE_BY_SIDE[group], len(chosen))
                workers += [self._worker(queue, report, len(trials)) for _ in range(width)]
            await asyncio.gather(*workers)
            if before:
                report.of_processes += await self._check_processes(before)

    async def _usages(self) -> dict[str, tuple[int, Usage]]:
        """Return pid and usage of each process, by name."""
        out = {}
        for name, replica in self.world.replicas.items():
            await replica.wait_ready()
            assert replica.running is not None
            out[name] = replica.running.pid, await asyncio.to_thread(usage_of, replica.running, replica.debug)
        return out

    async def _check_processes(self, before: dict[str, tuple[int, Usage]]) -> list[Violation]:
        """Return the processes that have ended by themselves, or hold more than before, once connections are idle."""
        deadline = time.monotonic() + IDLE_SECONDS
        while True:
            after, out = await self._usages(), []
            for name, (pid, usage) in after.items():
                old_pid, old = before[name]
                grown = check_flat(old, usage, SLACK)
                ended = [Violation("ends", name, "it has ended by itself")]
                out += [replace(v, subject=f"{name} {v.subject}") for v in grown] if pid == old_pid else ended
            if not out or time.monotonic() > deadline:
                break
            await asyncio.sleep(1)
        for name, (_, usage) in after.items():
            self._show(f"{name}: {before[name][1]}, then {usage}")
        for violation in out:
            self._show(f"VIOLATION {violation}")
        return out

    async def _worker(self, queue: "asyncio.Queue[Trial]", report: Report, total: int) -> None:
        while not queue.empty():
            trial = queue.get_nowait()
            try:
                verdict = await self.attempt(trial)
                if not verdict.reached and not verdict.violations:  # which of several ways a run takes is chance
                    verdict = await self.attempt(trial)
            except Exception as error:  # of the play itself: the others go on
                broken = Violation("play", str(trial), f"{type(error).__name__}: {error}")
                verdict = Verdict(trial, False, [broken], 0.0)
            report.verdicts.append(verdict)
            if verdict.violations:
                for violation in verdict.violations:
                    self._show(f"VIOLATION {violation}")
                self._show(f"  play it again: FAULTS_AT='{verdict.trial}'")
            if not verdict.reached:
                self._show(f"NOT INJECTED {verdict.trial}: {verdict.failed or 'its position was not reached'}")
            if len(report.verdicts) % 25 == 0:
                seconds = time.monotonic() - report.began
                self._show(
                    f"{len(report.verdicts)} of {total} positions, {len(report.bad)} with violations, {seconds:.0f} s"
                )


LEASED = ("imagerepository", "imagepolicy", "imageupdateautomation")


def check_leaders_of(play: Play, director: Director) -> list[Violation]:
    """Return the writes of a play by processes that did not lead any more."""
    out = []
    for kind in LEASED:
        leases = [lease for lease in director.leases if lease.subject == f"{kind}-controller-leader-election"]
        writes = [write for write in play.writes if write.writer.partition("-")[0] == kind]
        out += check_leaders(writes, leases)
    return out


async def run(
    folder: Path,
    report: Report,
    *,
    choose: Callable[[list[Trial]], list[Trial]],
    scenarios: Sequence[str],
    show: Show,
    alone: bool = False,
) -> None:
    """Play what `choose` takes of all trials of the scenarios, in a world with one replica and one with two.

    alone: one trial at a time
    """
    director = Director(FAULTS)
    async with World(folder / "one", director) as world:
        director.world = world
        runner = Runner(world, director, show, alone=alone)
        await runner.learn(scenarios)
        trials = [t for name in scenarios for t in trials_of(name, runner.learned[name].positions)]
        chosen = choose(trials)
        show(f"{len(trials)} trials, {len(chosen)} chosen")
        await runner.attempt_all([t for t in chosen if FAULTS[t.fault].group != PAIR], report)
    of_pairs = [trial for trial in chosen if FAULTS[trial.fault].group == PAIR]
    if of_pairs:
        director = Director(FAULTS)
        async with World(folder / "two", director, replicas=2) as world:
            director.world = world
            pair = Runner(world, director, show, alone=alone)
            await pair.learn(sorted({trial.scenario for trial in of_pairs}))
            await pair.attempt_all(of_pairs, report)
