"""The questions of `tagline adopt --interactive`."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cli.adoption_dialogue import ask
from controllers.adoption.evidence import Verdict, hold_against
from controllers.adoption.inventory import Inventory
from controllers.adoption.proposals import plan_adoption
from controllers.adoption.survey import take_survey

TAGS = ["1.0.0", "1.2.0", "2.0.0"]


def run(*answers: str) -> tuple[list[str] | None, str]:
    """Return the policies that are wanted of two images, and what was shown."""
    text = b"a:\n  image: o/a:1.0.0\nb:\n  image: o/b:1.0.0\n"
    proposals = plan_adoption(take_survey([("a.yaml", text)]).occurrences, Inventory()).proposals
    lines: Iterator[str] = iter(answers)
    shown: list[str] = []

    def prompt(_: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    verdicts: list[Verdict] = [hold_against(proposal, TAGS) for proposal in proposals]
    wanted = ask(verdicts, "apps", lambda _: TAGS, prompt=prompt, show=shown.extend)
    if wanted is None:
        return None, "".join(shown)
    return [f"{one.proposal.image} {one.proposal.scheme.policy} {one.choice}" for one in wanted], "".join(shown)


A, B = "o/a Semver(range='^1') 1.2.0", "o/b Semver(range='^1') 1.2.0"


@pytest.mark.parametrize(
    ("answers", "want"),
    [
        pytest.param(["y\n", "n\n"], [A], id="yes-no"),
        pytest.param(["", "Y"], [A, B], id="return-is-yes"),
        pytest.param(["a"], [A, B], id="all"),
        pytest.param(["y", "q"], None, id="quit"),
        pytest.param(["y"], None, id="end-of-input"),
        pytest.param(["^2", "y", "n"], ["o/a Semver(range='^2') 2.0.0"], id="another-range"),
        pytest.param(["^9", "y", "n"], [A], id="a-range-without-tags"),
        pytest.param(["numerical:up", "y", "n"], [A], id="a-bad-policy"),
        pytest.param(["digest", "y", "n"], [A], id="a-policy-that-does-not-fit"),
    ],
)
def test_answers(answers: list[str], want: list[str] | None) -> None:
    assert run(*answers)[0] == want


def test_a_policy_that_exists_is_not_changed_here() -> None:
    proposals = plan_adoption(take_survey([("a.yaml", b"image: o/a:1.0.0\n")]).occurrences, Inventory()).proposals
    answers = iter(["^2", "y"])
    shown: list[str] = []
    verdicts = [Verdict(replace(proposal, policy_exists=True)) for proposal in proposals]
    wanted = ask(verdicts, "apps", lambda _: TAGS, prompt=lambda _: next(answers), show=shown.extend)
    assert wanted == verdicts
    assert "The policy a exists: change it where it is" in "".join(shown)


def test_each_question_shows_what_it_is_about() -> None:
    _, shown = run("^9", "n", "n")
    assert shown.count("o/a: 1.0.0 → semver ^1\n") == 2
    assert "the policy chooses none of the registry's 3 tags" in shown
