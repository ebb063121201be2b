from datetime import UTC, datetime, timedelta

from controllers.webhooks.replay import KEPT_FOR, Freshness, Memory, check
from controllers.webhooks.verdict import Delivery

NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)


def test_copy_is_known_while_it_is_remembered() -> None:
    first, memory = check(Delivery("a"), Memory(), now=NOW)
    copy, memory = check(Delivery("a"), memory, now=NOW + timedelta(hours=1))
    other, memory = check(Delivery("b"), memory, now=NOW + timedelta(hours=1))
    late, _ = check(Delivery("a"), memory, now=NOW + KEPT_FOR + timedelta(hours=1))
    assert [first, copy, other, late] == ["fresh", "duplicate", "fresh", "fresh"]


def test_what_is_older_than_the_memory_is_stale() -> None:
    for age, freshness in ((KEPT_FOR, Freshness.FRESH), (KEPT_FOR + timedelta(seconds=1), Freshness.STALE)):
        assert check(Delivery("a", NOW - age), Memory(), now=NOW)[0] is freshness


def test_stale_delivery_is_not_remembered() -> None:
    memory = check(Delivery("a", NOW - 2 * KEPT_FOR), Memory(), now=NOW)[1]
    assert memory.arrivals == {}


def test_deliveries_without_id_are_fresh_and_take_no_memory() -> None:
    freshness, memory = check(Delivery(), Memory(), now=NOW)
    assert (freshness, memory.arrivals) == (Freshness.FRESH, {})


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = Memory()
    for number in range(5):
        memory = check(Delivery(str(number)), memory, now=NOW + timedelta(seconds=number), max_kept=3)[1]
    assert list(memory.arrivals) == ["2", "3", "4"]
