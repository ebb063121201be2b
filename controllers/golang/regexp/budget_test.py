import itertools

import pytest

from controllers.golang import regexp
from controllers.golang.regexp import budget

TAGS = [f"{number:04}" + "ab01.-" * 20 for number in range(400)]


def test_a_pass_within_its_time_yields_everything() -> None:
    assert list(regexp.within_budget(TAGS)) == TAGS


def test_a_pass_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()
    monkeypatch.setattr(budget, "thread_time", lambda: float(next(seconds)))
    done: list[str] = []
    with pytest.raises(regexp.TooCostly, match=r"more than 5 s of CPU time for 160 tags: write a simpler pattern"):
        done.extend(tag for tag in regexp.within_budget(TAGS))


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
    assert regexp.are_cheap([pattern])


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("a" * 300, id="long"),
        pytest.param(r"\pL{40}", id="repetition"),
        pytest.param(r"\pL\pN", id="large-program"),
        pytest.param("(.?)" * 50, id="groups"),
    ],
)
def test_others_are_not(pattern: str) -> None:
    assert not regexp.are_cheap(["a", pattern])


def test_passes_share_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()
    monkeypatch.setattr(budget, "thread_time", lambda: float(next(seconds)))
    shared = budget.Budget()
    assert list(shared.spend_on(TAGS[:64])) == TAGS[:64]
    with pytest.raises(regexp.TooCostly, match="for 128 tags"):
        list(shared.spend_on(TAGS))
