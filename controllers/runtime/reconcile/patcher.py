"""One PATCH with a precondition, and what to do when another writer was faster.

A patch is a function of the object it is applied to, so a conflict needs no second set of rules: the object is read
again and the same function decides again. Nothing is overwritten unread.
"""

import logging
from collections.abc import Callable
from hashlib import blake2b
from random import Random
from typing import Final, Generic, TypeVar

import msgspec
from cachetools import TTLCache

from api.resource import Resource
from controllers.clock import Clock
from controllers.runtime import logkey
from controllers.runtime.key import key_of
from controllers.runtime.kube.errors import Conflict, NotFound, ServerError, Throttled, Unreachable
from controllers.runtime.kube.objects import ReconciledObject
from controllers.runtime.kube.protocols import Cache, Client
from controllers.runtime.reconcile import merge_patch
from controllers.runtime.reconcile.leader import Leader

_TRIES = 5
_FIRST_WAIT_SECONDS = 0.1
_MAX_IDLE: Final = 10_000
"""Objects."""
IDLE_SECONDS: Final = 600
"""After this a write that had no effect is tried again: by then the CRD may have the fields that it lacked."""

T = TypeVar("T", bound=ReconciledObject)


class ObjectPatcher(Generic[T]):
    """Writes objects of one kind. Safe for several objects at the same time."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        cache: Cache[T],
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
        self._idle: TTLCache[tuple[str, str], bytes] = TTLCache(_MAX_IDLE, IDLE_SECONDS, timer=clock.monotonic)

    async def patch(
        self, read: T, patch_for: Callable[[T], dict[str, object]], *, subresource: str = "status"
    ) -> T | None:
        """Send one patch, computed from `read` or from what a conflict made us read instead.

        Return the object that the patch was computed from, also when there was nothing to send; None when the
        object is gone. Raises LostLeadership, and the last ApiError after five tries.
        A patch that changed nothing is not sent again for IDLE_SECONDS, unless the object changes: its fields are
        unknown to the CRD, which is older than this program.
        """
        current, stale = read, False
        key, idle = key_of(read), (read.metadata.uid, subresource)
        for attempt in range(_TRIES):
            try:
                if stale:
                    current = await self._client.get(self._resource, key.namespace, key.name, into=type(read))
                    if current.metadata.uid != read.metadata.uid:
                        return None
                    stale = False
                changes = patch_for(current)
                if not changes:
                    return current
                self._leader.check()
                body = merge_patch.merge(changes, {"metadata": {"resourceVersion": current.metadata.resource_version}})
                if self._is_idle(idle, body):
                    return current
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
                if answer.metadata.resource_version == current.metadata.resource_version:
                    self._idle[idle] = _digest(body)
                if subresource:  # the answer to a removed finalizer may be an object that is gone already
                    self._cache.record_write(answer)
                return current
        raise AssertionError("the last try returns or raises")

    def _is_idle(self, subject: tuple[str, str], body: dict[str, object]) -> bool:
        """Report whether this very patch has had no effect lately."""
        try:
            return self._idle[subject] == _digest(body)
        except KeyError:
            return False


def _digest(body: dict[str, object]) -> bytes:
    return blake2b(msgspec.json.encode(body), digest_size=16).digest()
