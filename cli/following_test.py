"""`cli.following`: a process that stays sees changes of its manifests, and does not outlive the one that looks."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.imagepolicy import ImagePolicy
from api.kinds import KINDS
from api.names import IMAGE_POLICIES, SECRETS
from cli import automate_run
from cli.following import LOGIN_SECONDS, LOOK_SECONDS, Follower, fingerprint
from cli.main import main
from cli.objects import KUSTOMIZATIONS, BadInput, Manifest, Manifests, read_manifests
from cli.objects_test import policy
from cli.sync import apply as apply_manifests
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import ApiError
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


class FakeRemotes:
    """Repositories that change, or cannot be reached, when a test says so."""

    def __init__(self, clock: VirtualClock) -> None:
        self.looks: list[float] = []
        self.change = False
        self.error = ""
        self._clock = clock

    async def have_changed(self) -> bool:
        self.looks.append(self._clock.monotonic())
        if self.error:
            raise BadInput(self.error)
        return self.change


async def test_repositories_are_looked_at_each_interval_and_a_failure_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    remotes = FakeRemotes(clock)
    read: list[float] = []

    def look() -> Manifests:
        read.append(clock.monotonic())
        return read_manifests([str(tmp_path)], namespace="apps", environ={})

    caplog.set_level("INFO", "controllers.manifests")
    with EmbeddedApi.in_memory(KINDS, clock=clock) as api:
        follower = Follower(
            [], api.connect(), seen={}, read=look, clock=clock, remotes=remotes, interval=timedelta(seconds=30)
        )
        following = asyncio.create_task(follower.run())

        async def next_look() -> None:
            count = len(remotes.looks)
            while len(remotes.looks) == count:
                await clock.advance(LOOK_SECONDS)
                await asyncio.sleep(0.001)

        await next_look()
        remotes.error = "https://git.example.com/fleet: nobody answers"
        for _ in range(3):
            await next_look()
        remotes.error = ""
        await next_look()
        assert read == []
        assert [b - a >= 30 for a, b in pairwise(remotes.looks)] == [True] * 4
        (tmp_path / "policy.yaml").write_text(policy())
        remotes.change = True
        await next_look()
        for _ in range(10_000):  # a thread reads them
            if "manifests have changed" in caplog.text:
                break
            await asyncio.sleep(0.001)
        assert len((await api.connect().list(IMAGE_POLICIES, into=ImagePolicy)).items) == 1
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    messages = [record.getMessage() for record in caplog.records if record.name == "controllers.manifests"]
    assert messages == [
        "a repository cannot be read, the objects stay as they were",
        "all repositories can be read again",
        "manifests have changed",
    ]


INTERVAL = timedelta(seconds=30)


async def test_what_could_not_be_applied_is_tried_again_though_nothing_has_changed_since(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository did not answer when a file changed, or the state could not be written to the end."""
    (tmp_path / "policy.yaml").write_text(policy())
    good = read_manifests([str(tmp_path)], namespace="apps", environ={})
    outcomes: list[Exception | None] = [BadInput("nobody answers"), BadInput("nobody answers"), None, None]
    writes: list[Exception | None] = [ApiError("write the state", "the disk is full"), None]
    reads: list[float] = []

    def look() -> Manifests:
        reads.append(clock.monotonic())
        if error := outcomes.pop(0):
            raise error
        return good

    async def apply(*arguments: Any) -> None:
        if error := writes.pop(0):
            raise error
        await apply_manifests(*arguments)

    monkeypatch.setattr("cli.following.sync.apply", apply)
    caplog.set_level("INFO", "controllers.manifests")
    clock = VirtualClock()
    with EmbeddedApi.in_memory(KINDS, clock=clock) as api:
        follower = Follower([str(tmp_path)], api.connect(), seen={}, read=look, clock=clock, interval=INTERVAL)
        following = asyncio.create_task(follower.run())
        for _ in range(20_000):  # files are looked at in a thread
            await clock.advance(LOOK_SECONDS)
            if not writes:
                break
            await asyncio.sleep(0.0005)
        for _ in range(200):
            await clock.advance(LOOK_SECONDS)
            await asyncio.sleep(0.0005)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        assert len((await api.connect().list(IMAGE_POLICIES, into=ImagePolicy)).items) == 1
    assert [b - a >= 30 for a, b in pairwise(reads)] == [True] * 3
    assert [record.getMessage() for record in caplog.records if record.name == "controllers.manifests"] == [
        "manifests cannot be used, the objects stay as they were",
        "manifests have changed and could not be applied to the end",
        "manifests have changed",
    ]


SECRET = Manifest("x", SECRETS, Key("apps", "tagline-docker-config"), {"metadata": {"name": "x"}})


@pytest.mark.parametrize(
    ("applied", "is_asked", "count"),
    [((), False, 0), ((), True, 1), ((SECRET,), False, 1)],
    ids=["none", "git", "docker"],
)
async def test_logins_that_others_keep_are_asked_for_again(
    applied: tuple[Manifest, ...], is_asked: bool, count: int
) -> None:
    clock = VirtualClock()
    read: list[float] = []

    def look() -> Manifests:
        read.append(clock.monotonic())
        raise BadInput("enough")

    with EmbeddedApi.in_memory(KINDS, clock=clock) as api:
        follower = Follower(
            [], api.connect(), seen={}, read=look, clock=clock, applied=applied, has_borrowed_logins=lambda: is_asked
        )
        following = asyncio.create_task(follower.run())
        # The files are looked at in a thread, which may take its time.
        for _ in range(20_000 if count else int(LOGIN_SECONDS) + 100):
            await clock.advance(LOOK_SECONDS)
            if read:
                break
            await asyncio.sleep(0.0005)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    assert len(read) == count


@pytest.mark.parametrize("restless", [0, 1, 5, 1000])
async def test_files_are_read_when_nobody_writes_them_any_more(restless: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull that moves a manifest removes it first."""
    clock = VirtualClock()
    looks: list[float] = []
    reads: list[int] = []

    def look(_: object) -> dict[str, tuple[int, int, int]]:
        looks.append(clock.monotonic())
        return {"a.yaml": (1, 1, min(len(looks), restless + 1))}

    def read() -> Manifests:
        reads.append(len(looks))
        return Manifests((), ())

    async def at_once(work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)

    monkeypatch.setattr("cli.following.fingerprint", look)
    monkeypatch.setattr("cli.following.asyncio.to_thread", at_once)
    with EmbeddedApi.in_memory(KINDS, clock=clock) as api:
        following = asyncio.create_task(Follower([], api.connect(), seen={}, read=read, clock=clock).run())
        while len(looks) < 100:
            await clock.advance(LOOK_SECONDS)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    assert reads == ([restless + 2] if restless < 60 else [60])


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["x", "-o", "json"], "--output has an effect only with --once"),
        (["x", "--timeout", "1m"], "--timeout has an effect only with --once"),
        (["x", "--manifests-interval", "1m"], "--manifests-interval has an effect only with a repository's URL"),
        (["x", "--once", "--manifests-interval", "1m"], "--manifests-interval has an effect only without --once"),
        (["x", "--once", "--metrics-addr", ":1"], "--metrics-addr has an effect only without --once"),
        (["x", "--once", "--health-addr", ":1"], "--health-addr has an effect only without --once"),
        (["-"], "manifests from standard input need --once: there is no second look at them"),
    ],
    ids=str,
)
def test_an_option_without_effect_is_refused(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["automate", *argv]) == 2
    assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize("interval", ["4s", "25h", "-1m"])
def test_an_interval_has_bounds(interval: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["automate", "https://git.example.com/x", f"--manifests-interval={interval}"])
    assert "is not between 5s and 24h" in capsys.readouterr().err


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
