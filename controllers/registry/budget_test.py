"""What one registry may be asked at once, how fast, and when it is left alone; on a clock of the test's own."""

import asyncio
from datetime import timedelta

import pytest

from controllers.registry import budget
from controllers.registry.budget import (
    CIRCUIT_FAILURES,
    CIRCUIT_OPEN_DURATION,
    MAX_OUTAGE_PAUSE,
    Budgets,
    Endpoint,
)
from controllers.registry.errors import ImageNotFound, RegistryError, Throttled, Unavailable
from testing.clock import VirtualClock, settle

HUB, OTHER = Endpoint("hub", "direct"), Endpoint("other", "direct")
SECOND = timedelta(seconds=1)
DOWN = Unavailable("connection refused", unreachable=True)


class RecordingObserver:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.recorded: list[tuple[str, ...]] = []

    def record_response(self, host: str, status: int) -> None:
        self.recorded.append(("answered", host, str(status)))

    def record_throttled(self, host: str) -> None:
        self.recorded.append(("throttled", host))

    def record_rejected(self, host: str) -> None:
        self.recorded.append(("held back", host))

    def set_circuit(self, host: str, *, is_open: bool) -> None:
        self.recorded.append(("open" if is_open else "closed", host))


class BudgetHarness:
    def __init__(self, *, rate: float = 0.0, concurrency: int = 4, jitter: float = 0.0) -> None:
        self.clock, self.seen = VirtualClock(auto_advance=True), RecordingObserver()
        self.budgets = Budgets(
            self.clock, concurrency=concurrency, rate=rate, jitter=lambda: jitter, observer=self.seen
        )

    async def operate(
        self,
        error: RegistryError | None = None,
        *,
        endpoint: Endpoint = HUB,
        identity: str = "alice",
        owner: str = "",
        requests: int = 0,
    ) -> RegistryError | None:
        """Run one operation that ends with `error`, and return what came out."""
        try:
            async with self.budgets.acquire(endpoint, identity, owner=owner) as permit:
                for _ in range(requests):
                    await permit.wait_turn()
                    permit.record_response(200)
                if error:
                    raise error
        except RegistryError as caught:
            return caught
        return None


async def test_only_so_many_operations_run_at_the_same_time() -> None:
    harness = BudgetHarness(concurrency=3)
    running = max_concurrent = 0

    async def operation(endpoint: Endpoint) -> None:
        nonlocal running, max_concurrent
        async with harness.budgets.acquire(endpoint, "alice"):
            running += 1
            max_concurrent = max(max_concurrent, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(operation(HUB) for _ in range(20)))
    assert max_concurrent == 3
    await asyncio.gather(*(operation(one) for one in [HUB] * 9 + [OTHER] * 9))
    assert max_concurrent == 6


async def test_requests_are_spread_over_time_for_each_registry() -> None:
    harness = BudgetHarness(rate=4)
    await harness.operate(requests=5)
    assert harness.clock.slept == [0.25] * 4
    await harness.operate(endpoint=OTHER, requests=1)
    assert harness.clock.slept == [0.25] * 4


async def test_without_a_rate_nothing_waits() -> None:
    harness = BudgetHarness()
    await harness.operate(requests=100)
    assert harness.clock.slept == []
    assert harness.seen.recorded == [("answered", "hub", "200")] * 100


async def test_a_pause_that_was_asked_for_is_kept_for_that_identity_only() -> None:
    harness = BudgetHarness()
    refused = Throttled("429", 60 * SECOND)
    assert await harness.operate(refused) is refused
    held = await harness.operate()
    assert isinstance(held, Throttled)
    assert (str(held), held.retry_after) == ("429", 60 * SECOND)
    assert await harness.operate(identity="bob") is None
    assert await harness.operate(endpoint=OTHER) is None
    harness.clock.skip(60)
    assert await harness.operate() is None
    assert harness.seen.recorded == [("throttled", "hub"), ("held back", "hub")]


async def test_the_third_refusal_in_a_row_begins_a_pause_and_each_further_one_doubles_it() -> None:
    harness = BudgetHarness(jitter=0.5)
    pauses = []
    for _ in range(11):
        until = harness.clock.monotonic()
        await harness.operate(Throttled("429"))
        held = harness.budgets._owners.get("", HUB)
        assert held
        pause, _reason = next(iter(held.pauses.values()), (until, ""))
        pauses.append(pause - until)
        harness.clock.skip(max(pause - until, 0))
    assert pauses == [0, 0, 6.25, 12.5, 25, 50, 100, 200, 375, 375, 375]


async def test_a_success_forgets_refusals() -> None:
    harness = BudgetHarness()
    for _ in range(10):
        assert isinstance(await harness.operate(Throttled("429")), Throttled)
        assert await harness.operate() is None


async def test_a_registry_that_cannot_be_reached_is_left_alone_and_then_tried_again() -> None:
    harness = BudgetHarness()
    for _ in range(CIRCUIT_FAILURES):
        assert await harness.operate(DOWN) is DOWN
    held = await harness.operate(identity="bob", requests=1)
    assert isinstance(held, Unavailable)
    assert str(held) == "connection refused"
    assert await harness.operate(endpoint=OTHER) is None
    harness.clock.skip(10)
    assert await harness.operate(DOWN) is DOWN
    assert isinstance(await harness.operate(), Unavailable)
    harness.clock.skip(10)
    assert await harness.operate() is None
    assert await harness.operate(DOWN) is DOWN
    assert await harness.operate() is None
    recorded = [what for what, *_ in harness.seen.recorded]
    assert recorded == ["open", "held back", "open", "held back", "closed", "closed"]


async def test_a_registry_that_answers_is_reached_whatever_it_says() -> None:
    harness = BudgetHarness()
    for _ in range(CIRCUIT_FAILURES - 1):
        await harness.operate(DOWN)
    await harness.operate(ImageNotFound("404"))
    for _ in range(CIRCUIT_FAILURES - 1):
        await harness.operate(DOWN)
    assert await harness.operate() is None


async def test_an_operation_that_is_cancelled_gives_its_permit_back() -> None:
    harness = BudgetHarness(concurrency=1)

    async def stuck() -> None:
        async with harness.budgets.acquire(HUB, "alice"):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(stuck())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await harness.operate() is None


async def test_a_registry_that_is_down_for_long_is_left_alone_by_all_for_a_moment_only() -> None:
    harness = BudgetHarness()
    down = Throttled("503", timedelta(hours=1), is_outage=True)
    assert await harness.operate(down) is down, "a retry comes at the time that was named"
    assert down.retry_after == timedelta(hours=1)
    rejected = await harness.operate()
    assert isinstance(rejected, Throttled)
    assert rejected.retry_after == MAX_OUTAGE_PAUSE
    await harness.clock.advance(MAX_OUTAGE_PAUSE.total_seconds())
    assert await harness.operate() is None


async def test_who_is_not_let_through_to_a_registry_learns_for_how_long() -> None:
    harness = BudgetHarness()
    for _ in range(CIRCUIT_FAILURES):
        await harness.operate(DOWN)
    await harness.clock.advance(4)
    rejected = await harness.operate()
    assert isinstance(rejected, Unavailable)
    assert rejected.left_alone == CIRCUIT_OPEN_DURATION - 4 * SECOND


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Throttled("429", timedelta(days=1)), id="quota"),
        pytest.param(Throttled("503", timedelta(days=1), is_outage=True), id="down"),
        pytest.param(Throttled("429"), id="again-and-again"),
        pytest.param(DOWN, id="unreachable"),
    ],
)
async def test_what_a_registry_answers_to_one_owner_holds_for_no_other(error: RegistryError) -> None:
    harness = BudgetHarness()
    for _ in range(CIRCUIT_FAILURES):
        await harness.operate(error, owner="attacker")
    held = await harness.operate(owner="attacker")
    assert isinstance(held, Throttled | Unavailable)
    assert await harness.operate(owner="victim") is None


async def visit_others(harness: BudgetHarness, owner: str) -> None:
    """Go to as many other registries as there are budgets for."""
    for number in range(budget.MAX_BUDGETS):
        assert await harness.operate(endpoint=Endpoint(f"r{number}.example", "direct"), owner=owner) is None


async def test_what_one_owner_has_met_is_not_forgotten_for_registries_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "MAX_BUDGETS", 16)
    harness = BudgetHarness()
    refused = Throttled("429", timedelta(hours=1))
    assert await harness.operate(refused, owner="victim") is refused
    await visit_others(harness, "attacker")
    assert isinstance(await harness.operate(owner="victim"), Throttled)


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("a", "b")], ids=["one-owner", "two-owners"])
async def test_permits_in_use_count_whatever_other_registries_are_asked(
    monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    monkeypatch.setattr(budget, "MAX_BUDGETS", 16)
    harness = BudgetHarness(concurrency=1)
    async with harness.budgets.acquire(HUB, "alice", owner=first):
        for owner in (first, second):
            await visit_others(harness, owner)
        waiting = asyncio.create_task(harness.operate(DOWN, owner=second))
        await settle()
        for owner in (first, second):
            await visit_others(harness, owner)
        assert not waiting.done()
    assert await waiting is DOWN
    assert harness.budgets._owners.get(second, HUB) is not None, "what it has met is remembered"


async def test_budgets_of_registries_that_nobody_asks_any_more_go() -> None:
    harness = BudgetHarness()
    await visit_others(harness, "a")
    await visit_others(harness, "b")
    assert len(harness.budgets._endpoints) <= budget.MAX_BUDGETS


async def test_operations_that_take_long_keep_no_other_owner_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "LONG_OPERATION_SECONDS", 0.0)
    harness = BudgetHarness(concurrency=2)
    running = max_concurrent = 0
    begun, over = asyncio.Event(), asyncio.Event()

    async def stuck() -> None:
        nonlocal running, max_concurrent
        async with harness.budgets.acquire(HUB, "alice", owner="attacker"):
            running += 1
            max_concurrent = max(max_concurrent, running)
            if running == 2:
                begun.set()
            await over.wait()
            running -= 1

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for _ in range(9):
            tasks.create_task(stuck())
        await begun.wait()
        assert await harness.operate(owner="victim") is None
        assert running == 2
        over.set()
    assert max_concurrent == 2, "the attacker has its own permits only, however long it holds them"


async def test_operations_that_take_no_time_share_the_permits_between_owners() -> None:
    harness = BudgetHarness(concurrency=3)
    running = max_concurrent = 0

    async def operation(owner: str) -> None:
        nonlocal running, max_concurrent
        async with harness.budgets.acquire(HUB, "alice", owner=owner):
            running += 1
            max_concurrent = max(max_concurrent, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(operation(f"team-{number}") for number in range(20)))
    assert max_concurrent == 3
