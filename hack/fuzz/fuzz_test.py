"""`hack.fuzz`: its targets, for a few seconds each and from fixed seeds; `make fuzz` runs them for longer."""

import asyncio

import pytest

from controllers.git.errors import GitError, ProtocolError
from hack.fuzz import __main__, git, setters, templates


def test_spoilt_answers_of_git_servers_end_in_errors_of_the_edge() -> None:
    assert asyncio.run(git.fuzz(1, seconds=30, cases=300)) == ""


def test_error_that_does_not_come_from_the_edge_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(git, "run_once", fail)
    assert "KeyError" in asyncio.run(git.fuzz(1, seconds=30, cases=1))


def test_fault_of_the_target_is_not_taken_for_an_error_of_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise ValueError("x")

    monkeypatch.setattr(git, "make_pack", fail)
    assert "a fault of this program" in asyncio.run(git.fuzz(1, seconds=30, cases=1))


def test_sound_server_must_be_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ProtocolError("x") from GitError("y")

    monkeypatch.setattr(git, "run_once", fail)
    assert "ProtocolError" in asyncio.run(git.fuzz(1, seconds=30, cases=1))


def test_spoilt_files_are_left_alone_or_edited_rightly() -> None:
    assert setters.run(4, seed=1) == 0


def test_spoilt_templates_end_in_failures_of_templates() -> None:
    assert templates.run(4, seed=1) == 0


def test_all_targets_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["--seconds", "0.2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
