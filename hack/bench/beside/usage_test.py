import os

import pytest

from hack.bench.beside import usage
from hack.bench.beside.usage import Reading, Row
from hack.bench.scale.probes import TICKS_A_SECOND

STAT = "42 (a name) with) S 7 42 42 0 -1 4194304 100 0 0 0 300 50 20 5 20 0 1 0 1000 0 0"


def reading(at: float, busy: int, rows: dict[int, Row]) -> Reading:
    return Reading(at, busy, rows)


def test_children_that_ended_count_and_names_may_contain_parentheses() -> None:
    assert usage.parse_stat(STAT) == Row(parent=7, ticks=300 + 50 + 20 + 5)


def test_idle_cores_and_those_that_wait_for_a_disk_are_not_busy() -> None:
    assert usage.parse_busy("cpu  10 20 30 4000 500 1 2 3 7 8\ncpu0 1 2 3\n") == 66


def test_family_is_whatever_a_process_started_directly_or_not() -> None:
    rows = {1: Row(0, 1), 10: Row(1, 2), 11: Row(10, 3), 12: Row(11, 4), 20: Row(1, 5)}
    assert usage.family(rows, [10]) == {10, 11, 12}
    assert usage.family(rows, [10, 12, 99]) == {10, 11, 12}
    assert reading(0, 0, rows).ticks([10]) == 9


def test_controllers_servers_and_others_are_told_apart() -> None:
    second = TICKS_A_SECOND
    before = reading(100.0, 0, {1: Row(0, 0), 50: Row(1, 0), 60: Row(50, 0), 70: Row(50, 0)})
    after = reading(104.0, 7 * second, {1: Row(0, second), 50: Row(1, 0), 60: Row(50, 2 * second), 70: Row(50, second)})
    used = usage.between(before, after, [60], own=50)
    assert used.cpu_seconds == pytest.approx(2.0)
    assert used.others_cores == pytest.approx(1.0)  # of seven busy seconds in four, three were ours


def test_child_that_ends_meanwhile_is_counted_once() -> None:
    before = reading(0.0, 0, {50: Row(1, 10), 60: Row(50, 10), 61: Row(60, 5)})
    after = reading(1.0, 10, {50: Row(1, 10), 60: Row(50, 20)})  # five were those of the child
    assert usage.between(before, after, [60], own=50).cpu_seconds == pytest.approx(5 / TICKS_A_SECOND)


def test_nobody_uses_less_than_nothing() -> None:
    before, after = reading(0.0, 0, {50: Row(1, 0)}), reading(1.0, 5, {50: Row(1, 6)})
    assert usage.between(before, after, [50], own=50).others_cores == 0.0


def test_this_process_can_be_read() -> None:
    own = os.getpid()
    assert usage.read().rows[own].parent == os.getppid()
    usage.reset_peaks([own])
    assert usage.peak_mib([own]) > 1
