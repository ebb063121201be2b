from datetime import UTC, datetime, timedelta

import pytest

from controllers.receiver.deliveries import MAX_HOOKS, Deliveries
from controllers.webhooks.replay import MAX_KEPT, Freshness
from controllers.webhooks.verdict import Delivery

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


def test_a_copy_is_known_once_its_original_was_acted_on(deliveries: Deliveries) -> None:
    one = Delivery("1" * 5000)
    assert deliveries.check("hook", one, now=NOW) is Freshness.FRESH
    assert deliveries.check("hook", one, now=NOW) is Freshness.FRESH  # it has failed
    deliveries.remember("hook", one, now=NOW)
    assert deliveries.check("hook", one, now=NOW + timedelta(hours=23)) is Freshness.DUPLICATE
    assert deliveries.check("other", one, now=NOW) is Freshness.FRESH
    assert deliveries.check("hook", Delivery("2"), now=NOW) is Freshness.FRESH
    assert deliveries.check("hook", one, now=NOW + timedelta(hours=25)) is Freshness.FRESH


def test_without_an_id_there_is_nothing_to_compare_and_what_is_old_is_stale(deliveries: Deliveries) -> None:
    deliveries.remember("hook", Delivery(), now=NOW)
    assert deliveries.check("hook", Delivery(), now=NOW) is Freshness.FRESH
    assert deliveries.check("hook", Delivery("1", NOW - timedelta(hours=25)), now=NOW) is Freshness.STALE


def test_memory_is_bounded_and_the_oldest_goes(deliveries: Deliveries) -> None:
    for number in range(MAX_KEPT + 10):
        deliveries.remember("hook", Delivery(str(number)), now=NOW)
    assert deliveries.check("hook", Delivery("9"), now=NOW) is Freshness.FRESH
    assert deliveries.check("hook", Delivery("10"), now=NOW) is Freshness.DUPLICATE
    for number in range(MAX_HOOKS):
        deliveries.remember(f"other-{number}", Delivery("1"), now=NOW)
    assert deliveries.check("hook", Delivery("10"), now=NOW) is Freshness.FRESH
    deliveries.remember("late", Delivery("1"), now=NOW)
    deliveries.remember("late", Delivery("2"), now=NOW + timedelta(hours=25))
    assert len(deliveries._arrivals["late"]) == 1
