"""Follows the objects as a user would with `kubectl get --watch`, and says when something has happened."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final

from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.imageupdateautomation import ImageUpdateAutomation
from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import Key
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.reconcile.conditions import is_ready

DEADLINE_SECONDS: Final = 1_800


class Observer:
    """Caches of the three kinds. `wait_for` returns when something holds for all objects, or for one."""

    def __init__(self, client: KubeClient) -> None:
        def informer(resource: Any, into: Any) -> Any:
            return Informer(client, resource, into=into, clock=SYSTEM_CLOCK, rng=Random())  # noqa: S311

        self.repositories: Informer[ImageRepository] = informer(IMAGE_REPOSITORIES, ImageRepository)
        self.policies: Informer[ImagePolicy] = informer(IMAGE_POLICIES, ImagePolicy)
        self.automations: Informer[ImageUpdateAutomation] = informer(IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation)
        self._all: tuple[Any, ...] = (self.repositories, self.policies, self.automations)
        self._changed = asyncio.Event()
        for one in self._all:
            one.add_handler(lambda old, new: self._changed.set())

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Observer"]:
        """Follow the objects."""
        tasks = [asyncio.create_task(one.run()) for one in self._all]
        try:
            await asyncio.gather(*(one.synced.wait() for one in self._all))
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def wait_for(self, informer: Informer[Any], holds: Callable[[Any], bool], *keys: Key) -> float:
        """Return the moment at which something held for each of these objects, by default all. Raises TimeoutError."""
        left = list(keys) or [Key(one.metadata.namespace, one.metadata.name) for one in informer.list()]
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            self._changed.clear()
            left = [key for key in left if (obj := informer.get(key)) is None or not holds(obj)]
            if not left:
                return time.monotonic()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(left)} objects, {left[0]} for one: {informer.get(left[0])}")
            await self._changed.wait()
            await asyncio.sleep(min(0.25, 0.00002 * len(left)))  # not a look at thousands for each change

    async def wait_settled(self, newest: str) -> dict[str, float]:
        """Return by kind when all objects were ready, and every policy's newest tag was written."""

        def is_written(one: ImageUpdateAutomation) -> bool:
            tags = [image.tag for image in one.status.observed_policies.values()]
            return bool(tags) and set(tags) == {newest} and len(tags) == self._count_selected(one) and is_settled(one)

        return {
            "repositories": await self.wait_for(self.repositories, is_settled),
            "policies": await self.wait_for(self.policies, is_settled),
            "automations": await self.wait_for(self.automations, is_written),
        }

    def _count_selected(self, automation: ImageUpdateAutomation) -> int:
        selector = automation.spec.policy_selector
        labels = selector.match_labels if selector else {}
        beside = self.policies.list(automation.metadata.namespace)
        return sum(labels.items() <= policy.metadata.labels.items() for policy in beside)


def is_settled(obj: Any) -> bool:
    """Return whether an object is ready for its generation."""
    return obj.status.observed_generation == obj.metadata.generation and is_ready(obj.status.conditions)
