"""The client's interface over an embedded API: the same methods, answers and errors as `kube.client.KubeClient`.

Answers are decoded from JSON as those of a server, so an object that does not fit a type is reported in the same way.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from typing import Final, TypeAlias

import msgspec

from api.resource import Resource
from controllers.clock import Clock
from controllers.runtime.embedded.history import Change, Ended, Subscription, Tick
from controllers.runtime.embedded.selectors import parse_selector, selects
from controllers.runtime.embedded.served import Json
from controllers.runtime.embedded.store import ObjectStore, Request, with_version
from controllers.runtime.kube import serializer
from controllers.runtime.kube.errors import Gone, Invalid, NotFound, Unreachable
from controllers.runtime.kube.paths import describe_request, request_path
from controllers.runtime.kube.serializer import Bookmark, ChangeType, K, Page, T, UnreadableObject, WatchEvent

BOOKMARK_SECONDS: Final = 60.0
"""The API server's period."""
_KEPT_LISTS: Final = 32

_Bodies: TypeAlias = list[bytes]  # `list` is a method below


class EmbeddedClient:
    """Typed requests to an embedded API. Raises what `KubeClient` raises; there is no network that could fail."""

    def __init__(self, store: ObjectStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._rest_of_lists: OrderedDict[str, tuple[str, _Bodies]] = OrderedDict()
        self._lists = 0
        self.watches: set[Subscription] = set()
        """Those that run."""

    @property
    def has_undelivered_events(self) -> bool:
        """Whether a watch has not been handed everything that has happened."""
        return any(not subscription.items.empty() for subscription in self.watches)

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T:
        """Return one object."""
        request = await _begin("get", resource, namespace, name)
        return serializer.decode(self._store.get(request), into, operation=request.operation)

    async def list(
        self,
        resource: Resource,
        *,
        into: type[T],
        namespace: str = "",
        label_selector: str = "",
        limit: int = 500,
        continue_: str = "",
        resource_version: str = "",
    ) -> Page[T]:
        """Return one page; all pages of a list show the same moment. Raises Gone for an old `continue_`."""
        request = await _begin("list", resource, namespace)
        if continue_:
            version, bodies = self._take_rest(continue_, request.operation)
        else:
            parse_selector(label_selector)
            version = self._store.version
            bodies = self._store.list(request)
            if label_selector:
                bodies = [body for body in bodies if selects(label_selector, body)]
        limit = limit or len(bodies)
        token = self._keep_rest(version, bodies[limit:]) if bodies[limit:] else ""
        items: list[T] = []
        unreadable: list[UnreadableObject] = []
        for body in bodies[:limit]:
            obj = serializer.decode_object(body, into, operation=request.operation)
            if isinstance(obj, UnreadableObject):
                unreadable.append(obj)
            else:
                items.append(obj)
        return Page(items, version, token, tuple(unreadable))

    async def watch(
        self,
        resource: Resource,
        *,
        into: type[K],
        namespace: str = "",
        label_selector: str = "",
        resource_version: str,
        timeout_seconds: int,
    ) -> AsyncGenerator[WatchEvent[K], None]:
        """Yield what happens after `resource_version`, bookmarks included, until the time is over. Raises Gone."""
        request = await _begin("watch", resource, namespace)
        operation = request.operation
        kind = self._store.kinds.find(resource, operation)
        parse_selector(label_selector)
        since = _parse_version(resource_version, operation)
        subscription = self._store.history.subscribe(*kind.name, namespace, since=since, operation=operation)
        self.watches.add(subscription)
        timer = asyncio.create_task(self._time(subscription, timeout_seconds))
        try:
            while True:
                match await subscription.items.get():
                    case Change() as change:
                        if event := _event(change, label_selector):
                            body = self._store.in_version(kind, resource, event[1])
                            yield serializer.decode_change(event[0], body, into, operation=operation)
                    case Tick(version):
                        yield Bookmark(version)
                    case Ended(error):
                        if error is not None:
                            raise error
                        return
        finally:
            timer.cancel()
            self.watches.discard(subscription)
            self._store.history.remove(subscription)

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: object,
        *,
        into: type[T],
        name: str = "",
        subresource: str = "",
        dry_run: bool = False,
    ) -> T:
        """Create an object and return it as it is stored. Raises AlreadyExists, Invalid.

        dry_run: answer in the same way, and keep nothing.
        Subresources cannot be created here: nobody issues tokens for ServiceAccounts.
        """
        request = await _begin("create", resource, namespace, name, subresource, dry_run=dry_run)
        if subresource:
            raise NotFound(request.operation, f"there is no {subresource} without a cluster", status=404)
        stored = self._store.create(request, _plain(body, request))
        return serializer.decode(stored, into, operation=request.operation)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: object,
        *,
        into: type[T],
        subresource: str = "",
        field_manager: str = "",
    ) -> T:
        """Apply a JSON merge patch and return the object after it. Raises Conflict, Invalid, NotFound."""
        request = await _begin("patch", resource, namespace, name, subresource)
        stored = self._store.patch(request, _plain(body, request), subresource=subresource)
        return serializer.decode(stored, into, operation=request.operation)

    async def replace(
        self, resource: Resource, namespace: str, name: str, body: object, *, into: type[T], dry_run: bool = False
    ) -> T:
        """Put a whole object in place of another one, whose status stays. Raises Conflict, Invalid, NotFound.

        dry_run: answer in the same way, and keep nothing.
        """
        request = await _begin("replace", resource, namespace, name, dry_run=dry_run)
        stored = self._store.replace(request, _plain(body, request))
        return serializer.decode(stored, into, operation=request.operation)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None:
        """Ask for deletion; an object that is not there is fine. Raises Conflict for another `uid`."""
        request = await _begin("delete", resource, namespace, name)
        try:
            self._store.delete(request, uid=uid)
        except NotFound:
            return

    async def close(self) -> None:
        """End the running watches, as a connection that is closed does."""
        for subscription in self.watches:
            subscription.items.put_nowait(Ended(Unreachable("watch", "the client was closed")))

    async def _time(self, subscription: Subscription, timeout_seconds: float) -> None:
        """Hand bookmarks to a watch, and its end."""
        left = float(timeout_seconds)
        while left > 0:
            await self._clock.sleep(min(left, BOOKMARK_SECONDS))
            left -= BOOKMARK_SECONDS
            subscription.items.put_nowait(Tick(self._store.version) if left > 0 else Ended())

    def _keep_rest(self, version: str, bodies: _Bodies) -> str:
        self._lists += 1
        token = str(self._lists)
        self._rest_of_lists[token] = (version, bodies)
        if len(self._rest_of_lists) > _KEPT_LISTS:
            self._rest_of_lists.popitem(last=False)
        return token

    def _take_rest(self, token: str, operation: str) -> tuple[str, _Bodies]:
        try:
            return self._rest_of_lists.pop(token)
        except KeyError:
            text = "The provided continue parameter is too old; begin again"
            raise Gone(operation, text, status=410, reason="Expired") from None


async def _begin(
    verb: str, resource: Resource, namespace: str, name: str = "", subresource: str = "", *, dry_run: bool = False
) -> Request:
    """Return a request whose address is valid; let others run first, as a real request does."""
    request_path(resource, namespace, name, subresource)
    await asyncio.sleep(0)
    operation = describe_request(verb, resource, namespace, name, subresource)
    return Request(operation, resource, namespace, name, is_dry_run=dry_run)


def _plain(body: object, request: Request) -> Json:
    """Return what a server would read of a body."""
    try:
        plain = msgspec.json.decode(serializer.encode(body))
    except (TypeError, ValueError, UnicodeEncodeError) as error:
        raise Invalid(request.operation, f"not JSON: {error}", status=400) from None
    if not isinstance(plain, dict):
        raise Invalid(request.operation, "not an object", status=400)
    return plain


def _parse_version(text: str, operation: str) -> int:
    if not text.isdecimal():
        raise Invalid(operation, f'resourceVersion: Invalid value: "{text}"', status=400)
    return int(text)


def _event(change: Change, label_selector: str) -> tuple[ChangeType, bytes] | None:
    """Return what a change is for a watch with a selector, and the object; None when it never saw that."""
    old, new = (
        body if body is not None and selects(label_selector, body) else None for body in (change.old, change.new)
    )
    if new is not None:
        return ("ADDED" if old is None else "MODIFIED"), new
    # As it was when it was seen last, with the version of what took it away.
    return None if old is None else ("DELETED", with_version(old, change.version))
