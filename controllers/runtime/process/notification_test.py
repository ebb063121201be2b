import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from controllers.runtime.process.httpserver import HttpServer
from controllers.runtime.process.notification import HttpPost, Notifier
from controllers.runtime.reconcile.events import EventType, Subject
from testing.clock import START, VirtualClock, settle

APP = Subject("example.com/v1", "Thing", "ns", "app", "u1", "7", {"event.toolkit.fluxcd.io/env": "prod"})


class Receiver:
    """Answers with what the test lists, then with 202."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[int | Exception] = []

    async def __call__(self, body: bytes) -> int:
        self.bodies.append(json.loads(body))
        answer = self.answers.pop(0) if self.answers else 202
        if isinstance(answer, Exception):
            raise answer
        return answer


class World:
    def __init__(self, instance: str = "pod-1") -> None:
        self.clock = VirtualClock()
        self.receiver = Receiver()
        self.notifier = Notifier(
            self.receiver,
            component="thing-controller",
            instance=instance,
            clock=self.clock,
            log=logging.getLogger("controllers.test"),
        )

    async def tell(self, about: Subject = APP, type: EventType = EventType.NORMAL) -> None:
        self.notifier.notify(about, type, reason="Because", message="hello", at=START)
        await settle()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    task = asyncio.create_task(world.notifier.run())
    yield world
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_body_is_flux_s(world: World) -> None:
    await world.tell()
    assert world.receiver.bodies == [
        {
            "involvedObject": {
                "kind": "Thing",
                "namespace": "ns",
                "name": "app",
                "uid": "u1",
                "apiVersion": "example.com/v1",
                "resourceVersion": "7",
            },
            "severity": "info",
            "timestamp": "2024-01-01T00:00:00Z",
            "message": "hello",
            "reason": "Because",
            "metadata": {"event.toolkit.fluxcd.io/env": "prod"},
            "reportingController": "thing-controller",
            "reportingInstance": "pod-1",
        }
    ]


async def test_a_warning_is_an_error(world: World) -> None:
    await world.tell(type=EventType.WARNING)
    assert world.receiver.bodies[0]["severity"] == "error"


async def test_empty_metadata_is_left_out(world: World) -> None:
    await world.tell(replace(APP, metadata={}))
    assert "metadata" not in world.receiver.bodies[0]


async def test_an_object_without_namespace_is_not_posted(world: World) -> None:
    await world.tell(replace(APP, namespace=""))
    assert world.receiver.bodies == []


@pytest.mark.parametrize(
    ("answers", "posts", "logged"),
    [
        pytest.param([202], 1, False, id="accepted"),
        pytest.param([429], 1, False, id="duplicate"),
        pytest.param([500, 503, 202], 3, False, id="server-errors-then-accepted"),
        pytest.param([ConnectionRefusedError(), 202], 2, False, id="refused-then-accepted"),
        pytest.param([TimeoutError()] * 5, 5, True, id="never-answers"),
        pytest.param([502] * 5, 5, True, id="server-errors-only"),
        pytest.param([400], 1, True, id="refused-for-good"),
    ],
)
async def test_retries(
    world: World, caplog: pytest.LogCaptureFixture, answers: list[int | Exception], posts: int, *, logged: bool
) -> None:
    world.receiver.answers = answers
    await world.tell()
    await world.clock.advance(120)
    assert len(world.receiver.bodies) == posts
    assert ("unable to record event" in caplog.text) is logged


async def test_waits_between_retries_grow_from_a_second(world: World) -> None:
    world.receiver.answers = [500] * 5
    await world.tell()
    times = []
    for _ in range(40):
        times.append(len(world.receiver.bodies))
        await world.clock.advance(0.5)
    assert [times.index(count) / 2 for count in range(1, 6)] == [0, 1, 3, 7, 15]


async def test_a_failure_does_not_tell_the_address(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.receiver.answers = [aiohttp.ClientError("http://user:secret@host")] * 5
    await world.tell()
    await world.clock.advance(120)
    assert "secret" not in caplog.text


async def test_it_speaks_http() -> None:
    server = HttpServer("127.0.0.1:0", {})  # answers 405: only GET is served there
    await server.start()
    post = HttpPost(f"http://127.0.0.1:{server.port}/")
    assert await post(b"{}") == 405
    await post.close()
    await server.stop()
