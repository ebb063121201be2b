"""The command line: what each command prints, and its exit status."""

import io
import sys

import pytest

from api.version import VERSION
from cli.main import KINDS, main
from controllers.policy import Reason


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"tagline {VERSION}\n"


@pytest.mark.parametrize(
    "argv", [[], ["policy"], ["run"], ["run", "gitrepository"], ["run", "imagepolicy,"]], ids=" ".join
)
def test_what_is_no_command_is_told(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage: tagline" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_run_hands_the_flags_to_the_controller(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", kind, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: python -m controllers.{kind} ")
    assert "--leader-election-lease-duration" in shown


def test_run_knows_the_flags_of_one_kind_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "imagerepository", "--registry-max-rate", "x"]) == 2
    assert "for flag --registry-max-rate" in capsys.readouterr().err
    assert main(["run", "imageupdateautomation", "--registry-max-rate", "x"]) == 2
    assert "unknown flag: --registry-max-rate" in capsys.readouterr().err


def test_several_kinds_share_a_process_and_its_flags(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ",".join(KINDS)
    assert main(["run", kinds, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: tagline run {kinds} ")
    assert shown.count("--registry-max-rate\n") == shown.count("--ssh-kex-algos\n") == 1
    gates = "GitForcePushBranch=false,ObjectLevelWorkloadIdentity=true"
    assert main(["run", kinds, "--feature-gates", gates, "--registry-max-rate", "x"]) == 2
    assert "for flag --registry-max-rate" in capsys.readouterr().err


def test_run_names_no_kind_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "imagepolicy,imagepolicy"])
    assert "imagepolicy is there twice" in capsys.readouterr().err


def test_run_ends_as_the_controller_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "imagepolicy", "--concurrent", "0"]) == 2
    assert capsys.readouterr().err == "invalid value '0' for flag --concurrent: want at least 1\n"


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
        (4, Reason.OUT_OF_RANGE.sentence, "0.5.0, 0.4.0, 0.3.0"),
        (1, Reason.PRERELEASE.sentence, "1.1.0-rc.1"),
        (1, Reason.NOT_A_VERSION.sentence, "latest"),
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
