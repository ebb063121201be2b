"""`hack.fuzz`: its targets, for a few seconds each and from fixed seeds; `make fuzz` runs them for longer."""

import asyncio
from types import ModuleType

import pytest

from controllers.git.errors import GitError, ProtocolError
from controllers.registry.errors import BadResponse
from hack.fuzz import __main__, dockerconfig, git, keys, registry, setters, templates


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
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_spoilt_answers_of_registries_end_in_errors_of_the_edge() -> None:
    assert asyncio.run(registry.fuzz(1, seconds=10, cases=400)) == ""


def test_error_that_does_not_come_from_the_edge_of_registries_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(registry, "run_once", fail)
    assert "KeyError" in asyncio.run(registry.fuzz(1, seconds=10, cases=1))


def test_sound_registry_must_be_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise BadResponse("x")

    monkeypatch.setattr(registry, "run_once", fail)
    assert "nothing was spoilt" in asyncio.run(registry.fuzz(1, seconds=10, cases=200))


def test_spoilt_keys_are_refused_or_taken() -> None:
    assert keys.run(5, seed=1, cases=1000) == 0


def test_spoilt_pull_secrets_are_refused_or_taken() -> None:
    assert dockerconfig.run(3, seed=1, cases=5000) == 0


@pytest.mark.parametrize(
    ("target", "part"), [(keys, "load_private_key"), (keys, "tls_from_secret"), (dockerconfig, "read_keyring")]
)
def test_uncaught_exceptions_are_found(monkeypatch: pytest.MonkeyPatch, target: ModuleType, part: str) -> None:
    def fail(*_: object) -> None:
        raise OverflowError("x")

    monkeypatch.setattr(target, part, fail)
    assert target.run(5, seed=1, cases=10) == 1
