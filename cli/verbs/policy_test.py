"""`tagline policy test`: what it prints, and its exit status."""

import io
import sys

import pytest

from cli.main import main
from cli.verbs import policy as policy_verb
from controllers.policy import POLICIES, Alphabetical
from controllers.policy.ranking import PolicyFlag, PolicyKind
from controllers.policy.semver import NOT_A_VERSION, OUT_OF_RANGE, PRERELEASE

SEMVER = ["policy", "test", "--semver"]
BUILDS = ["--pattern", r"^main-[a-f0-9]+-(?P<ts>.*)", "--extract", "$ts"]


@pytest.mark.parametrize(
    ("argv", "chosen"),
    [
        pytest.param([*SEMVER, ">=1.0.0 <2.0.0", "1.0.0", "1.2.0", "2.0.0"], "1.2.0", id="semver"),
        pytest.param([*SEMVER, ">=1.0.0-0", "1.0.0", "1.1.0-rc.1"], "1.1.0-rc.1", id="semver-with-prereleases"),
        pytest.param(["policy", "test", "--numerical", "asc", "9", "10"], "10", id="numerical"),
        pytest.param(["policy", "test", "--numerical", "desc", "9", "10"], "9", id="numerical-least"),
        pytest.param(["policy", "test", "--alphabetical", "asc", "9", "10"], "9", id="alphabetical"),
        pytest.param(["policy", "test", "--alphabetical", "desc", "9", "10"], "10", id="alphabetical-first"),
        pytest.param([*SEMVER, "*", "--pattern", "^1", "1.0.0", "2.0.0"], "1.0.0", id="filter"),
        pytest.param(
            ["policy", "test", "--numerical", "asc", *BUILDS, "main-aa-7", "main-bb-8", "feature-cc-9"],
            "main-bb-8 (ranked by 8)",
            id="filter-and-extraction",
        ),
    ],
)
def test_policy_chooses(argv: list[str], chosen: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    assert capsys.readouterr().out.splitlines()[0] == chosen


def test_others_are_counted_by_reason_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    tags = ["1.0.0", "0.5.0", "0.4.0", "0.3.0", "0.2.0", "1.1.0-rc.1", "latest"]
    assert main([*SEMVER, ">=1.0.0", *tags]) == 0
    chosen, empty, head, *rows = capsys.readouterr().out.splitlines()
    assert (chosen, empty) == ("1.0.0", "")
    at, width = head.index("WHY NOT CHOSEN"), head.index("FOR EXAMPLE")
    assert [(int(row[:at]), row[at:width].strip(), row[width:]) for row in rows] == [
        (4, OUT_OF_RANGE.sentence, "0.5.0, 0.4.0, 0.3.0"),
        (1, PRERELEASE.sentence, "1.1.0-rc.1"),
        (1, NOT_A_VERSION.sentence, "latest"),
    ]


def test_only_tag_needs_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SEMVER, "*", "1.0.0"]) == 0
    assert capsys.readouterr().out == "1.0.0\n"


@pytest.mark.parametrize("argument", [[], ["-"]], ids=["no-tag", "dash"])
def test_tags_come_from_standard_input(
    argument: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("1.0.0\n\n 1.1.0 \n1.0.0\n"))
    assert main([*SEMVER, ">=1.0.0", *argument]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert (shown[0], shown[-1].split()[0]) == ("1.1.0", "1")  # the repeated tag is counted once


@pytest.mark.parametrize(
    ("argv", "status", "reason"),
    [
        pytest.param(
            [*SEMVER, ">=3", "1.0.0"], 1, "unable to determine latest version from provided list", id="out-of-range"
        ),
        pytest.param(
            [*SEMVER, "*", "--pattern", "x", "1.0.0"], 1, "version list argument cannot be empty", id="no-match"
        ),
        pytest.param(
            ["policy", "test", "--numerical", "asc", "1", "x"],
            1,
            "failed to parse invalid numeric value 'x'",
            id="not-a-number",
        ),
        pytest.param([*SEMVER, "a b", "1.0.0"], 2, 'invalid policy: improper constraint: "a b"', id="invalid-range"),
        pytest.param([*SEMVER, "*", "--pattern", "(", "1.0.0"], 2, "missing closing )", id="invalid-pattern"),
    ],
)
def test_nothing_chosen_says_why(argv: list[str], status: int, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == status
    assert reason in capsys.readouterr().err


def test_no_tags_at_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main([*SEMVER, "*"]) == 1
    assert capsys.readouterr().err == "no tags in database\n"


def test_reasons_are_shown_also_when_nothing_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SEMVER, ">=3", "2.0.0", "1.0.0"]) == 1
    *_, row = capsys.readouterr().out.splitlines()
    assert row.split(None, 1)[0] == "2"
    assert row.endswith("2.0.0, 1.0.0")


def test_policy_in_the_table_is_a_flag(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Latest(Alphabetical):
        name = "latest"

    kind = PolicyKind(Latest, from_spec=Latest, flag=PolicyFlag(Latest, "the last text", metavar="ORDER"))
    monkeypatch.setattr(policy_verb, "POLICIES", (*POLICIES, kind))
    assert main(["policy", "test", "--latest", "asc", "a", "b"]) == 0
    assert capsys.readouterr().out.startswith("b\n")
