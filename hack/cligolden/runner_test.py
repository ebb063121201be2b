"""`hack.cligolden`: the comparison is honest: whatever is not as recorded, or was not compared, does not pass."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from api.version import VERSION
from hack.cligolden import invocation
from hack.cligolden.__main__ import main
from hack.cligolden.accepted import DEFAULT, accepted_for, read_accepted
from hack.cligolden.cases import FIXTURES, read_file, read_files

RECORDED = Path(__file__).parent / "recorded"
PROGRAM = """
import json, os, sys, time
answer = json.loads(open({table!r}).read()).get(" ".join(sys.argv[1:]), {{"exit": 64}})
for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
    text = answer.get(name, "")
    for variable in ("HOME", "TMPDIR", "TZ", "TERM", "KUBECONFIG"):
        text = text.replace("{{" + variable + "}}", os.environ[variable])
    stream.write(text.replace("{{DIR}}", os.getcwd()).replace("{{STDIN}}", sys.stdin.read() if "STDIN" in text else ""))
time.sleep(answer.get("sleep", 0))
sys.exit(answer.get("exit", 0))
"""
LINE = {"id": "a-001", "cmd": ["get"], "state": "none", "exit": 0, "stdout": "NAME\t\nx   \t\n", "stderr": ""}
"""A recorded line, and (without its other fields) what the program answers when it is like it."""
FLAGS = 'Flags:\n  -h, --help           help for get\n  -o, --output string  format (default "yaml")\n'
SCREEN = f"Shows.\n\nUsage:\n  prog get [flags]\n\n{FLAGS}"

Play = Callable[..., int]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Return a function that plays lines with a program of which each answer is known; it returns the exit status."""

    def run(lines: Any, answers: Mapping[str, Any], *arguments: str, accepted: Any = None) -> int:
        (tmp_path / "answers.json").write_text(json.dumps(answers))
        (tmp_path / "program.py").write_text(PROGRAM.format(table=str(tmp_path / "answers.json")))
        recorded = tmp_path / "lines.jsonl"
        recorded.write_text("".join(json.dumps(line) + "\n" for line in lines))
        (tmp_path / "accepted.json").write_text(json.dumps(accepted or []))
        command = shlex.join([sys.executable, str(tmp_path / "program.py")])
        files = ["--accepted", str(tmp_path / "accepted.json"), "--command", command, "--name", "prog"]
        return main([str(recorded), *files, *arguments])

    return run


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_what_is_as_recorded_passes(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    assert play([LINE], {"get": LINE}) == 0
    assert last_line(capsys) == "1 passed, 0 failed"


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ({"stdout": "NAME\t\nx   \t"}, "stdout:"),
        ({"stdout": "NAME\t\nx   \n"}, "stdout:"),
        ({"stdout": "NAME\nx   \t\n"}, "+NAME\n"),
        ({"stdout": ""}, "stdout:"),
        ({"exit": 1}, "recorded is 0; ours is 1"),
        ({"stderr": "\n"}, "stderr:"),
    ],
)
def test_what_differs_in_one_blank_fails(
    answer: Mapping[str, Any], shown: str, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play([LINE], {"get": {**LINE, **answer}}) == 1
    printed = capsys.readouterr().out
    assert shown in printed
    assert printed.splitlines()[-1] == "0 passed, 1 failed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stdout_hint": "x"}, "stdout_hint"),
        ({"stderr": "${WHAT}"}, "unknown placeholder ${WHAT}"),
        ({"stdout": "<UUID>"}, "unknown placeholder <UUID>"),
        ({"state": "fleet+snow"}, "unknown state 'fleet+snow'"),
        ({"stdout": None}, "stdout is null"),
        ({"files": {"id": "<a key of glass>"}}, "a key of glass"),
        ({"changes": {}}, "without a cluster"),
        ({"exit": "0"}, "exit"),
        ({"new_commits": []}, "without `before`"),
        ({"reaction": {"when": "later", "kind": "X", "namespace": "n", "name": "n", "status": {}}}, "later"),
    ],
)
def test_what_nobody_would_compare_is_bad_input(
    change: Mapping[str, Any], said: str, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play([{**LINE, **change}], {"get": LINE}) == 2
    assert said in capsys.readouterr().err


def test_a_line_that_says_nothing_of_standard_output_is_bad_input(play: Play) -> None:
    assert play([{name: value for name, value in LINE.items() if name != "stdout"}], {"get": LINE}) == 2


@pytest.mark.parametrize("content", ["", "{", "\xff"])
def test_files_that_cannot_be_read_are_bad_input(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(content.encode("latin-1"))
    assert main([str(tmp_path)]) == 2
    assert main([str(tmp_path / "none.jsonl")]) == 2


def test_two_lines_with_one_id_are_bad_input(play: Play) -> None:
    assert play([LINE, LINE], {"get": LINE}) == 2


def test_a_glob_that_matches_nothing_passes_nothing(play: Play) -> None:
    assert play([LINE], {"get": LINE}, "--only", "b-*") == 2


def test_a_program_that_is_not_there_passes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps(LINE))
    assert main([str(tmp_path), "--command", "no-such-program"]) == 2


def test_what_cannot_be_played_fails(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    assert play([{**LINE, "cmd": ["get", "http://${GIT}/x"]}], {}) == 1
    assert "nothing stands for 'GIT'" in capsys.readouterr().out


def test_a_program_that_does_not_end_fails(
    play: Play, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(invocation, "SLACK_SECONDS", 0.5)
    accepted = [{"id": "*", "reason": "any difference", "differs": ["*"]}]
    assert play([LINE], {"get": {**LINE, "sleep": 60}}, accepted=accepted) == 1
    assert "was ended after" in capsys.readouterr().out


def test_placeholders_stand_for_the_place_of_the_run(play: Play) -> None:
    told = "${DIR} ${HOME} ${TMP}/made-1/x ${TMP}/made-1/y <SHA> <TIMESTAMP>\n"
    line = {**LINE, "stdout": told, "env": {"KUBECONFIG": "${DIR}/config"}, "stderr": "UTC dumb ${DIR}/config"}
    begin = "{DIR} {HOME} {TMPDIR}/made-1/x {TMPDIR}/made-1/y"
    sha = "0123456789abcdef" * 2 + "01234567"
    answer = {"stdout": f"{begin} {sha} 2026-01-05T10:00:00.123Z\n", "stderr": "{TZ} {TERM} {KUBECONFIG}"}
    assert play([line], {"get": answer}) == 0
    for wrong in (
        answer["stdout"].replace("made-1/y", "made-2/y"),
        answer["stdout"].replace(sha, sha[1:]),
        answer["stdout"].replace("Z\n", "\n"),
        answer["stdout"].replace("{HOME}", "{DIR}"),
    ):
        assert play([line], {"get": {**answer, "stdout": wrong}}) == 1


def test_standard_input_is_what_is_typed(play: Play) -> None:
    line = {**LINE, "stdin": "y\n", "stdout": "<y\n>"}
    assert play([line], {"get": {"stdout": "<{STDIN}>"}}) == 0


def test_the_program_speaks_of_itself_by_its_own_name(play: Play) -> None:
    text = 'unknown command "x" for "{0}"; for "{0} get"; please use \'{0} bootstrap\'; the flux of time\n'
    line = {**LINE, "stderr": text.format("flux")}
    assert play([line], {"get": {**LINE, "stderr": text.format("prog")}}) == 0
    assert play([line], {"get": {**LINE, "stderr": text.format("flux")}}) == 1


def test_a_help_screen_in_the_place_of_an_answer_is_our_own(play: Play) -> None:
    line = {**LINE, "cmd": ["get", "x"], "stdout": None, "stdout_is_help_of": "flux get"}
    help_screen = {"get --help": {"stdout": SCREEN}}
    assert play([line], {"get x": {"stdout": SCREEN}, **help_screen}) == 0
    assert play([line], {"get x": {"stdout": SCREEN + "\n"}, **help_screen}) == 1
    assert play([line], {"get x": {"stdout": "no"}, "get --help": {"stdout": "no"}}) == 1
    other = SCREEN.replace("prog get", "prog got")
    assert play([line], {"get x": {"stdout": other}, "get --help": {"stdout": other}}) == 1


def test_a_question_is_looked_for_without_the_terminals_escapes(play: Play) -> None:
    line = {**LINE, "stdout": None, "prompt": "Are you sure? [y/N]"}
    assert play([line], {"get": {"stdout": "\x1b[1mAre you\x1b[0m sure? [y/N]\x07 \x1b[2K"}}) == 0
    assert play([line], {"get": {"stdout": "Are you? [y/N]"}}) == 1


def test_a_script_is_known_by_its_first_line_and_its_length(play: Play) -> None:
    told = {"stdout_first_line": "# completion for flux          -*-", "stdout_lines": 2}
    line = {**{name: value for name, value in LINE.items() if name != "stdout"}, **told}
    assert play([line], {"get": {"stdout": "# completion for prog          -*-\n#\n"}}) == 0
    assert play([line], {"get": {"stdout": "# completion for flux          -*-\n#\n"}}) == 1
    assert play([line], {"get": {"stdout": "# completion for prog          -*-\n"}}) == 1


def test_what_was_accepted_must_differ(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    accepted = [{"id": "a-*", "reason": "ours says more", "differs": ["stderr"]}]
    assert play([LINE], {"get": {**LINE, "stderr": "more\n"}}, accepted=accepted) == 0
    assert (
        capsys.readouterr().out == "1 of those that passed differ from the recording as accepted\n1 passed, 0 failed\n"
    )
    assert play([LINE], {"get": LINE}, accepted=accepted) == 1
    assert "no longer differs" in capsys.readouterr().out


def test_what_was_accepted_differs_in_the_way_that_was_accepted(play: Play) -> None:
    accepted = [{"id": "a-001", "reason": "ours says more", "expect": {"stderr": "more\n"}}]
    assert play([LINE], {"get": {**LINE, "stderr": "more\n"}}, accepted=accepted) == 0
    assert play([LINE], {"get": {**LINE, "stderr": "other\n"}}, accepted=accepted) == 1
    assert play([LINE], {"get": {**LINE, "stderr": "more\n", "exit": 1}}, accepted=accepted) == 1


def test_what_is_not_named_is_as_recorded_though_something_else_was_accepted(
    play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted = [{"id": "a-001", "reason": "ours says more", "differs": ["stdout", "std???"]}]
    assert play([LINE], {"get": {**LINE, "stdout": "other\n", "stderr": "Traceback\n"}}, accepted=accepted) == 0
    assert play([LINE], {"get": {**LINE, "stdout": "other\n", "exit": 1}}, accepted=accepted) == 1
    assert "recorded is 0; ours is 1" in capsys.readouterr().out
    accepted[0]["differs"] = ["stdout", "stderr"]
    assert play([LINE], {"get": {**LINE, "stdout": "other\n"}}, accepted=accepted) == 1
    assert "'stderr' no longer differs" in capsys.readouterr().out


def test_the_version_that_is_expected_is_ours(play: Play) -> None:
    accepted = [{"id": "a-001", "reason": "its own version", "expect": {"stdout": "v${VERSION}\n"}}]
    assert play([LINE], {"get": {**LINE, "stdout": f"v{VERSION}\n"}}, accepted=accepted) == 0
    assert play([LINE], {"get": {**LINE, "stdout": "v0.0.0\n"}}, accepted=accepted) == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "*", "reason": "x"},
        {"id": "*", "reason": "x", "expect": {}},
        {"id": "*", "reason": "x", "expect": {"seconds": 1}},
        {"id": "*", "reason": " ", "differs": ["exit"]},
        {"id": "*", "differs": ["exit"]},
        {"id": "*", "reason": "x", "expect": {"exit": "1"}},
        {"id": "*", "reason": "x", "expect": {"stderr": "${WHAT}"}},
        {"id": "*", "reason": "x", "differs": ["exit"], "expects": {}},
    ],
)
def test_accepted_differences_are_read_as_strictly(entry: Mapping[str, Any], play: Play) -> None:
    assert play([LINE], {"get": {**LINE, "exit": 1}}, accepted=[entry]) == 2


def test_a_file_from_elsewhere_has_its_own_fixtures_or_ours(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps(LINE))
    assert read_file(tmp_path / "x.jsonl").fixtures == FIXTURES
    (tmp_path / "fixtures").mkdir()
    assert read_file(tmp_path / "x.jsonl").fixtures == tmp_path / "fixtures"


def test_all_recordings_can_be_read() -> None:
    assert sum(len(file.cases) for file in read_files([RECORDED])) == 407


def test_each_accepted_difference_speaks_of_a_recording() -> None:
    entries = read_accepted(DEFAULT)
    used = [accepted_for(case, entries) for file in read_files([RECORDED]) for case in file.cases]
    assert [entry.id for entry in entries if entry not in used] == []
