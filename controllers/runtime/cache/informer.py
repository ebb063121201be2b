"""A cache of one kind that follows the server: paged list, then watch, again and again.

What can go wrong with a watch is decided here, once:
  ended by the server    re-opened at once from where it was
  broken, refused        re-opened after a jittered, growing delay; a server that asks for more time gets it
  410 Gone               listed anew, and handlers are called with the difference
  silent                 bookmarks come every minute, so silence means a dead connection: re-opened; silent again
                         without a message in between: listed anew
  an unreadable object   dropped from the cache and reported; the others go on
While the watch is broken, `find` reads objects on the server.
Handlers only enqueue keys: they are called in the event loop, between two events.
Watches: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import timedelta
from random import Random
from typing import Generic, TypeAlias

import msgspec

from api.resource import Resource
from controllers.clock import Clock, wait_for
from controllers.runtime import logkey
from controllers.runtime.cache.ahead import Ahead
from controllers.runtime.cache.pager import Pager
from controllers.runtime.cache.snapshots import Snapshot, Snapshots
from controllers.runtime.cache.store import Changes, Store
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError, Gone, Invalid, NotFound, Throttled, Unreachable
from controllers.runtime.kube.paths import describe_request
from controllers.runtime.kube.protocols import ListWatcher
from controllers.runtime.kube.serializer import (
    Bookmark,
    K,
    ObjectEvent,
    UnreadableObject,
    WatchEvent,
    decode_object,
)
from controllers.runtime.log import bind_fields

EventHandler: TypeAlias = Callable[[K | None, K | None], None]
Objects: TypeAlias = list[K]

SILENCE_TIMEOUT = timedelta(seconds=90)
"""Silence after which a watch is taken for dead: one and a half times the API server's bookmark period."""
STALE_AFTER = 2.5
"""In silence timeouts: one to notice silence, one more to see that a new watch is silent too, and time to list."""
WATCH_TIMEOUT_SECONDS = (300, 600)
"""How long the server is asked to keep a watch; random, so that watches do not end together."""
FIRST_DELAY_SECONDS = 1.0
MAX_DELAY_SECONDS = 10.0
"""For as long nothing is seen once a server is well again, so it is short; one request costs the server little."""
MAX_LIST_DELAY_SECONDS = 30.0
"""Once several lists have followed each other without a word of a watch, as where only lists are allowed: they cost."""
MAX_UNREACHABLE_DELAY_SECONDS = 5.0
"""A server that cannot be reached costs nothing by being tried, and what changed meanwhile is to be seen soon after."""
MIN_WATCH_SECONDS = 1.0
"""A watch that ends sooner, though cleanly, counts as a failure: otherwise it could be re-opened in a busy loop."""
READ_SECONDS = 5.0
"""For an object to be read that the cache has, too."""
FAILURES_BEFORE_RELIST = 3
"""A server that keeps refusing our resourceVersion without saying 410 (after a restore from backup) gets a list."""

log = logging.getLogger("controllers.runtime.informer")
"""A fixed name: `logger` of the lines, which people filter by, does not change when the module moves."""


class Informer(Generic[K]):
    """A cache of all objects of a kind (in a namespace, with a label), and what calls back when one changes.

    Belongs to one event loop. Reads never wait; before `synced` they find nothing. Objects are shared: do not mutate.
    """

    def __init__(
        self,
        client: ListWatcher,
        resource: Resource,
        *,
        into: type[K],
        clock: Clock,
        rng: Random,
        namespace: str = "",
        label_selector: str = "",
        transform: Callable[[K], K] | None = None,
        indexers: Mapping[str, Callable[[K], Iterable[str]]] | None = None,
        page_size: int = 500,
        silence_timeout: timedelta = SILENCE_TIMEOUT,
    ) -> None:
        """Build it; `run` fills it.

        transform: applied to every object before it is cached, to keep less of it
        indexers: for `by_index`; name → function from object to the values it is found under
        page_size: objects a list request; lowered when such pages turn out too large
        """
        self._client = client
        self._resource = resource
        self._into = into
        self._clock = clock
        self._rng = rng
        self._namespace = namespace
        self._label_selector = label_selector
        self._transform = transform
        self._pager = Pager(client, resource, into=into, label_selector=label_selector, page_size=page_size)
        self._silence_timeout = silence_timeout.total_seconds()
        self._store: Store[K] = Store(indexers or {})
        self._snapshots = Snapshots(self._store, self._read_pages)
        self._ahead = Ahead(self._store)
        self._handlers: list[EventHandler[K]] = []
        self.name = f"{resource.plural}.{resource.group}".rstrip(".")
        """Name of the resource, as `kubectl` accepts it."""
        self.kind = resource.kind
        self._resource_version = ""
        """Where the next watch starts; empty: list first."""
        self._last_message_at = self._confirmed_at = clock.monotonic()
        self._is_lost = False
        self._failures = 0
        self._silences = 0
        self._lists_in_a_row = 0
        self.synced = asyncio.Event()
        """Set once the first list is in the cache and has been passed to the handlers."""
        self.lists = 0
        """Complete lists so far."""
        self.handler_errors = 0
        """Calls of handlers that raised."""
        self.unreadable_objects = 0
        """Objects that could not be decoded, as often as the server sent them."""

    def get(self, key: Key) -> K | None:
        """Return the object as last received, or as last written by us; None when there is none."""
        return self._store.get(key)

    async def find(self, key: Key) -> K | None:
        """Return the object, or None when the server has none of that name either. Raises ApiError.

        What the cache lacks may exist: each kind is watched by itself, so that an object can be seen before another
        one that was made first. Ask this before you say that something is missing. While the watch is broken, what it
        has is read, too; where the server does not answer, it has to do.
        """
        cached = self._store.get(key)
        if cached is not None and not self.is_behind:
            return cached
        if self._namespace and key.namespace != self._namespace:
            return cached
        return await (self._read(key) if cached is None else self._read_anew(key, cached))

    async def _read_anew(self, key: Key, cached: K) -> K | None:
        """Return an object as it is on the server, where that says so in time, and surely."""
        operation = describe_request("get", self._resource, key.namespace, key.name)
        request = self._client.get(self._resource, key.namespace, key.name, into=msgspec.Raw)
        try:
            found = decode_object(await wait_for(self._clock, READ_SECONDS, request), self._into, operation=operation)
        except NotFound as error:  # the cache hears of it by the watch, or a list
            return None if error.is_explained else cached
        except (ApiError, TimeoutError):
            return cached
        if isinstance(found, UnreadableObject) or key_of(found) != key:
            return cached
        found = self._apply_transform(found)
        self._notify_handlers(self._store.record_write(found, replaces=""))
        return found

    async def _read(self, key: Key) -> K | None:
        """Return an object that the cache lacks."""
        operation = describe_request("get", self._resource, key.namespace, key.name)
        try:
            raw = await self._client.get(self._resource, key.namespace, key.name, into=msgspec.Raw)
        except (NotFound, Invalid):  # Invalid: no object can have such a name
            return None
        found = decode_object(raw, self._into, operation=operation)
        if isinstance(found, UnreadableObject):  # as in the cache: one odd object must not fail whoever names it
            self._report(found)
            return None
        found = self._apply_transform(found)
        self._ahead.add([found])
        return found

    async def list_now(self, namespace: str, *, as_of: str | None = None) -> "Objects[K]":
        """Return the objects of a namespace as they were at a moment or later, in no order. Raises ApiError.

        The cache may be behind what another watch has already brought: see `find`. The server is asked only where
        nothing that is known reaches that moment, and one answer serves all whom it does.
        as_of: resourceVersion of an object, of this or another kind: custom resources are numbered together. None: now.
        """
        if self._namespace and namespace != self._namespace:
            return []
        found = await self._snapshots.list(namespace, as_of)
        self._ahead.add(found)
        return found

    def by_index(self, index: str, value: str) -> list[K]:
        """List the objects that the indexer finds under `value`, in no order. KeyError for an unknown index."""
        return self._store.by_index(index, value)

    def list(self, namespace: str = "") -> list[K]:
        """List all objects, or those of one namespace, in no particular order."""
        return self._store.list(namespace)

    def add_indexers(self, indexers: Mapping[str, Callable[[K], Iterable[str]]]) -> None:
        """Have `by_index` find objects in further ways."""
        self._store.add_indexers(indexers)

    def add_handler(self, handler: EventHandler[K]) -> None:
        """Call `handler(old, new)` for every change of the cache; what it holds already counts as added now.

        An exception in a handler is logged and counted, and the other handlers still run.
        """
        self._handlers.append(handler)
        for obj in self._store.list():
            self._call(handler, None, obj)

    def record_write(self, obj: K, *, replaces: str = "") -> None:
        """Read your writes: the answer to our own write enters the cache if it is newer, and handlers are called.

        The watch's events up to it are then ignored. An object that has left the cache does not come back.
        replaces: resourceVersion that was written upon; only for servers whose versions are not numbers, where the
        answer is taken only if the cache still holds that version, and later events are taken as they come.
        """
        self._notify_handlers(self._store.record_write(self._apply_transform(obj), replaces=replaces))

    def is_stale(self) -> bool:
        """Return whether the server has not confirmed the cache (list, event or bookmark) for too long, or never."""
        return not self.synced.is_set() or self.staleness_seconds > STALE_AFTER * self._silence_timeout

    @property
    def is_behind(self) -> bool:
        """Whether the server has said nothing (list, event, bookmark) since the watch was broken.

        Never of a part of a kind: whether an object still belongs to it only a list tells.
        """
        return self._is_lost and not self._label_selector

    @property
    def staleness_seconds(self) -> float:
        """Return how long ago the server last confirmed the cache (list, event or bookmark); before that, its age."""
        return self._clock.monotonic() - self._confirmed_at

    async def run(self) -> None:
        """Follow the server until cancelled."""
        while True:
            delay = await self._list_and_watch()
            if delay > 0:
                await self._clock.sleep(delay)

    async def _list_and_watch(self) -> float:
        """List, if needed, and watch once; return the seconds to wait before the next watch."""
        began = self._clock.monotonic()
        try:
            if not self._resource_version:
                await self._list_all()
                began = self._clock.monotonic()
            silent = await self._watch()
        except ApiError as error:
            return self._handle_error(error)
        if silent:
            self._count_silence()
            return 0
        if self._clock.monotonic() - began >= MIN_WATCH_SECONDS:
            self._failures = 0
            return 0
        self._failures += 1
        self._is_lost = True
        return self._delay()

    async def _list_all(self) -> None:
        self._store.begin_list()
        listed = await self._read_pages(self._namespace)
        self._resource_version = listed.resource_version
        self.lists += 1
        self._lists_in_a_row += 1
        self._confirm()
        self._snapshots.clear()
        changes = self._store.replace(listed.objects, listed.resource_version)
        self._notify_handlers(changes + self._ahead.settle_all())
        self.synced.set()

    async def _read_pages(self, namespace: str) -> Snapshot[K]:
        objects: list[K] = []
        version = ""
        async for page in self._pager.pages(namespace):
            objects += map(self._apply_transform, page.items)
            for unreadable in page.unreadable:
                self._report(unreadable)
            version = page.resource_version
        return Snapshot(objects, version)

    async def _watch(self) -> bool:
        """Follow one watch to its end; return whether it was left because it fell silent."""
        self._last_message_at = self._clock.monotonic()
        consumer = asyncio.create_task(self._consume())
        watchdog = asyncio.create_task(self._await_silence())
        try:
            await asyncio.wait((consumer, watchdog), return_when=asyncio.FIRST_COMPLETED)
        finally:
            consumer.cancel()
            watchdog.cancel()
            await asyncio.gather(consumer, watchdog, return_exceptions=True)
        if consumer.cancelled():
            return True
        consumer.result()
        return False

    async def _consume(self) -> None:
        events = self._client.watch(
            self._resource,
            into=self._into,
            namespace=self._namespace,
            label_selector=self._label_selector,
            resource_version=self._resource_version,
            timeout_seconds=self._rng.randint(*WATCH_TIMEOUT_SECONDS),
        )
        async with aclosing(events):
            async for event in events:
                self._apply(event)

    async def _await_silence(self) -> None:
        while (left := self._last_message_at + self._silence_timeout - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)

    def _apply(self, event: WatchEvent[K]) -> None:
        self._resource_version = event.resource_version
        self._failures = self._silences = self._lists_in_a_row = 0
        self._confirm()
        match event:
            case ObjectEvent("DELETED", obj):
                changes = self._store.remove(self._apply_transform(obj))
                self._notify_handlers(self._ahead.settle(key_of(obj), changes))
            case ObjectEvent(_, obj):
                changes = self._store.put(self._apply_transform(obj))
                self._notify_handlers(self._ahead.settle(key_of(obj), changes))
            case Bookmark(resource_version):
                self._store.advance(resource_version)
                self._snapshots.drop_outdated()
            case UnreadableObject(key):
                self._report(event)
                self._store.advance(event.resource_version)
                self._notify_handlers(self._ahead.settle(key, self._store.drop(key)))

    def _confirm(self) -> None:
        self._last_message_at = self._confirmed_at = self._clock.monotonic()
        self._is_lost = False

    def _handle_error(self, error: ApiError) -> float:
        self._failures += 1
        self._is_lost = True
        hopeless = self._failures >= FAILURES_BEFORE_RELIST and not isinstance(error, Unreachable | Throttled)
        if isinstance(error, Gone) or hopeless:
            self._resource_version = ""
        longest = MAX_UNREACHABLE_DELAY_SECONDS if isinstance(error, Unreachable) else MAX_DELAY_SECONDS
        longest = MAX_LIST_DELAY_SECONDS if self._lists_in_a_row > FAILURES_BEFORE_RELIST else longest
        delay = max(self._delay(longest), error.retry_after or 0)
        # A single failure is normal (a restarted API server); only a series deserves attention.
        level = logging.INFO if self._failures == 1 else logging.ERROR
        fields = {logkey.ATTEMPT: self._failures, logkey.DELAY: delay, logkey.ERROR: str(error)}
        log.log(level, "lost touch with the API server", extra=self._fields() | fields)
        return delay

    def _count_silence(self) -> None:
        self._silences += 1
        self._is_lost = True
        if self._silences > 1:
            self._resource_version = ""
        log.info("watch fell silent", extra=self._fields() | {logkey.ATTEMPT: self._silences})

    def _delay(self, longest: float = MAX_DELAY_SECONDS) -> float:
        longest = min(FIRST_DELAY_SECONDS * 2.0 ** (min(self._failures, 16) - 1), longest)
        return longest * self._rng.uniform(0.5, 1)

    def _apply_transform(self, obj: K) -> K:
        return self._transform(obj) if self._transform else obj

    def _notify_handlers(self, changes: Changes[K]) -> None:
        for old, new in changes:
            for handler in self._handlers:
                self._call(handler, old, new)

    def _call(self, handler: EventHandler[K], old: K | None, new: K | None) -> None:
        try:
            handler(old, new)
        # Not below the workqueue but beside it: one faulty handler must not blind all the others.
        except Exception:
            self.handler_errors += 1
            obj = new if new is not None else old
            with bind_fields(**self._fields(key_of(obj) if obj is not None else None)):
                log.exception("handler of a watched object failed")

    def _report(self, unreadable: UnreadableObject) -> None:
        self.unreadable_objects += 1
        with bind_fields(**self._fields(unreadable.key)):
            log.error("object cannot be read and is ignored", extra={logkey.ERROR: unreadable.error})

    def _fields(self, key: Key | None = None) -> dict[str, object]:
        fields: dict[str, object] = {logkey.KIND: self._resource.kind}
        if key is not None:
            fields |= {logkey.NAMESPACE: key.namespace, logkey.NAME: key.name}
        return fields
