"""Learns the scenarios in one world, plays trials in it side by side, and judges each."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from api.kinds import RECEIVER
from e2e import metrics
from e2e.apifaults.director import Director
from e2e.apifaults.faults import CLOCK, CRASH, FAULTS, HOLD_SECONDS, PAIR, PLANE, SIDE, SLOW, STUCK_SECONDS
from e2e.apifaults.play import AUTHOR, PATIENCE, Play, differences, end_state
from e2e.apifaults.positions import EVENT, Position, Trial, common
from e2e.apifaults.report import Report, Share, Show, Verdict
from e2e.apifaults.scenarios import SCENARIOS, ask_all
from e2e.apifaults.usage import SLACK, usage_of
from e2e.apifaults.world import PROCESSES, World
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

SIDE_BY_SIDE = {SIDE: 8, SLOW: 16, CRASH: 4, CLOCK: 1, PLANE: 1, PAIR: 1}
"""How many plays run at the same time, by group; others of the group may be disturbed by a process that is killed."""
TOGETHER = ((SIDE, SLOW), (CRASH,), (CLOCK,), (PLANE,), (PAIR,))
"""Which groups are played at the same time."""
KILLING = {CRASH, PAIR}
"""Groups in which processes are killed: what they hold is not compared."""
IDLE_SECONDS = 45.0
"""For connections to be closed that nobody uses any more."""
WRITE_SECONDS = 15.0
"""How long a status may be under way in a play with a fault, besides what the fault itself takes."""
LEARN_SECONDS = 120.0
"""For every wait without a fault: other worlds start meanwhile, and all of theirs need what is learned."""
SETTLE_SECONDS = 15.0
"""For what is not as it should be at the end: a process whose watch was broken may not know all yet, as long as it
waits for its next try. Nobody asks it meanwhile: it has to find out."""
RUNS = 3
"""Of a scenario, to learn it."""


@dataclass(slots=True)
class Learned:
    """A scenario without faults: its positions and its end."""

    positions: list[Position]
    state: dict[str, Any]


class Runner:
    """Plays trials in one world."""

    def __init__(
        self,
        world: World,
        director: Director,
        show: Show,
        *,
        alone: bool = False,
        learned: dict[str, Learned] | None = None,
    ) -> None:
        """Build it. alone: one trial at a time. learned: in another world that is like this one."""
        self.world, self.director, self._show, self._alone = world, director, show, alone
        self.learned = learned or {}

    async def learn(self, names: Iterable[str]) -> None:
        """Play scenarios without a fault. Raises AssertionError when that violates anything."""
        for name in names:
            plays = [Play(self.world, patience=LEARN_SECONDS) for _ in range(RUNS)]
            runs = self._runs() if len(self.world.replicas) == len(LEASED) else {}
            done = await asyncio.gather(*(self._play(name, play) for play in plays))
            for state, violations in done:
                assert not violations, f"without any fault: {'; '.join(map(str, violations))}"
                different = differences(done[0][0], state, chance=SCENARIOS[name].chance)
                assert not different, different
            if len(self.world.replicas) == len(LEASED):  # of a candidate there are no figures, and it may end
                writes = [write for play in plays for write in play.writes]
                for replica, count in self._runs().items():
                    mine = [write for write in writes if write.writer == replica]
                    idle = check_writes(mine, runs=count - runs[replica])
                    assert not idle, "; ".join(map(str, idle))
            else:
                unknown = [kind for kind in LEASED if not self.director.leader(kind)]
                assert not unknown, f"no lease of {unknown} was seen: who leads could not be checked"
            positions = common(play.counting.positions() for play in plays)
            self.learned[name] = Learned(
                [position for position in positions if position.process in SCENARIOS[name].processes], done[0][0]
            )
            self._show(f"learned {name}: {len(self.learned[name].positions)} positions")

    def _runs(self) -> dict[str, float]:
        return {
            name: metrics.total(replica.metrics, "controller_runtime_reconcile_total")
            for name, replica in self.world.replicas.items()
        }

    async def attempt(self, trial: Trial) -> Verdict:
        """Play a scenario with one fault."""
        began = time.monotonic()
        stuck = FAULTS[trial.fault].group in (SLOW, PLANE, PAIR)
        play = Play(self.world, trial, patience=STUCK_SECONDS + PATIENCE if stuck else PATIENCE)
        expected, chance = self.learned[trial.scenario].state, SCENARIOS[trial.scenario].chance

        def missing(state: dict[str, Any]) -> Sequence[str]:
            return differences(expected, state, chance=chance | FAULTS[trial.fault].forgets)

        state, violations = await self._play(trial.scenario, play, missing)
        if not any(violation.rule == "liveness" for violation in violations):
            violations += [Violation("end state", play.namespace, line) for line in missing(state)]
        return Verdict(trial, play.fired, violations, time.monotonic() - began, play.failed)

    async def _play(
        self, name: str, play: Play, missing: Callable[[dict[str, Any]], Sequence[str]] = lambda _: ()
    ) -> tuple[dict[str, Any], list[Violation]]:
        """Return the end of a scenario, and what was violated. missing: what an end state lacks."""
        self.director.plays[play.namespace] = play
        violations: list[Violation] = []
        state: dict[str, Any] = {}
        try:
            await play.begin()
            await SCENARIOS[name].run(play)
            if play.tasks:  # a fault that came with the last questions, and still lasts
                await ask_all(play)
            state = await end_state(play)
            deadline = time.monotonic() + (SETTLE_SECONDS if self._is_disturbed(play) else 0)
            while missing(state) and time.monotonic() < deadline:
                await asyncio.sleep(HOLD_SECONDS)
                state = await end_state(play)
        except NeverCame as error:
            violations.append(Violation("liveness", play.namespace, f"{error}{self._last_words(play)}"))
        finally:
            await play.end()
        versions = self.world.observer.versions[play.namespace]
        violations += check_versions(versions, _allowance(play))
        drops = play.trial is not None and FAULTS[play.trial.fault].drops
        violations += check_writes(play.writes, drops=drops)
        violations += [Violation("scenario", play.namespace, text) for text in play.broken]
        if not any(violation.rule == "liveness" for violation in violations):
            violations += check_choices(choices_of(versions), within=play.patience)
        for repository in play.repositories.values():
            violations += check_commits([commit for author, _, commit in repository.commits() if author == AUTHOR])
            repository.close()
        violations += check_leaders_of(play, self.director) if len(self.world.replicas) > len(LEASED) else []
        self.director.plays.pop(play.namespace)
        del self.world.observer.versions[play.namespace]
        return state, violations

    def _is_disturbed(self, play: Play) -> bool:
        """Return whether watches break in the processes of a play, by its own fault or those of others beside it."""
        return play.trial is not None and (not self._alone or play.trial.position.verb == EVENT)

    def _last_words(self, play: Play) -> str:
        said = [
            f"{kind} {name} {condition['type']}={condition['status']} {condition['message'][:200]}"
            for (kind, name), found in sorted(self.world.observer.objects[play.namespace].items())
            for condition in found.get("status", {}).get("conditions", ())
        ]
        return f"; {'; '.join(said)}"

    async def attempt_all(self, trials: Sequence[Trial], report: Report) -> None:
        """Play trials side by side, as far as their faults allow it."""
        share = Share(len(trials))
        report.shares.append(share)
        for groups in TOGETHER:
            if not any(FAULTS[trial.fault].group in groups for trial in trials):
                continue
            before = {} if set(groups) & KILLING else await self._usages()
            workers: list[Coroutine[Any, Any, None]] = []
            for group in groups:
                chosen = [trial for trial in trials if FAULTS[trial.fault].group == group]
                # In order, those at the same time would all come to one watch, and be a series of faults for it.
                Random(len(chosen)).shuffle(chosen)  # noqa: S311
                queue = asyncio.Queue[Trial]()
                for trial in chosen:
                    queue.put_nowait(trial)
                width = 1 if self._alone else min(SIDE_BY_SIDE[group], len(chosen))
                workers += [self._worker(queue, report, share) for _ in range(width)]
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

    async def _worker(self, queue: "asyncio.Queue[Trial]", report: Report, share: Share) -> None:
        while not queue.empty():
            trial = queue.get_nowait()
            try:
                verdict = await self.attempt(trial)
                if not verdict.reached and not verdict.violations:  # which of several ways a run takes is chance
                    verdict = await self.attempt(trial)
            except Exception as error:  # of the play itself: the others go on
                broken = Violation("play", str(trial), f"{type(error).__name__}: {error}")
                verdict = Verdict(trial, False, [broken], 0.0)
            share.done += 1
            report.add(verdict)


def _allowance(play: Play) -> Allowance:
    if play.trial is None:
        return Allowance()
    return Allowance(write_seconds=WRITE_SECONDS + play.lasted, clocks=(0, FAULTS[play.trial.fault].clock))


LEASED = PROCESSES
LED = frozenset({"receivers", "receivers/status"})
"""What only the receiver that leads writes: hooks are served, and objects woken, by all of them."""


def check_leaders_of(play: Play, director: Director) -> list[Violation]:
    """Return the writes of a play by processes that did not lead any more."""
    out = []
    for kind in LEASED:
        leases = [lease for lease in director.leases if lease.subject == f"{kind}-controller-leader-election"]
        writes = [
            write
            for write in play.writes
            if write.writer.partition("-")[0] == kind and (kind != RECEIVER.name or write.what in LED)
        ]
        out += check_leaders(writes, leases)
    return out
