"""`cli.following`: a process that stays sees changes of its manifests, and does not outlive the one that looks."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cli import automate_run
from cli.following import LOOK_SECONDS, Follower, fingerprint
from cli.main import main
from cli.objects import KUSTOMIZATIONS, BadInput, Manifests, read_manifests
from cli.objects_test import policy
from controllers.runtime.embedded.api import EmbeddedApi
from testing.clock import VirtualClock


def stay(folder: Path) -> int:
    """Run a process that stays, which nobody tells to end."""
    return main(["automate", str(folder), "--state", str(folder / "state.db"), "--metrics-addr=", "--health-addr="])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "policy.yaml").write_text(policy())
    monkeypatch.setattr(automate_run, "schedule_exit", lambda _: None)
    monkeypatch.setattr(automate_run, "_configure_logging", lambda _: None)
    return tmp_path


def test_a_process_does_not_outlive_what_follows_its_manifests(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It would go on with the objects of today for good, and nobody would know."""

    async def fail(_: Follower) -> None:
        await asyncio.sleep(0)
        raise LookupError("hush")

    monkeypatch.setattr(Follower, "run", fail)
    assert stay(folder) == 1
    (record,) = (record for record in caplog.records if record.getMessage() == "stopping")
    assert record.levelname == "ERROR"
    assert record.exc_info


def test_what_follows_the_manifests_ends_with_the_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    async def follow(_: Follower) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("follower")

    async def work(_: object) -> None:
        raise LookupError

    monkeypatch.setattr(Follower, "run", follow)
    monkeypatch.setattr("controllers.runtime.process.process.Process._work", work)
    assert stay(folder) == 1
    assert ended == ["follower"]


@pytest.mark.parametrize("error", [BadInput("one\ntwo"), OSError(5, "Input/output error")], ids=["bad", "io"])
async def test_manifests_that_cannot_be_used_are_said_and_looked_at_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    outcomes: list[Callable[[], Manifests]] = []

    def read() -> Manifests:
        return outcomes.pop(0)()

    def fail() -> Manifests:
        raise error

    def succeed() -> Manifests:
        return read_manifests([str(tmp_path)], namespace="apps", environ={})

    outcomes += [fail, succeed]
    clock = VirtualClock()
    with EmbeddedApi.in_memory([], clock=clock) as api:
        follower = Follower([str(tmp_path)], api.connect(), seen={}, read=read, clock=clock)
        following = asyncio.create_task(follower.run())
        for name in ("a.yaml", "b.yaml"):
            (tmp_path / name).write_text("kind: Other\n")
            left = len(outcomes)
            while len(outcomes) == left:
                await clock.advance(LOOK_SECONDS)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    assert "the objects stay as they were" in caplog.text


@pytest.mark.parametrize("name", ["policy.yaml", *KUSTOMIZATIONS])
@pytest.mark.parametrize("source", ["", "policy.yaml"], ids=["folder", "file"])
def test_all_that_manifests_are_read_from_is_looked_at(tmp_path: Path, source: str, name: str) -> None:
    (tmp_path / "policy.yaml").write_text(policy())
    before = fingerprint([str(tmp_path / source)])
    (tmp_path / name).write_text("namespace: apps\n")
    assert fingerprint([str(tmp_path / source)]) != before


def test_looking_needs_nothing_to_be_there(tmp_path: Path) -> None:
    os.symlink("loop", tmp_path / "loop")
    assert fingerprint([str(tmp_path / "none"), "x" * 5000, str(tmp_path / "loop"), "-"]) == {}
