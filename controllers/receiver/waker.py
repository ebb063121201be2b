"""Wake-ups: one patch for all that is announced of an object at about the same time.

Whoever asks waits until the API server has taken the patch: only then may the sender be told that all is well. Requests
are collected for a moment; those that come while a patch is under way go into the next one, which keeps a distance.
What was announced a short time ago needs no second patch: a tag that was pushed stays pushed. Without a tag there
always is one, since the run under way may have begun before the push.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from random import Random
from typing import Final, Generic, Protocol, TypeVar

from api.meta import ObjectMeta
from api.names import IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS, PUSHED_TAGS, REQUESTED_AT
from api.pushedtags import MAX_PUSHED_TAGS, PushedTag, encode_pushed_tags, requested_tags
from api.resource import Resource
from controllers.clock import Clock, wait_for
from controllers.receiver.automations import Automation
from controllers.receiver.metrics import HookMetrics
from controllers.receiver.repositories import Repository
from controllers.runtime import logkey
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import ApiError, Conflict, NotFound, ServerError, Throttled, Unreachable
from controllers.runtime.kube.protocols import Client

COLLECT: Final = timedelta(milliseconds=50)
MIN_GAP: Final = timedelta(seconds=2)
"""Between two patches of one object."""
ANNOUNCED_FOR: Final = timedelta(seconds=30)
"""How long a tag needs no second wake-up."""
SAME_DIGEST_FOR: Final = timedelta(minutes=2)
"""The same, where its digest is known and the same."""
PATCH_TIMEOUT: Final = timedelta(seconds=15)
TRIES: Final = 5
FIRST_WAIT_SECONDS: Final = 0.1
CONCURRENCY: Final = 16
MAX_REMEMBERED: Final = 10_000
"""Objects."""

Tags = Mapping[str, str]
"""Tag → digest, empty where it is not known. No tag at all: the whole list is to be scanned."""


class Annotated(Protocol):
    """An object that can be woken."""

    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=Annotated)
T_co = TypeVar("T_co", bound=Annotated, covariant=True)


class Cache(Protocol[T_co]):
    """What is needed of `repositories.Repositories` and `automations.Automations`."""

    def get(self, key: Key) -> T_co | None: ...


@dataclass(frozen=True, slots=True)
class Wakeable(Generic[T]):
    """A kind of objects, and the patch that wakes one."""

    resource: Resource
    into: type[T]
    annotate: Callable[[T, Tags | None, str, str], dict[str, object]]
    """Called with an object as read, what it is woken for, the present time as Flux writes it, and the trace."""


class NotWoken(Exception):
    """The API server did not take a wake-up; the text says why."""


@dataclass(slots=True)
class Pending:
    """What is collected for the next patch of an object."""

    done: asyncio.Future[None]
    tags: dict[str, str] | None = field(default_factory=dict)
    """None: the whole list."""
    trace: str = ""
    """Of the last request that announced tags."""

    def add(self, tags: Tags, trace: str) -> None:
        """Take more; what are too many to be asked for one by one is the whole list."""
        self.trace = trace or self.trace
        if self.tags is not None:
            self.tags.update({tag: digest or self.tags.get(tag, "") for tag, digest in tags.items()})
            if not tags or len(self.tags) > MAX_PUSHED_TAGS:
                self.tags = None

    def announces(self, tags: Tags) -> bool:
        """Return whether some tags are among those that are to be patched: whoever announces them need not again."""
        mine = self.tags or {}
        return bool(tags) and all(tag in mine and digest in ("", mine[tag]) for tag, digest in tags.items())


@dataclass(slots=True)
class Woken:
    """What was patched last into an object."""

    at: float
    """Monotonic seconds."""
    announced: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Tag → its digest, and when that was announced."""

    def covers(self, tags: Tags, now: float) -> bool:
        """Return whether all that is to be announced has been, a short time ago."""
        return bool(tags) and all(self._covers(tag, digest, now) for tag, digest in tags.items())

    def _covers(self, tag: str, digest: str, now: float) -> bool:
        known, at = self.announced.get(tag, ("", float("-inf")))
        if digest and known != digest:
            return False
        return now - at < (SAME_DIGEST_FOR if digest else ANNOUNCED_FOR).total_seconds()


class Waker(Generic[T]):
    """Wakes objects of one kind for all hooks of a process. Used from one event loop, by any number of tasks."""

    def __init__(
        self,
        client: Client,
        objects: Cache[T],
        wakeable: Wakeable[T],
        *,
        clock: Clock,
        rng: Random,
        metrics: HookMetrics,
        log: logging.Logger,
        field_manager: str,
    ) -> None:
        self._client = client
        self._objects = objects
        self._wakeable = wakeable
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._log = log
        self._field_manager = field_manager
        self._pending: dict[Key, Pending] = {}
        self._patching: dict[Key, Pending] = {}
        """What is under way to the API server."""
        self._woken: OrderedDict[Key, Woken] = OrderedDict()
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = count()

    async def wake(self, key: Key, tags: Tags, *, trace: str = "") -> None:
        """Return when an object is woken, or is gone. Goes on when the caller does not wait. Raises NotWoken.

        tags: to be asked for; none: a scan of the whole list, or a run. trace: context of the request, if it is traced
        """
        woken = self._woken.get(key)
        if woken is not None and woken.covers(tags, self._clock.monotonic()):
            self._metrics.coalesced.inc()
            return
        patching = self._patching.get(key)
        if patching is not None and patching.announces(tags):
            self._metrics.coalesced.inc()
            await asyncio.shield(patching.done)
            return
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = Pending(asyncio.get_running_loop().create_future())
            task = asyncio.create_task(self._flush(key, pending))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._metrics.coalesced.inc()
        pending.add(tags, trace)
        await asyncio.shield(pending.done)

    async def flush(self) -> None:
        """Return when nothing is under way any more."""
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _flush(self, key: Key, pending: Pending) -> None:
        """Patch what is collected until then."""
        if patching := self._patching.get(key):
            await asyncio.wait([patching.done])
        woken = self._woken.get(key)
        earliest = woken.at + MIN_GAP.total_seconds() if woken else float("-inf")
        await self._clock.sleep(max(COLLECT.total_seconds(), earliest - self._clock.monotonic()))
        async with self._slots:
            self._patching[key] = self._pending.pop(key)
            try:
                await wait_for(
                    self._clock, PATCH_TIMEOUT.total_seconds(), self._patch(key, pending.tags, pending.trace)
                )
            except (ApiError, TimeoutError) as error:
                self._metrics.failed.inc()
                fields = {"kind": self._wakeable.resource.kind, "key": str(key), logkey.ERROR: str(error)}
                self._log.error("cannot wake an object", extra=fields)
                pending.done.set_exception(NotWoken(str(error)))
                pending.done.exception()  # perhaps nobody waits any more
            except BaseException:
                pending.done.cancel()
                raise
            else:
                pending.done.set_result(None)
            finally:
                del self._patching[key]

    async def _patch(self, key: Key, tags: Tags | None, trace: str) -> None:
        """Send one patch. Raises ApiError when that does not succeed within a few tries."""
        resource, into = self._wakeable.resource, self._wakeable.into
        current, stale = self._objects.get(key), False
        for attempt in range(TRIES):
            try:
                if stale or current is None:
                    current = await self._client.get(resource, key.namespace, key.name, into=into)
                body = self._wakeable.annotate(current, tags, self._timestamp(), trace)
                await self._client.patch(
                    resource, key.namespace, key.name, body, into=into, field_manager=self._field_manager
                )
            except NotFound:
                return
            except (Conflict, Throttled, ServerError, Unreachable) as error:
                if attempt == TRIES - 1:
                    raise
                stale = True
                wait = error.retry_after or FIRST_WAIT_SECONDS * 2**attempt * self._rng.uniform(0.5, 1.5)
                await self._clock.sleep(wait)
            else:
                self._remember(key, tags)
                self._metrics.woken.inc()
                return

    def _remember(self, key: Key, tags: Tags | None) -> None:
        now = self._clock.monotonic()
        woken = self._woken.setdefault(key, Woken(now))
        self._woken.move_to_end(key)
        woken.at = now
        longest = SAME_DIGEST_FOR.total_seconds()
        woken.announced = {tag: each for tag, each in woken.announced.items() if now - each[1] < longest}
        woken.announced.update({tag: (digest, now) for tag, digest in (tags or {}).items()})
        while len(self._woken) > MAX_REMEMBERED:
            self._woken.popitem(last=False)

    def _timestamp(self) -> str:
        """Return the present time in nanoseconds, as Flux writes it; no two are the same."""
        now = self._clock.now()
        return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond:06d}{next(self._numbers) % 1000:03d}Z"


def _ask_for_tags(current: Repository, tags: Tags | None, at: str, trace: str) -> dict[str, object]:
    """Return the patch of an ImageRepository: what it was asked for and has not handled is kept."""
    before = current.metadata.annotations
    asked = before.get(REQUESTED_AT, "")
    is_pending = bool(asked) and asked != current.status.last_handled_reconcile_at
    kept = requested_tags(before) if is_pending else ()
    new = [PushedTag(tag=tag, digest=digest, at=at, trace=trace) for tag, digest in (tags or {}).items()]
    names = {each.tag for each in new}
    merged = [*(each for each in kept if each.tag not in names), *new]
    is_for_all = not tags or (is_pending and not kept) or len(merged) > MAX_PUSHED_TAGS
    annotations: dict[str, str] = {REQUESTED_AT: at}
    if not is_for_all or PUSHED_TAGS not in before:
        annotations[PUSHED_TAGS] = encode_pushed_tags(() if is_for_all else merged)
    return {"metadata": {"resourceVersion": current.metadata.resource_version, "annotations": annotations}}


def _ask_for_run(current: Automation, tags: Tags | None, at: str, trace: str) -> dict[str, object]:
    """Return the patch of an automation, the one of `flux reconcile`; of two at the same time either will do."""
    return {"metadata": {"annotations": {REQUESTED_AT: at}}}


IMAGE_REPOSITORY: Final = Wakeable(IMAGE_REPOSITORIES, Repository, _ask_for_tags)
AUTOMATION: Final = Wakeable(IMAGE_UPDATE_AUTOMATIONS, Automation, _ask_for_run)
