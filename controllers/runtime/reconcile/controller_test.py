import asyncio
import itertools
import logging
from datetime import timedelta

import pytest

from controllers.runtime.key import Key
from controllers.runtime.queue.workqueue import WorkQueue
from controllers.runtime.reconcile.controller import (
    HOST_RUNS_PER_WORKER,
    SLOW_RUNS_PER_WORKER,
    Controller,
    shares_of,
)
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry, Stalled, Waiting
from testing.clock import VirtualClock, settle

A, B = Key("ns", "a"), Key("ns", "b")


class FakeControllerMetrics:
    """ControllerMetrics that add up."""

    def __init__(self) -> None:
        self.active = self.most_active = self.terminals = self.crashes = 0
        self.results: list[str] = []

    def record_start(self) -> None:
        self.active += 1
        self.most_active = max(self.most_active, self.active)

    def record_result(self, result: str, *, seconds: float) -> None:
        self.active -= 1
        self.results.append(result)

    def record_terminal_error(self) -> None:
        self.terminals += 1

    def record_crash(self) -> None:
        self.crashes += 1


class ControllerHarness:
    """A controller with a scripted reconcile function on virtual time."""

    def __init__(
        self,
        *outcomes: Outcome | Exception | None,
        workers: int = 1,
        slow_threshold: timedelta | None = None,
        may_interrupt: bool = False,
    ) -> None:
        """Build it; the host of a key is what its name begins with, up to a dot."""
        self.clock = VirtualClock()
        self.queue = WorkQueue(self.clock, shares=shares_of(workers), host_of=lambda key: key.name.rpartition(".")[0])
        self.tally = FakeControllerMetrics()
        self.runs: list[tuple[float, Key]] = []
        self.finished: list[Key] = []
        self.run_seconds = 0.0
        self.slow_seconds: dict[Key, float] = {}
        self.interrupted: list[Key] = []
        self._ended: dict[Key, asyncio.Event] = {}
        self._outcomes = list(outcomes)
        self.controller = Controller(
            "things",
            self._reconcile,
            queue=self.queue,
            workers=workers,
            clock=self.clock,
            metrics=self.tally,
            log=logging.getLogger("controllers.test"),
            slow_threshold=slow_threshold,
            interrupt=self._interrupt if may_interrupt else lambda _: False,
            requeue_dependency=timedelta(seconds=8),
        )
        self.task = asyncio.create_task(self.controller.run())

    async def _reconcile(self, key: Key) -> Outcome | None:
        self.runs.append((self.clock.monotonic(), key))
        if seconds := self.slow_seconds.get(key, self.run_seconds):
            ended = self._ended[key] = asyncio.Event()
            over = [asyncio.create_task(self.clock.sleep(seconds)), asyncio.create_task(ended.wait())]
            try:
                await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in over:
                    task.cancel()
        self.finished.append(key)
        outcome = self._outcomes.pop(0) if self._outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _interrupt(self, key: Key) -> bool:
        if key in self.interrupted:
            return False
        self.interrupted.append(key)
        self._ended[key].set()
        return True

    def start_of(self, key: Key) -> float | None:
        """Return when the first run of a key began; None: it has not."""
        return next((at for at, began in self.runs if began == key), None)

    async def end(self) -> None:
        self.controller.stop()
        await self.task


@pytest.mark.parametrize(
    ("outcome", "second_run", "result", "terminals", "crashes"),
    [
        pytest.param(None, None, "success", 0, 0, id="no-run"),
        pytest.param(Ready("m"), None, "success", 0, 0, id="ready"),
        pytest.param(Ready("m", timedelta(seconds=30)), 30, "requeue_after", 0, 0, id="ready-with-an-interval"),
        pytest.param(Retry("R", "no"), 0.75, "error", 0, 0, id="retry"),
        pytest.param(Retry("R", "no", retry_after=timedelta(seconds=7)), 7, "error", 0, 0, id="retry-at-a-set-time"),
        pytest.param(Retry("R", "no", retry_after=timedelta()), 0.75, "error", 0, 0, id="retry-at-once"),
        pytest.param(Retry("R", "no", retry_after=timedelta(seconds=-9)), 0.75, "error", 0, 0, id="retry-in-the-past"),
        pytest.param(Waiting("R", "not yet"), None, "success", 0, 0, id="waiting"),
        pytest.param(Waiting("R", "not yet", timedelta(seconds=9)), 9, "requeue_after", 0, 0, id="waiting-for-a-time"),
        pytest.param(Waiting("DependencyNotReady", "not yet"), 8, "requeue_after", 0, 0, id="waiting-for-a-dependency"),
        pytest.param(Stalled("R", "never"), None, "error", 1, 0, id="stalled"),
        pytest.param(KeyError("oops"), 0.75, "error", 0, 1, id="crash"),
    ],
)
async def test_each_outcome_has_its_next_run_and_its_metric(
    outcome: Outcome | Exception | None, second_run: float | None, result: str, terminals: int, crashes: int
) -> None:
    harness = ControllerHarness(outcome)
    harness.queue.add(A)
    await harness.clock.advance(3600)
    times = [at for at, _ in harness.runs]
    assert times == ([0] if second_run is None else [0, second_run])
    assert harness.tally.results[0] == result
    assert (harness.tally.terminals, harness.tally.crashes) == (terminals, crashes)
    await harness.end()


@pytest.mark.parametrize(
    "success",
    [
        pytest.param(Ready("m"), id="ready"),
        pytest.param(Ready("m", timedelta(hours=1)), id="ready-with-an-interval"),
        pytest.param(Waiting("R", "not yet"), id="waiting"),
    ],
)
async def test_a_success_starts_the_backoff_anew(success: Outcome) -> None:
    harness = ControllerHarness(Retry("R", "1"), Retry("R", "2"), success, Retry("R", "3"))
    harness.queue.add(A)
    await harness.clock.advance(10)
    harness.queue.add(A)
    await harness.clock.advance(10)
    assert [at for at, _ in harness.runs] == [0, 0.75, 2.25, 10, 10.75]
    await harness.end()


async def test_lost_leadership_cancels_the_other_runs_and_ends_the_controller() -> None:
    harness = ControllerHarness(LostLeadership("gone"), workers=2)
    harness.run_seconds = 5
    harness.queue.add(A)
    await harness.clock.advance(1)
    harness.queue.add(B)
    await harness.clock.advance(10)
    with pytest.raises(LostLeadership):
        await harness.task
    assert harness.finished == [A]


async def test_stop_lets_running_runs_finish_and_starts_no_other() -> None:
    harness = ControllerHarness()
    harness.run_seconds = 5
    harness.queue.add(A)
    harness.queue.add(B)
    await harness.clock.advance(1)
    harness.controller.stop()
    await harness.clock.advance(10)
    await harness.task
    assert harness.finished == [A]


async def test_cancelling_the_controller_cuts_running_runs() -> None:
    harness = ControllerHarness()
    harness.run_seconds = 5
    harness.queue.add(A)
    await harness.clock.advance(1)
    harness.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await harness.task
    assert harness.finished == []
    assert harness.tally.active == 0


async def test_as_many_objects_run_at_once_as_there_are_workers() -> None:
    harness = ControllerHarness(workers=3)
    harness.run_seconds = 1
    for number in range(7):
        harness.queue.add(Key("ns", str(number)))
    await harness.clock.advance(3)
    assert (harness.tally.most_active, len(harness.finished)) == (3, 7)
    await harness.end()


def slow_harness(*, slow: int, workers: int = 2) -> ControllerHarness:
    """Return a controller with a slow threshold and as many runs under way that take an hour."""
    harness = ControllerHarness(workers=workers, slow_threshold=timedelta(seconds=1))
    for number in range(slow):
        key = Key("ns", f"slow-{number}")
        harness.slow_seconds[key] = 3600
        harness.queue.add(key)
    return harness


async def test_slow_runs_hold_no_worker_for_longer_than_the_threshold() -> None:
    harness = slow_harness(slow=6)
    harness.queue.add(A)
    await harness.clock.advance(2.9)
    assert A not in harness.finished
    await harness.clock.advance(0.1)  # three pairs of slow runs were given up on, one after the other
    assert harness.finished == [A]
    await harness.clock.advance(3600)
    assert len(harness.finished) == 7
    await harness.end()


async def test_workers_are_as_many_as_before_when_the_slow_runs_are_over() -> None:
    harness = slow_harness(slow=6)
    await harness.clock.advance(7200)
    assert len(harness.finished) == 6
    harness.tally.most_active, harness.run_seconds = 0, 0.5
    for number in range(8):
        harness.queue.add(Key("ns", str(number)))
    await harness.clock.advance(10)
    assert harness.tally.most_active == 2
    await harness.end()


VICTIM = Key("victim", "registry.app")


async def attack(harness: ControllerHarness, *, namespaces: int = 1, hosts: int = 1, each: int) -> None:
    """Queue runs that take ten hours: `each` for every host of every namespace."""
    for namespace, host, number in itertools.product(range(namespaces), range(hosts), range(each)):
        key = Key(f"attacker-{namespace}", f"silent{host}.{number}")
        harness.slow_seconds[key] = 36_000
        harness.queue.add(key)
    await harness.clock.advance(120)


@pytest.mark.parametrize(
    ("namespaces", "hosts", "each", "may_interrupt"),
    [
        pytest.param(1, 1, 44, False, id="one-host"),
        pytest.param(1, 44, 10, False, id="many-hosts"),
        pytest.param(7, 5, 10, False, id="many-namespaces"),
        pytest.param(40, 5, 10, True, id="too-many-namespaces"),
    ],
)
async def test_silent_hosts_of_one_tenant_do_not_delay_another(
    *, namespaces: int, hosts: int, each: int, may_interrupt: bool
) -> None:
    harness = ControllerHarness(workers=4, slow_threshold=timedelta(seconds=1), may_interrupt=may_interrupt)
    await attack(harness, namespaces=namespaces, hosts=hosts, each=each)
    began = harness.clock.monotonic()
    harness.queue.add(VICTIM)
    await harness.clock.advance(5)
    start = harness.start_of(VICTIM)
    assert start is not None
    assert start - began <= 3
    assert harness.tally.active <= 4 * (1 + SLOW_RUNS_PER_WORKER)
    harness.task.cancel()
    await asyncio.gather(harness.task, return_exceptions=True)


async def test_a_tenants_own_objects_on_other_hosts_go_on_beside_a_silent_one() -> None:
    harness = ControllerHarness(workers=4, slow_threshold=timedelta(seconds=1))
    await attack(harness, each=44)
    assert harness.tally.active == 4 * HOST_RUNS_PER_WORKER
    other = Key("attacker-0", "good.app")
    harness.queue.add(other)
    await harness.clock.advance(0)
    assert harness.finished == [other]
    harness.task.cancel()
    await asyncio.gather(harness.task, return_exceptions=True)


async def test_what_was_held_back_runs_when_the_slow_runs_are_over() -> None:
    harness = slow_harness(slow=25)
    await harness.clock.advance(600)
    assert harness.tally.active == 2 * HOST_RUNS_PER_WORKER
    await harness.clock.advance(4 * 3600)
    assert len(set(harness.finished)) == 25
    await harness.end()


async def test_the_longest_run_of_the_namespace_with_most_makes_room() -> None:
    harness = ControllerHarness(slow_threshold=timedelta(seconds=1), may_interrupt=True)
    for number in range(SLOW_RUNS_PER_WORKER - 2):
        await attack_from(harness, f"small-{number}")
    await attack_from(harness, "big", "first")
    await attack_from(harness, "big", "second")
    assert harness.interrupted == []
    await attack_from(harness, "another")
    assert harness.interrupted == [Key("big", "first")]
    harness.task.cancel()
    await asyncio.gather(harness.task, return_exceptions=True)


async def attack_from(harness: ControllerHarness, namespace: str, name: str = "silent") -> None:
    harness.slow_seconds[Key(namespace, name)] = 36_000
    harness.queue.add(Key(namespace, name))
    await harness.clock.advance(2)


async def test_stop_also_waits_for_slow_runs() -> None:
    harness = slow_harness(slow=3, workers=1)
    await harness.clock.advance(10)
    harness.controller.stop()
    await harness.clock.advance(3600)
    await harness.task
    assert len(harness.finished) == 3


@pytest.mark.parametrize(
    ("outcome", "text", "traceback"),
    [
        pytest.param(Retry("Denied", "registry said no"), "registry said no", False, id="failure"),
        pytest.param(ValueError("may quote a secret"), "ValueError", True, id="crash"),
    ],
)
async def test_an_error_is_logged_once_and_only_a_crash_with_its_traceback(
    caplog: pytest.LogCaptureFixture, outcome: Outcome | Exception, text: str, *, traceback: bool
) -> None:
    harness = ControllerHarness(outcome)
    harness.queue.add(A)
    await settle()
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.msg, vars(record)["error"], bool(record.exc_info)) == (
        "Reconciler error",
        text,
        traceback,
    )
    await harness.end()
