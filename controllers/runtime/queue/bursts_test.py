"""A key that is woken again and again lets more and more changes gather, and acts at once again after a pause."""

from datetime import timedelta

import pytest

from controllers.runtime.key import Key
from controllers.runtime.queue.bursts import FIRST_WAIT, MAX_WAIT, Bursts
from testing.clock import VirtualClock

A, B = Key("ns", "a"), Key("ns", "b")
NOW = timedelta()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def bursts(clock: VirtualClock) -> Bursts:
    return Bursts(clock)


def test_the_first_change_during_a_run_does_not_wait(bursts: Bursts) -> None:
    assert bursts.wake_delay(A) == NOW
    assert bursts.end_run(A, is_woken=True) == NOW


def test_waits_double_up_to_a_bound(bursts: Bursts) -> None:
    waits = [bursts.end_run(A, is_woken=True) for _ in range(9)]
    assert waits == [NOW, *(FIRST_WAIT * 2**n for n in range(6)), MAX_WAIT, MAX_WAIT]


async def test_no_wait_is_longer_than_the_burst_has_lasted(bursts: Bursts, clock: VirtualClock) -> None:
    bursts.end_run(A, is_woken=True)
    await clock.advance(0.2)  # a run
    began = clock.monotonic() - 0.2
    for _ in range(12):
        wait = bursts.end_run(A, is_woken=True)
        assert wait.total_seconds() <= clock.monotonic() - began
        await clock.advance(wait.total_seconds() + 0.2)


async def test_a_change_right_after_the_last_run_of_a_burst_still_belongs_to_it(
    bursts: Bursts, clock: VirtualClock
) -> None:
    for _ in range(3):
        bursts.end_run(A, is_woken=True)
    assert bursts.end_run(A, is_woken=False) == NOW
    await clock.advance(0.05)
    assert bursts.wake_delay(A).total_seconds() == pytest.approx(0.15)


async def test_after_a_pause_a_change_does_not_wait_and_the_next_burst_begins_anew(
    bursts: Bursts, clock: VirtualClock
) -> None:
    for _ in range(9):
        bursts.end_run(A, is_woken=True)
    bursts.end_run(A, is_woken=False)
    await clock.advance(MAX_WAIT.total_seconds() + 0.001)
    assert bursts.wake_delay(A) == NOW
    assert [bursts.end_run(A, is_woken=True) for _ in range(2)] == [NOW, FIRST_WAIT]


async def test_a_run_after_a_pause_begins_a_burst_anew_whatever_asked_for_it(
    bursts: Bursts, clock: VirtualClock
) -> None:
    for _ in range(9):
        bursts.end_run(A, is_woken=True)
    bursts.end_run(A, is_woken=False)
    await clock.advance(600)  # the interval of the object
    assert bursts.end_run(A, is_woken=False) == NOW
    assert bursts.wake_delay(A) == NOW
    assert [bursts.end_run(A, is_woken=True) for _ in range(2)] == [NOW, FIRST_WAIT]


def test_keys_do_not_wait_for_each_other(bursts: Bursts) -> None:
    for _ in range(5):
        bursts.end_run(A, is_woken=True)
    assert bursts.wake_delay(B) == NOW
    assert bursts.end_run(B, is_woken=True) == NOW
