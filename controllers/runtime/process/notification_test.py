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
from controllers.runtime.reconcile.events import EventType, InvolvedObject
from testing.clock import START, VirtualClock, settle

APP = InvolvedObject("example.com/v1", "Thing", "ns", "app", "u1", "7", {"event.toolkit.fluxcd.io/env": "prod"})


class FakeNotificationController:
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


class NotifierHarness:
    def __init__(self, instance: str = "pod-1") -> None:
        self.clock = VirtualClock()
        self.receiver = FakeNotificationController()
        self.notifier = Notifier(
            self.receiver,
            component="thing-controller",
            instance=instance,
            clock=self.clock,
            log=logging.getLogger("controllers.test"),
        )

    async def notify(self, involved: InvolvedObject = APP, type: EventType = EventType.NORMAL) -> None:
        self.notifier.notify(involved, type, reason="Because", message="hello", at=START)
        await settle()


@pytest.fixture
async def harness() -> AsyncIterator[NotifierHarness]:
    harness = NotifierHarness()
    task = asyncio.create_task(harness.notifier.run())
    yield harness
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_body_is_flux_s(harness: NotifierHarness) -> None:
    await harness.notify()
    assert harness.receiver.bodies == [
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


async def test_a_warning_is_an_error(harness: NotifierHarness) -> None:
    await harness.notify(type=EventType.WARNING)
    assert harness.receiver.bodies[0]["severity"] == "error"


async def test_empty_metadata_is_left_out(harness: NotifierHarness) -> None:
    await harness.notify(replace(APP, metadata={}))
    assert "metadata" not in harness.receiver.bodies[0]


async def test_an_object_without_namespace_is_not_posted(harness: NotifierHarness) -> None:
    await harness.notify(replace(APP, namespace=""))
    assert harness.receiver.bodies == []


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
    harness: NotifierHarness,
    caplog: pytest.LogCaptureFixture,
    answers: list[int | Exception],
    posts: int,
    *,
    logged: bool,
) -> None:
    harness.receiver.answers = answers
    await harness.notify()
    await harness.clock.advance(120)
    assert len(harness.receiver.bodies) == posts
    assert ("unable to record event" in caplog.text) is logged


async def test_waits_between_retries_grow_from_a_second(harness: NotifierHarness) -> None:
    harness.receiver.answers = [500] * 5
    await harness.notify()
    times = []
    for _ in range(40):
        times.append(len(harness.receiver.bodies))
        await harness.clock.advance(0.5)
    assert [times.index(count) / 2 for count in range(1, 6)] == [0, 1, 3, 7, 15]


async def test_a_failure_does_not_reveal_the_address(
    harness: NotifierHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.receiver.answers = [aiohttp.ClientError("http://user:secret@host")] * 5
    await harness.notify()
    await harness.clock.advance(120)
    assert "secret" not in caplog.text


async def test_it_speaks_http() -> None:
    server = HttpServer("127.0.0.1:0", {})  # answers 405: only GET is served there
    await server.start()
    post = HttpPost(f"http://127.0.0.1:{server.port}/")
    assert await post(b"{}") == 405
    await post.close()
    await server.stop()
