"""Kubernetes Events: what happened to an object, recorded once and counted when it happens again.

`record` never waits: it decides and hands over to a background task (`run`). Like the legacy recorder of client-go
an Event is created by POST, and a repetition of the same (object, type, reason, message) within ten minutes only
moves `count` and `lastTimestamp`. Three brakes keep an operator from flooding etcd: events that report no change
are written at most every five minutes an object, repeated warnings at most every minute a message, and everything
passes a token bucket an object. What is held back is counted and shows with the next write.

The same events go to Flux's receiver (`notification`), except those that report no change.
"""

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import msgspec

from api.names import EVENT_ANNOTATION_PREFIX
from api.resource import Resource
from controllers.clock import Clock
from controllers.runtime import logkey
from controllers.runtime.kube.errors import ApiError, Forbidden, NotFound, ServerError, Throttled, Unreachable
from controllers.runtime.kube.objects import ReconciledObject
from controllers.runtime.kube.protocols import Writer
from controllers.runtime.log import bind_fields
from controllers.runtime.queue.ratelimit import TokenBucket

EVENTS = Resource("", "v1", "events", "Event")

AGGREGATION_SECONDS = 600
NO_CHANGE_INTERVAL_SECONDS = 300
REPEATED_WARNING_SECONDS = 60
_BURST, _REFILL_A_SECOND = 25, 1 / 300  # an object, as in client-go
_LRU_SIZE = 4096
_QUIET_OBJECTS = 65_536
"""Objects whose pause between events without change is remembered, 150 bytes each. All are visited in turn, so with one
more than fit none would be found again, and each look at an object that finds nothing would write an event."""
_TRIES = 3
_NAME_LIMIT = 253


class EventType(StrEnum):
    """The type of a Kubernetes Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class InvolvedObject:
    """The object that an event is about, and the event metadata its annotations ask for."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, obj: ReconciledObject) -> "InvolvedObject":
        """Return a reconciled object in this form."""
        meta = obj.metadata
        metadata = {k: v for k, v in meta.annotations.items() if k.startswith(EVENT_ANNOTATION_PREFIX)}
        return cls(obj.api_version, obj.kind, meta.namespace, meta.name, meta.uid, meta.resource_version, metadata)

    def reference(self) -> dict[str, str]:
        """Return it in the form of a core/v1 ObjectReference."""
        reference = {"kind": self.kind, "namespace": self.namespace, "name": self.name, "uid": self.uid}
        return {**reference, "apiVersion": self.api_version, "resourceVersion": self.resource_version}


class Recorder(Protocol):
    """What a lifecycle needs of events."""

    def record(
        self, involved: InvolvedObject, type: EventType, *, reason: str, message: str, no_change: bool = False
    ) -> None:
        """Record an event; `no_change`: nothing happened, it is for people who look. Never waits, never fails."""
        ...


class EventSink(Protocol):
    """Where events go besides the API server."""

    def notify(self, involved: InvolvedObject, type: EventType, *, reason: str, message: str, at: datetime) -> None: ...


class StoredEvent(msgspec.Struct, frozen=True):
    """What is decoded of the API server's answer: nothing."""


@dataclass(slots=True)
class _Series:
    """Equal events, one Event object."""

    involved: InvolvedObject
    type: EventType
    reason: str
    message: str
    name: str
    first: datetime
    last: datetime
    last_monotonic: float
    count: int = 0
    stored: bool = False
    queued: bool = False
    next_write: float = float("-inf")


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _LRU(Generic[K, V]):
    """The values used last."""

    def __init__(self, size: int = _LRU_SIZE) -> None:
        self._values: OrderedDict[K, V] = OrderedDict()
        self._size = size

    def get(self, key: K) -> V | None:
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: K, value: V) -> V:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value


class Outbox(Generic[V]):
    """A bounded queue in front of something slow, so that nobody waits for it; what does not fit is dropped."""

    def __init__(self, deliver: Callable[[V], Awaitable[None]], *, limit: int = 1000) -> None:
        """Build it. `deliver` handles its own errors; `limit`: items that may wait."""
        self._deliver = deliver
        self._items: asyncio.Queue[V] = asyncio.Queue(limit)

    def put(self, item: V) -> bool:
        """Queue an item; False when the queue is full and the item is lost."""
        try:
            self._items.put_nowait(item)
        except asyncio.QueueFull:
            return False
        return True

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            item = await self._items.get()
            try:
                await self._deliver(item)
            finally:
                self._items.task_done()

    async def flush(self) -> None:
        """Return when everything queued has been delivered; the caller limits the time."""
        await self._items.join()


class EventRecorder:
    """See the module. One for each kind; `run` in a task of its own, `flush` before the end."""

    def __init__(
        self,
        client: Writer,
        *,
        component: str,
        instance: str,
        clock: Clock,
        log: logging.Logger,
        sink: EventSink | None = None,
    ) -> None:
        """Build it. component: the controller's name, the events' source; instance: the pod's; sink: gets them, too."""
        self._client = client
        self._component = component
        self._instance = instance
        self._clock = clock
        self._log = log
        self._sink = sink
        self._series: _LRU[tuple[str, EventType, str, str], _Series] = _LRU()
        self._buckets: _LRU[str, TokenBucket] = _LRU()
        self._no_change_until: _LRU[str, float] = _LRU(_QUIET_OBJECTS)
        self._outbox = Outbox(self._deliver)

    def record(
        self, involved: InvolvedObject, type: EventType, *, reason: str, message: str, no_change: bool = False
    ) -> None:
        now = self._clock.monotonic()
        series = self._count(involved, type, reason=reason, message=message)
        due = self._is_due(series, now, no_change=no_change)
        if due and self._sink and not no_change:
            self._sink.notify(involved, type, reason=reason, message=message, at=series.last)
        if not due or series.queued or not self._bucket(involved.uid).allow(now):
            return
        series.queued = self._outbox.put(series)
        if not series.queued:
            self._log.debug("too many events wait, one is dropped", extra={logkey.DETAIL: message})

    async def run(self) -> None:
        """Write what `record` hands over, until cancelled."""
        await self._outbox.run()

    async def flush(self) -> None:
        """Return when everything handed over is written or given up."""
        await self._outbox.flush()

    def _count(self, involved: InvolvedObject, type: EventType, *, reason: str, message: str) -> _Series:
        """Count an event and return the series that it belongs to."""
        now, at = self._clock.monotonic(), self._clock.now().replace(microsecond=0)
        identity = (involved.uid, type, reason, message)
        series = self._series.get(identity)
        if series is None or now - series.last_monotonic > AGGREGATION_SECONDS:
            suffix = f".{uuid.uuid4().hex[:16]}"
            name = involved.name[: _NAME_LIMIT - len(suffix)] + suffix
            series = self._series.put(identity, _Series(involved, type, reason, message, name, at, at, now))
        series.involved, series.last, series.last_monotonic = involved, at, now
        series.count += 1
        return series

    def _is_due(self, series: _Series, now: float, *, no_change: bool) -> bool:
        """Return whether this event is written now or only counted; True starts the pause after it."""
        if no_change:
            until = self._no_change_until.get(series.involved.uid)
            if until is not None and now < until:
                return False
            self._no_change_until.put(series.involved.uid, now + NO_CHANGE_INTERVAL_SECONDS)
        if series.type is EventType.WARNING:
            if now < series.next_write:
                return False
            series.next_write = now + REPEATED_WARNING_SECONDS
        return True

    def _bucket(self, uid: str) -> TokenBucket:
        return self._buckets.get(uid) or self._buckets.put(uid, TokenBucket(_REFILL_A_SECOND, _BURST))

    async def _deliver(self, series: _Series) -> None:
        """Write the series' Event; a failure is logged and the event is lost."""
        series.queued = False
        for attempt in range(_TRIES):
            try:
                await self._store(series)
            except (Throttled, ServerError, Unreachable) as error:
                if attempt == _TRIES - 1:
                    self._give_up(series, error)
                else:
                    await self._clock.sleep(2.0**attempt)
            except ApiError as error:
                self._give_up(series, error)
                return
            else:
                return

    async def _store(self, series: _Series) -> None:
        namespace = series.involved.namespace or "default"
        if series.stored:
            body = {"count": series.count, "lastTimestamp": _rfc3339(series.last)}
            try:
                await self._client.patch(EVENTS, namespace, series.name, body, into=StoredEvent)
            except NotFound:  # events live for an hour
                series.stored = False
            else:
                return
        await self._client.create(EVENTS, namespace, self._event(series, namespace), into=StoredEvent)
        series.stored = True

    def _event(self, series: _Series, namespace: str) -> dict[str, object]:
        metadata: dict[str, object] = {"name": series.name, "namespace": namespace}
        if series.involved.metadata:
            metadata["annotations"] = dict(series.involved.metadata)
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": metadata,
            "involvedObject": series.involved.reference(),
            "type": series.type.value,
            "reason": series.reason,
            "message": series.message,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
            "count": series.count,
            "firstTimestamp": _rfc3339(series.first),
            "lastTimestamp": _rfc3339(series.last),
        }

    def _give_up(self, series: _Series, error: ApiError) -> None:
        namespace_gone = isinstance(error, NotFound) or (
            isinstance(error, Forbidden) and "being terminated" in error.message
        )
        level = logging.DEBUG if namespace_gone else logging.ERROR
        with bind_fields(**{logkey.NAMESPACE: series.involved.namespace, logkey.NAME: series.involved.name}):
            self._log.log(level, "unable to record event", extra={logkey.ERROR: str(error)})


def _rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
