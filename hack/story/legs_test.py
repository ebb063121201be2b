"""Moments of the way: their order, and what is said when one does not come."""

import time

import pytest

from hack.story.legs import Legs, NeverReached, follow, median


def test_moments_come_one_after_the_other() -> None:
    asked: list[str] = []

    def after(name: str, times: int) -> bool:
        asked.append(name)
        return asked.count(name) >= times

    legs = follow({"seen": lambda: after("seen", 2), "chosen": lambda: after("chosen", 1)}, since=time.monotonic())
    assert asked == ["seen", "seen", "chosen"]
    assert 0 < legs.moments["seen"] <= legs.moments["chosen"] < 5


def test_a_moment_that_does_not_come_is_named_with_those_before() -> None:
    probes = {"seen": lambda: True, "chosen": lambda: False}
    with pytest.raises(NeverReached, match=r"^v1 was not chosen after 0 s; pushed → seen 0\.\d\d s$"):
        follow(probes, since=time.monotonic(), timeout_seconds=0, what="v1")


def test_the_median_is_that_of_each_moment() -> None:
    runs = [Legs({"seen": s, "applied": a}) for s, a in ((1.0, 9.0), (3.0, 5.0), (2.0, 7.0))]
    assert str(median(runs)) == "pushed → seen 2.00 s → applied 7.00 s"
