from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import pytest

from controllers.golang import regexp
from controllers.golang.regexp import budget

TAGS = [f"{number:04}" + "ab01.-" * 20 for number in range(400)]
LONG_LIST = 2_000 * 20
"""Characters of as many tags as are looked at on the event loop."""


def test_a_pass_within_its_time_yields_everything() -> None:
    assert list(regexp.within_budget(TAGS)) == TAGS


@dataclass
class Thread:
    """What the clocks show to a thread."""

    passed: float = 0.0
    spent: float = 0.0


@pytest.fixture
def thread(monkeypatch: pytest.MonkeyPatch) -> Thread:
    thread = Thread()
    monkeypatch.setattr(budget, "monotonic", lambda: thread.passed)
    monkeypatch.setattr(budget, "thread_time", lambda: thread.spent)
    return thread


def work(thread: Thread, tags: Iterable[str], seconds: float) -> None:
    """Go through tags, each of which takes the thread so long."""
    for _ in tags:
        thread.passed += seconds
        thread.spent += seconds


def test_a_pass_ends_when_its_time_is_over(thread: Thread) -> None:
    with pytest.raises(regexp.TooCostly, match=r"more than 5 s of CPU time for 6 tags: write a simpler pattern"):
        work(thread, regexp.within_budget(TAGS), 1)


def test_a_pass_goes_on_while_its_thread_waits_for_others(thread: Thread) -> None:
    done = []
    for tag in regexp.within_budget(TAGS):
        thread.passed += 1
        done.append(tag)
    assert done == TAGS


def test_texts_that_take_long_after_others_are_counted_one_by_one(thread: Thread) -> None:
    long = iter(regexp.within_budget(TAGS))
    work(thread, islice(long, 200), 0.0001)
    with pytest.raises(regexp.TooCostly, match="for 209 tags"):
        work(thread, long, 0.6)


def test_passes_share_a_budget(thread: Thread) -> None:
    shared = budget.Budget()
    for _ in range(3):
        work(thread, shared.spend_on(TAGS[:2]), 0.5)
    with pytest.raises(regexp.TooCostly, match="for 9 tags"):
        work(thread, shared.spend_on(TAGS), 1)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^main-[a-f0-9]+-(?P<ts>[0-9]+)$",
        r"^v?(?P<major>[0-9]+)\.(?P<minor>[0-9]+)$",
        r"^.*\.sig$",
        r"(?i)^(release|hotfix)-",
        "(",
    ],
)
def test_usual_patterns_are_cheap(pattern: str) -> None:
    assert regexp.are_cheap([pattern], chars=LONG_LIST)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("a" * 1100, id="long"),
        pytest.param(r"\pL{40}", id="repetition"),
        pytest.param(r"\pL\pN", id="large-program"),
        pytest.param("(.?)" * 50, id="groups"),
        pytest.param("a" + "." * 40 + "c", id="states"),
    ],
)
def test_others_are_not(pattern: str) -> None:
    assert not regexp.are_cheap(["a", pattern], chars=LONG_LIST)


def test_patterns_are_judged_together_and_for_the_texts_at_hand() -> None:
    patterns = [f"(.?)(.?)x{number}$" for number in range(64)]
    assert regexp.are_cheap(patterns[:1], chars=LONG_LIST)
    assert not regexp.are_cheap(patterns, chars=LONG_LIST)
    assert regexp.are_cheap(patterns, chars=100)


@pytest.mark.parametrize("pattern", [r"\pL" * 80, r"[\PL]" * 80, r"(\w{40}){40}"])
def test_what_takes_long_to_compile_is_not_compiled_to_judge_it(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(budget, "compile", compiled.append)
    assert not regexp.are_cheap([pattern], chars=0)
    assert compiled == []
