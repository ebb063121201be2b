"""Tags as registries list them."""

import asyncio
import base64
import json
import sys
from pathlib import Path

import pytest

from cli import registry_tags
from cli.registry_tags import ask_registries
from testing.registry_server import ReceivedRequest, RegistryHandler, Reply, run_server


async def test_the_user_of_dockers_configuration_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    registry = RegistryHandler({"org/app": ["1.0.0"]}, auth="basic", users={"robot": "secret"})
    async with run_server(registry) as server:
        image = f"{server.address}/org/app"
        denied = await asyncio.to_thread(ask_registries, [image])
        auth = base64.b64encode(b"robot:secret").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {server.address: {"auth": auth}}}))
        listed = await asyncio.to_thread(ask_registries, [image, image])
    assert denied.of(image) is None
    assert "UNAUTHORIZED" in denied.failures[image]
    assert listed.of(image) == ["1.0.0"]
    assert listed.failures == {}


def test_a_broken_configuration_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    [(image, why)] = ask_registries(["127.0.0.1:1/org/app"]).failures.items()
    assert image == "127.0.0.1:1/org/app"
    assert "config.json" in why


def test_a_registry_that_is_away_is_tried_once() -> None:
    images = [f"127.0.0.1:1/org/app-{number}" for number in range(1_000)]
    failures = ask_registries(images).failures
    assert set(failures) == set(images)
    assert len(set(failures.values())) <= registry_tags.CONCURRENCY


async def test_a_repository_that_fails_costs_no_other_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the many is broken, and it is asked for first."""
    monkeypatch.setattr(registry_tags, "CONCURRENCY", 1)
    registry = RegistryHandler({"org/app": ["1.0.0"], "org/broken": ["1.0.0"]})

    def answer(request: ReceivedRequest) -> Reply:
        return Reply(500) if "/org/broken/" in request.target else registry(request)

    async with run_server(answer) as server:
        names = [f"{server.address}/org/{name}" for name in ("broken", "app")]
        lists = await asyncio.to_thread(ask_registries, names)
    assert list(lists.failures) == [names[0]]
    assert lists.of(names[1]) == ["1.0.0"]


async def test_progress_is_shown_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(registry_tags, "PROGRESS_AFTER_SECONDS", 0.0)
    async with run_server(RegistryHandler({"org/app": ["1.0.0"]})) as server:
        await asyncio.to_thread(ask_registries, [f"{server.address}/org/app"])
    shown = capsys.readouterr().err
    assert "asking registries: 0 of 1 images" in shown
    assert shown.endswith("\r\x1b[K")
