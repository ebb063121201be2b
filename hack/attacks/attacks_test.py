"""`hack.attacks`: its table, and that the tests it names exist and measure."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hack.attacks import __main__ as attacks

MEASURED = re.compile(r"\.watch\(")


@pytest.mark.parametrize("test", attacks.ATTACKS.values(), ids=attacks.ATTACKS)
def test_each_attack_is_a_test_that_measures(test: str) -> None:
    path, _, name = test.partition("::")
    _, found, rest = (attacks.ROOT / path).read_text().partition(f"def {name}(")
    assert found
    assert MEASURED.search(rest.partition("\ndef ")[0])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return a function that runs a test module as the only attack and returns exit status and last lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(attacks, "ROOT", tmp_path)
    monkeypatch.setenv("E2E_FLAGS", "")

    def call(body: str, *arguments: str) -> tuple[int, str]:
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        (tmp_path / f"one_{abs(hash(body))}_test.py").write_text(f"def test_one(record_property):\n    {body}\n")
        monkeypatch.setattr(attacks, "ATTACKS", {"one": f"one_{abs(hash(body))}_test.py::test_one"})
        status = attacks.main(arguments)
        return status, capsys.readouterr().out.rpartition("\n\n")[2]

    return call


def test_served_victims_are_a_success(run: Callable[..., Any]) -> None:
    status, table = run("record_property('victim', '0.5 of 8 s')", "--repeat", "2")
    assert status == 0
    head, *rows = table.splitlines()
    assert head.split()[:3] == ["attack", "victim", "/healthz"]
    assert [row.split() for row in rows] == [["one", n, "0.5", "of", "8", "s", *"----", "served"] for n in "12"]


def test_a_victim_that_waits_too_long_is_a_failure(run: Callable[..., Any]) -> None:
    status, table = run("record_property('victim', '9.5 of 8 s'); assert 9.5 <= 8, 'too long'")
    assert status == 1
    assert "9.5 of 8 s" in table
    assert "FAILED: AssertionError: too long" in table


def test_what_only_one_attack_measures_is_a_line_beneath_the_table(run: Callable[..., Any]) -> None:
    _, table = run("record_property('detail', '700 requests a second')")
    assert table.splitlines()[-1] == "one: 700 requests a second"


def test_an_attack_that_does_not_exist_is_not_an_empty_success(run: Callable[..., Any]) -> None:
    with pytest.raises(SystemExit):
        run("pass", "other")
