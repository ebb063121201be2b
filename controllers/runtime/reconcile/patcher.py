"""One PATCH with a precondition, and what to do when somebody else was faster.

A patch is a function of the object it is applied to, so a conflict needs no second set of rules: the object is read
again and the same function decides again. Nothing is ever overwritten unseen.
"""

import logging
from collections.abc import Callable
from random import Random
from typing import Generic, Protocol, TypeVar

from api.resource import Resource
from controllers.runtime import logkey
from controllers.runtime.clock import Clock
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import Conflict, NotFound, ServerError, Throttled, Unreachable
from controllers.runtime.kube.objects import Object
from controllers.runtime.reconcile import merge_patch
from controllers.runtime.reconcile.leader import Leader

_TRIES = 5
_FIRST_WAIT_SECONDS = 0.1

T = TypeVar("T", bound=Object)


class ObjectClient(Protocol):
    """The part of `client.KubeClient` that is used here."""

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T: ...
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
    ) -> T: ...


class ObjectCache(Protocol[T]):
    """The part of `informer.Informer` that is used here."""

    def get(self, key: Key) -> T | None: ...
    def record_write(self, obj: T) -> None: ...


class ObjectPatcher(Generic[T]):
    """Writes objects of one kind. Safe for several objects at the same time."""

    def __init__(
        self,
        client: ObjectClient,
        resource: Resource,
        cache: ObjectCache[T],
        *,
        leader: Leader,
        clock: Clock,
        rng: Random,
        log: logging.Logger,
        field_manager: str,
    ) -> None:
        self._client = client
        self._resource = resource
        self._cache = cache
        self._leader = leader
        self._clock = clock
        self._rng = rng
        self._log = log
        self._field_manager = field_manager

    async def write(
        self, read: T, patch_for: Callable[[T], dict[str, object]], *, subresource: str = "status"
    ) -> T | None:
        """Send one patch, computed from `read` or from what a conflict made us read instead.

        Returns the object that the patch was computed from, also when there was nothing to send; None when the
        object is gone. Raises LostLeadership, and the last ApiError after five tries.
        """
        current, stale = read, False
        key = key_of(read)
        for attempt in range(_TRIES):
            try:
                if stale:
                    current = await self._client.get(self._resource, key.namespace, key.name, into=type(read))
                    if current.metadata.uid != read.metadata.uid:
                        return None
                    stale = False
                patch = patch_for(current)
                if not patch:
                    return current
                self._leader.check()
                body = merge_patch.merge(patch, {"metadata": {"resourceVersion": current.metadata.resource_version}})
                answer = await self._client.patch(
                    self._resource,
                    key.namespace,
                    key.name,
                    body,
                    into=type(read),
                    subresource=subresource,
                    field_manager=self._field_manager,
                )
            except NotFound:
                return None
            except (Conflict, Throttled, ServerError, Unreachable) as error:
                if attempt == _TRIES - 1:
                    raise
                stale = stale or isinstance(error, Conflict)
                self._log.debug("retrying the write", extra={logkey.ATTEMPT: attempt + 1, logkey.ERROR: str(error)})
                await self._clock.sleep(_FIRST_WAIT_SECONDS * 2**attempt * self._rng.uniform(0.5, 1.5))
            else:
                if subresource:  # the answer to a removed finalizer may be an object that is gone already
                    self._cache.record_write(answer)
                return current
        raise AssertionError("the last try returns or raises")
