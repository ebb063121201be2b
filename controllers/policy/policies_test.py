"""Adding a policy takes a module and a row: here with one that nobody needs."""

from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import pytest

from controllers.policy import POLICIES, REASONS, Policy, Reason, Rules, choose, policies, resolve_policy
from controllers.policy.candidates import Candidates
from controllers.policy.errors import InvalidPolicy, NoMatch
from controllers.policy.ranking import BadPolicy, PolicyFlag, PolicyKind, Ranker, Ranking, RankingContext
from controllers.policy.reasons import OUTRANKED
from controllers.policy.rules import check

TOO_SHORT = Reason("TooShort", "is shorter than the policy allows")


@dataclass(frozen=True, slots=True)
class Shortest(Policy):
    """The shortest value that has `least` characters; of equals the first in byte order."""

    name: ClassVar = "shortest"

    least: str = "1"

    def build_ranker(self, context: RankingContext) -> Ranker:
        if not self.least.isdecimal():
            raise BadPolicy(f"'{self.least}' is not a length")

        def rank(candidates: Candidates) -> Ranking:
            values = sorted(candidates.ascending(), key=lambda value: (self._is_too_short(value), len(value)))
            if self._is_too_short(values[0]):
                return Ranking(None, {TOO_SHORT: len(values)}, [(value, TOO_SHORT) for value in values])
            best, *others = values
            refused = [(value, TOO_SHORT if self._is_too_short(value) else OUTRANKED) for value in others]
            return Ranking(best, Counter(reason for _, reason in refused), refused)

        return rank

    def _is_too_short(self, value: str) -> bool:
        return len(value) < int(self.least)


KIND = PolicyKind(
    Shortest,
    from_spec=lambda spec: Shortest(spec.least),
    reasons=(TOO_SHORT,),
    flag=PolicyFlag(Shortest, "the shortest text of at least LENGTH characters", metavar="LENGTH"),
)


def test_module_gives_a_choice_with_reasons() -> None:
    choice = choose(["a", "bbb", "cc"], Shortest("2"))
    assert choice.tag == "cc"
    assert choice.tally.counts == {TOO_SHORT: 1, OUTRANKED: 1}
    assert [(refusal.tag, refusal.reason) for refusal in choice.tally.refused] == [("bbb", OUTRANKED), ("a", TOO_SHORT)]


def test_module_reports_its_failures_like_any_policy() -> None:
    with pytest.raises(NoMatch) as failed:
        choose(["a"], Shortest("2"))
    assert failed.value.tally.counts == {TOO_SHORT: 1}
    with pytest.raises(InvalidPolicy, match="invalid policy: 'two' is not a length"):
        check(Rules(Shortest("two")))


def test_row_makes_specs_mean_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "POLICIES", (*POLICIES, KIND))
    unset = {kind.policy.name: None for kind in POLICIES}
    spec = SimpleNamespace(**unset, shortest=SimpleNamespace(least="3"))
    assert resolve_policy(spec) == Shortest("3")


def test_reasons_and_names_are_unambiguous() -> None:
    assert len({reason.word for reason in REASONS}) == len(REASONS)
    assert len({kind.policy.name for kind in POLICIES}) == len(POLICIES)
