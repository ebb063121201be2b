import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.runtime.key import Key
from controllers.runtime.queue.ratelimit import Backoff, TokenBucket
from controllers.runtime.queue.workqueue import Cause, Lane, QueueShutDown, WorkQueue
from testing.clock import VirtualClock, settle

A, B, C = Key("ns", "a"), Key("ns", "b"), Key("ns", "c")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def queue(clock: VirtualClock) -> WorkQueue:
    return WorkQueue(clock)


async def drain(queue: WorkQueue) -> list[Key]:
    """Run every ready key, one after the other."""
    ran = []
    while len(queue):
        key = await queue.get()
        ran.append(key)
        queue.done(key)
    return ran


async def test_a_key_is_queued_once_however_often_it_is_added(queue: WorkQueue) -> None:
    for key in (A, B, A, A):
        queue.add(key)
    assert await drain(queue) == [A, B]


async def test_a_key_added_during_its_run_runs_again_and_only_after_it(queue: WorkQueue) -> None:
    queue.add(A)
    assert await queue.get() == A
    queue.add(A)
    queue.add(A)
    assert len(queue) == 0
    queue.done(A)
    assert await drain(queue) == [A]


async def test_user_edits_run_before_resyncs(queue: WorkQueue) -> None:
    queue.add(A, Lane.RESYNC)
    queue.add(B, Lane.USER)
    assert await drain(queue) == [B, A]


async def test_a_user_edit_lifts_a_key_out_of_the_resync_lane_and_a_resync_does_not_push_it_back(
    queue: WorkQueue,
) -> None:
    for key in (A, B, C):
        queue.add(key, Lane.RESYNC)
    queue.add(C, Lane.USER)
    queue.add(C, Lane.RESYNC)
    assert await drain(queue) == [C, A, B]


async def test_the_lane_of_a_key_added_during_its_run_is_the_best_of_those_asked_for(queue: WorkQueue) -> None:
    queue.add(A)
    await queue.get()
    queue.add(A, Lane.USER)
    queue.add(A, Lane.RESYNC)
    queue.add(B, Lane.USER)
    queue.add(C, Lane.RESYNC)
    queue.done(A)
    assert await drain(queue) == [B, A, C]


async def test_namespaces_take_turns(queue: WorkQueue) -> None:
    crowd = [Key("big", str(number)) for number in range(3)]
    for key in (*crowd, Key("small", "x"), Key("tiny", "y")):
        queue.add(key)
    ran = await drain(queue)
    assert [str(key) for key in ran] == ["big/0", "small/x", "tiny/y", "big/1", "big/2"]


@pytest.mark.parametrize(
    ("delays", "due"),
    [
        pytest.param([5, 2], 2, id="earlier-one-wins-when-added-later"),
        pytest.param([2, 5], 2, id="earlier-one-wins-when-added-first"),
        pytest.param([3], 3, id="single"),
    ],
)
async def test_of_several_delays_the_earliest_wins_and_runs_once(
    queue: WorkQueue, clock: VirtualClock, delays: list[float], due: float
) -> None:
    for delay in delays:
        queue.add_after(A, seconds(delay))
    await clock.advance(due - 0.01)
    assert len(queue) == 0
    await clock.advance(0.02)
    assert await drain(queue) == [A]
    await clock.advance(100)
    assert len(queue) == 0


async def test_a_delay_that_is_not_positive_is_now(queue: WorkQueue) -> None:
    queue.add_after(A, seconds(0))
    queue.add_after(B, seconds(-1))
    assert await drain(queue) == [A, B]


async def test_an_immediate_add_keeps_the_delayed_one_if_its_run_decides_nothing(
    queue: WorkQueue, clock: VirtualClock
) -> None:
    queue.add_after(A, seconds(10))
    queue.add(A)
    assert await drain(queue) == [A]
    await clock.advance(10)
    assert await drain(queue) == [A]


async def reschedule(queue: WorkQueue) -> None:
    queue.add_after(A, seconds(60))


async def fail(queue: WorkQueue) -> None:
    queue.add_rate_limited(A)


async def finish(queue: WorkQueue) -> None:
    queue.forget(A)


@pytest.mark.parametrize(
    ("decide", "next_run"),
    [
        pytest.param(reschedule, 60, id="after"),
        pytest.param(fail, 0.75, id="backoff"),
        pytest.param(finish, None, id="done"),
    ],
)
async def test_the_outcome_of_a_run_replaces_what_had_been_scheduled_before_it(
    queue: WorkQueue,
    clock: VirtualClock,
    decide: Callable[[WorkQueue], Awaitable[None]],
    next_run: float | None,
) -> None:
    queue.add_after(A, seconds(10))
    queue.add(A)
    await queue.get()
    await decide(queue)
    queue.done(A)
    runs = []
    for _ in range(400):
        await clock.advance(0.25)
        if await drain(queue):
            runs.append(clock.monotonic())
    assert runs == ([] if next_run is None else [next_run])


async def test_failures_back_off_from_750_ms_doubling_to_15_minutes_and_start_anew_after_forget(
    queue: WorkQueue, clock: VirtualClock
) -> None:
    delays = []
    for _ in range(13):
        delays.append(queue.add_rate_limited(A).total_seconds())
        await clock.advance(delays[-1])
        assert await drain(queue) == [A]
    assert delays == [0.75, 1.5, 3, 6, 12, 24, 48, 96, 192, 384, 768, 900, 900]
    queue.forget(A)
    assert queue.add_rate_limited(A) == seconds(0.75)


async def test_the_failing_keys_of_a_namespace_share_a_token_bucket_and_delay_no_others(clock: VirtualClock) -> None:
    queue = WorkQueue(
        clock, make_bucket=lambda: TokenBucket(rate=1, burst=2), backoff=Backoff(seconds(0.1), seconds(1))
    )
    delays = [queue.add_rate_limited(Key("ns", str(number))).total_seconds() for number in range(5)]
    assert delays == [0.1, 0.1, 1, 2, 3]
    assert queue.add_rate_limited(Key("other", "1")) == seconds(0.1)


async def test_nothing_is_remembered_of_a_key_that_succeeded(queue: WorkQueue, clock: VirtualClock) -> None:
    for number in range(100):
        key = Key("ns", str(number))
        queue.add_rate_limited(key)
    await clock.advance(10)
    while len(queue):
        key = await queue.get()
        queue.forget(key)
        queue.done(key)
    assert len(queue._failures) == 0
    state = [value for name, value in vars(queue).items() if isinstance(value, (dict, list)) and name != "_lanes"]
    assert not any(state)


async def test_superseded_delays_do_not_pile_up(queue: WorkQueue) -> None:
    for number in range(10_000, 0, -1):
        queue.add_after(A, seconds(number))
    assert len(queue._heap) < 100


async def test_get_waits_until_something_is_ready(queue: WorkQueue) -> None:
    waiting = asyncio.create_task(queue.get())
    await settle()
    assert not waiting.done()
    queue.add(A)
    assert await waiting == A


async def test_a_get_that_is_cancelled_before_it_notices_is_skipped(queue: WorkQueue) -> None:
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await settle()
    first.cancel()
    queue.add(A)
    assert await second == A


async def test_a_get_that_is_cancelled_when_its_key_has_come_passes_it_on(queue: WorkQueue) -> None:
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await settle()
    queue.add(A)
    first.cancel()
    assert await second == A


async def test_a_cancelled_get_loses_no_key(queue: WorkQueue) -> None:
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await settle()
    queue.add(A)
    first.cancel()
    await settle()
    assert await second == A


async def test_shut_down_sends_all_waiting_workers_home_and_takes_nothing_more(
    queue: WorkQueue, clock: VirtualClock
) -> None:
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    queue.add_after(A, seconds(1))
    await settle()
    queue.shut_down()
    results = await asyncio.gather(*workers, return_exceptions=True)
    assert all(isinstance(result, QueueShutDown) for result in results)
    queue.add(B)
    await clock.advance(5)
    assert len(queue) == 0
    with pytest.raises(QueueShutDown):
        await queue.get()


async def test_a_run_that_ends_after_shut_down_raises_nothing(queue: WorkQueue) -> None:
    queue.add(A)
    await queue.get()
    queue.add(A)
    queue.shut_down()
    queue.add_rate_limited(A)
    queue.done(A)
    assert len(queue) == 0


class FakeQueueMetrics:
    """QueueMetrics that add up."""

    def __init__(self) -> None:
        self.adds = self.retries = 0
        self.depths: dict[Lane, int] = {}
        self.waits: list[float] = []
        self.works: list[float] = []

    def count_add(self) -> None:
        self.adds += 1

    def count_retry(self) -> None:
        self.retries += 1

    def set_depth(self, lane: Lane, count: int) -> None:
        self.depths[lane] = count

    def observe_wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def observe_work(self, seconds: float) -> None:
        self.works.append(seconds)


async def test_the_queue_reports_what_waited_and_what_worked(clock: VirtualClock) -> None:
    tally = FakeQueueMetrics()
    queue = WorkQueue(clock, metrics=tally)
    queue.add(A)
    queue.add(B, Lane.RESYNC)
    assert tally.depths == {Lane.USER: 1, Lane.RESYNC: 1}
    await clock.advance(2)
    await queue.get()
    await clock.advance(3)
    assert list(queue.running_durations()) == [3]
    queue.done(A)
    assert (tally.waits, tally.works, tally.adds, tally.depths[Lane.USER]) == ([2], [3], 2, 0)


KEYS = st.sampled_from([Key(namespace, name) for namespace in ("one", "two") for name in ("a", "b", "c")])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS, st.sampled_from(Lane)),
        st.tuples(st.just("after"), KEYS, st.floats(0, 20)),
        st.tuples(st.just("fail"), KEYS, st.none()),
        st.tuples(st.just("wait"), st.none(), st.floats(0, 10)),
        st.tuples(st.just("yield"), st.none(), st.none()),
    ),
    max_size=40,
)


async def play(steps: list[tuple[str, Key, object]], *, workers: int) -> None:
    """Play steps against `workers` slow workers; check that no key overlaps itself and none is left behind."""
    clock = VirtualClock()
    queue = WorkQueue(clock)
    running: set[Key] = set()
    owed: set[Key] = set()  # added and not begun since

    async def work() -> None:
        while True:
            try:
                key = await queue.get()
            except QueueShutDown:
                return
            assert key not in running, "the key runs twice at once"
            running.add(key)
            owed.discard(key)
            await clock.sleep(1)
            running.remove(key)
            queue.done(key)

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    for step, key, value in steps:
        if step == "wait":
            assert isinstance(value, float)
            await clock.advance(value)
        elif step == "yield":
            await asyncio.sleep(0)
        else:
            owed.add(key)
            if step == "add":
                assert isinstance(value, Lane)
                queue.add(key, value)
            elif step == "after":
                assert isinstance(value, float)
                queue.add_after(key, seconds(value))
            else:
                queue.add_rate_limited(key)
    await clock.advance(3600)
    assert not owed, "an add was lost"
    assert not running
    queue.shut_down()
    await asyncio.gather(*tasks)


@settings(deadline=None, max_examples=60)
@given(steps=STEPS, workers=st.integers(1, 3))
def test_no_key_runs_twice_at_once_and_no_add_is_lost(steps: list[tuple[str, Key, object]], workers: int) -> None:
    asyncio.run(play(steps, workers=workers))


async def run_while_changes_come(queue: WorkQueue, clock: VirtualClock, *, changes: int, apart: float) -> list[float]:
    """Run A for a tenth of a second whenever it is ready, while others change; return when each run began."""
    began: list[float] = []

    async def work() -> None:
        while True:
            key = await queue.get()
            began.append(clock.monotonic())
            await clock.sleep(0.1)
            queue.done(key)

    worker = asyncio.create_task(work())
    try:
        for _ in range(changes):
            queue.add(A, cause=Cause.CHANGE)
            await clock.advance(apart)
        await clock.advance(20)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    return began


async def test_a_thousand_changes_in_a_row_are_a_dozen_runs_and_none_is_missed(
    queue: WorkQueue, clock: VirtualClock
) -> None:
    began = await run_while_changes_come(queue, clock, changes=1_000, apart=0.02)
    assert len(began) <= 12
    assert 20 <= began[-1] <= 26  # after the last change, and soon


@pytest.mark.parametrize("changes", [1, 2, 3])
async def test_a_few_changes_do_not_wait(queue: WorkQueue, clock: VirtualClock, changes: int) -> None:
    began = await run_while_changes_come(queue, clock, changes=changes, apart=0.02)
    assert began == pytest.approx([0, 0.1][: min(changes, 2)], abs=0.001)


async def test_changes_that_come_one_by_one_do_not_wait(queue: WorkQueue, clock: VirtualClock) -> None:
    began = await run_while_changes_come(queue, clock, changes=10, apart=0.5)
    assert began == pytest.approx([0.5 * number for number in range(10)], abs=0.001)


async def begin_burst(queue: WorkQueue) -> None:
    """Have others change during two runs of A in a row, so that the third one waits."""
    for _ in range(2):
        queue.add(A, cause=Cause.CHANGE)
        await queue.get()
        queue.add(A, cause=Cause.CHANGE)
        queue.done(A)


@pytest.mark.parametrize("cause", [Cause.EDIT, Cause.REQUEST])
async def test_what_a_user_asks_for_does_not_wait_for_a_burst(queue: WorkQueue, cause: Cause) -> None:
    await begin_burst(queue)
    assert len(queue) == 0
    queue.add(A, cause=cause)
    assert await drain(queue) == [A]


async def test_a_queue_that_lets_changes_gather_is_not_idle(queue: WorkQueue, clock: VirtualClock) -> None:
    await begin_burst(queue)
    assert (len(queue), queue.is_idle) == (0, False)
    await clock.advance(1)
    assert await drain(queue) == [A]
    assert queue.is_idle
