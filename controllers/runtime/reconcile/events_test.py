import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from controllers.runtime.kube.errors import ApiError, Forbidden, NotFound, ServerError
from controllers.runtime.reconcile.events import EVENTS, EventRecorder, EventType, InvolvedObject
from testing.clock import VirtualClock, settle
from testing.kube import FakeKube

NORMAL, WARNING = EventType.NORMAL, EventType.WARNING
APP = InvolvedObject("example.com/v1", "Thing", "ns", "app", "u1", "7", {"event.toolkit.fluxcd.io/env": "prod"})
OTHER = replace(APP, name="other", uid="u2")


class FakeEventSink:
    """EventSink that keeps messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def notify(self, involved: InvolvedObject, type: EventType, *, reason: str, message: str, at: datetime) -> None:
        self.messages.append(message)


class EventsHarness:
    """A recorder whose API server answers its first requests with `errors`."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.api = FakeKube()
        self.api.before = self._fail
        self.errors: list[ApiError] = []
        self.inbox = FakeEventSink()
        self.recorder = EventRecorder(
            self.api,
            component="thing-controller",
            instance="pod-1",
            clock=self.clock,
            log=logging.getLogger("controllers.test"),
            sink=self.inbox,
        )

    async def _fail(self, _: str) -> None:
        if self.errors:
            raise self.errors.pop(0)

    @property
    def events(self) -> dict[str, dict[str, Any]]:
        """The stored events by name, the oldest first, without what the server adds."""
        found = sorted(self.api.all(EVENTS.plural, dict[str, Any]), key=lambda event: str(event["firstTimestamp"]))
        for event in found:
            event["metadata"] = {k: event["metadata"][k] for k in ("name", "namespace", "annotations")}
        return {event["metadata"]["name"]: event for event in found}

    @property
    def counts(self) -> dict[str, int]:
        return {event["message"]: event["count"] for event in self.events.values()}

    @property
    def verbs(self) -> list[str]:
        return [request.partition(" ")[0] for request in self.api.requests]

    async def record(
        self, type: EventType, message: str, *, involved: InvolvedObject = APP, no_change: bool = False
    ) -> None:
        self.recorder.record(involved, type, reason="Because", message=message, no_change=no_change)
        await settle()


@pytest.fixture
async def harness() -> AsyncIterator[EventsHarness]:
    harness = EventsHarness()
    task = asyncio.create_task(harness.recorder.run())
    yield harness
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_event_has_the_fields_of_the_legacy_recorder(harness: EventsHarness) -> None:
    await harness.record(NORMAL, "hello")
    [(name, event)] = harness.events.items()
    assert name.startswith("app.")
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "ns", "annotations": {"event.toolkit.fluxcd.io/env": "prod"}},
        "involvedObject": {
            "kind": "Thing",
            "namespace": "ns",
            "name": "app",
            "uid": "u1",
            "apiVersion": "example.com/v1",
            "resourceVersion": "7",
        },
        "type": "Normal",
        "reason": "Because",
        "message": "hello",
        "source": {"component": "thing-controller"},
        "reportingComponent": "thing-controller",
        "reportingInstance": "pod-1",
        "count": 1,
        "firstTimestamp": "2024-01-01T00:00:00Z",
        "lastTimestamp": "2024-01-01T00:00:00Z",
    }


async def test_a_repetition_counts_up_the_same_event(harness: EventsHarness) -> None:
    await harness.record(NORMAL, "hello")
    await harness.clock.advance(90)
    await harness.record(NORMAL, "hello")
    [event] = harness.events.values()
    assert (event["count"], event["firstTimestamp"], event["lastTimestamp"]) == (
        2,
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:01:30Z",
    )
    assert harness.verbs == ["create", "patch"]


async def test_after_the_window_a_new_event_begins(harness: EventsHarness) -> None:
    await harness.record(NORMAL, "hello")
    await harness.clock.advance(601)
    await harness.record(NORMAL, "hello")
    assert [event["count"] for event in harness.events.values()] == [1, 1]


async def test_an_event_that_expired_on_the_server_is_created_anew(harness: EventsHarness) -> None:
    await harness.record(NORMAL, "hello")
    harness.api.remove(EVENTS.plural, "ns", *harness.events)
    await harness.record(NORMAL, "hello")
    assert harness.counts == {"hello": 2}


async def test_what_differs_in_object_type_reason_or_message_is_told_apart(harness: EventsHarness) -> None:
    await harness.record(NORMAL, "hello")
    await harness.record(WARNING, "hello")
    await harness.record(NORMAL, "hello", involved=OTHER)
    await harness.record(NORMAL, "bye")
    assert len(harness.events) == 4


async def test_repeated_warnings_are_written_once_a_minute_and_counted_meanwhile(harness: EventsHarness) -> None:
    for _ in range(61):
        await harness.record(WARNING, "no")
        await harness.clock.advance(1)
    assert harness.verbs == ["create", "patch"]
    assert harness.counts == {"no": 61}


async def test_the_receiver_gets_as_many_repeated_warnings_as_are_written(harness: EventsHarness) -> None:
    for _ in range(61):
        await harness.record(WARNING, "no")
        await harness.clock.advance(1)
    assert harness.inbox.messages == ["no", "no"]


async def test_no_change_events_of_an_object_are_written_every_five_minutes_whatever_their_text(
    harness: EventsHarness,
) -> None:
    for minute in range(11):
        await harness.record(NORMAL, f"nothing new in minute {minute}", no_change=True)
        await harness.record(NORMAL, "nothing", involved=OTHER, no_change=True)
        await harness.clock.advance(60)
    assert [message for message in harness.counts if message != "nothing"] == [
        "nothing new in minute 0",
        "nothing new in minute 5",
        "nothing new in minute 10",
    ]
    assert harness.counts["nothing"] == 11
    assert harness.inbox.messages == []


async def test_one_object_cannot_flood_the_server(harness: EventsHarness) -> None:
    for number in range(100):
        await harness.record(NORMAL, f"message {number}")
    await harness.record(NORMAL, "calm", involved=OTHER)
    assert len(harness.api.requests) == 25 + 1
    await harness.clock.advance(300)
    await harness.record(NORMAL, "later")
    assert "later" in harness.counts


async def test_a_burst_of_equal_events_is_one_write(harness: EventsHarness) -> None:
    for _ in range(20):
        harness.recorder.record(APP, NORMAL, reason="Because", message="hello")
    await settle()
    assert (harness.verbs, harness.counts) == (["create"], {"hello": 20})


async def test_a_write_is_repeated_while_the_server_fails(harness: EventsHarness) -> None:
    harness.errors = [ServerError("create", "overloaded", status=500)] * 2
    await harness.record(NORMAL, "hello")
    await harness.clock.advance(10)
    assert harness.counts == {"hello": 1}


@pytest.mark.parametrize(
    ("error", "level"),
    [
        pytest.param(NotFound("create", "namespaces ns not found", status=404), "DEBUG", id="namespace-gone"),
        pytest.param(
            Forbidden("create", "unable to create: namespace ns is being terminated", status=403),
            "DEBUG",
            id="namespace-going",
        ),
        pytest.param(Forbidden("create", "cannot create resource events", status=403), "ERROR", id="role-too-small"),
    ],
)
async def test_an_event_that_cannot_be_written_is_logged_and_dropped(
    harness: EventsHarness, caplog: pytest.LogCaptureFixture, error: ApiError, level: str
) -> None:
    caplog.set_level(logging.DEBUG)
    harness.errors = [error]
    await harness.record(NORMAL, "hello")
    assert [(record.levelname, record.msg) for record in caplog.records if record.name == "controllers.test"] == [
        (level, "unable to record event")
    ]
    await harness.record(NORMAL, "next")
    assert harness.counts == {"next": 1}


async def test_recording_never_waits_and_a_full_queue_drops() -> None:
    harness = EventsHarness()  # nobody delivers
    for number in range(1200):
        harness.recorder.record(
            replace(APP, uid=str(number), name=str(number)), NORMAL, reason="Because", message="hello"
        )
    task = asyncio.create_task(harness.recorder.run())
    await harness.recorder.flush()
    task.cancel()
    assert len(harness.events) == 1000


async def test_flush_returns_when_everything_is_written(harness: EventsHarness) -> None:
    harness.recorder.record(APP, NORMAL, reason="Because", message="last words")
    await harness.recorder.flush()
    assert harness.counts == {"last words": 1}


async def test_memory_is_bounded(harness: EventsHarness) -> None:
    for number in range(5000):
        harness.recorder.record(replace(APP, uid=str(number)), NORMAL, reason="Because", message="hello")
    assert len(harness.recorder._series._values) == 4096
    assert len(harness.recorder._buckets._values) <= 4096


async def test_a_long_object_name_still_gives_a_valid_event_name(harness: EventsHarness) -> None:
    await harness.record(NORMAL, "hello", involved=replace(APP, name="a" * 253))
    [name] = harness.events
    assert len(name) <= 253


async def test_thousands_of_quiet_objects_are_not_written_at_each_look(harness: EventsHarness) -> None:
    objects = [replace(APP, name=f"app-{number}", uid=str(number)) for number in range(5_000)]
    for look in range(3):
        for number, involved in enumerate(objects):
            harness.recorder.record(involved, NORMAL, reason="Because", message="nothing new", no_change=True)
            if number % 500 == 0:
                await settle()
        await harness.recorder.flush()
        await harness.clock.advance(60)
        assert len(harness.verbs) == len(objects), look
