"""Marked secrets, and the search for them in everything that the controllers show.

A marker is unique for each place, so that a finding says where the secret came from. `Stage` is the real thing from the
lifecycle down — reconcilers, clients, Git engine — on an API in memory, with logs at debug level.
"""

import asyncio
import base64
import io
import itertools
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from api.core import Secret, ServiceAccount
from api.gitrepository import GitRepository
from api.imagepolicy import ImageRef
from api.imagerepository import ImageRepository
from api.imageupdateautomation import ImageUpdateAutomation
from api.names import IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS
from api.resource import Resource
from controllers.cloud.logins import CloudLogins
from controllers.cloud.proxies import pin_proxy
from controllers.cloudaccess.access import CloudAccess
from controllers.forge.forges import Forges
from controllers.git.engine import GitEngine
from controllers.gitaccess.source import SourceReader
from controllers.imageaccess.observer import RegistryMetrics
from controllers.imageaccess.plugins import Plugins
from controllers.imageaccess.reader import AccessReader
from controllers.imagerepository.metrics import MissedHooks
from controllers.imagerepository.reconciler import ImageRepositoryReconciler
from controllers.imageupdateautomation.metrics import PushMetrics
from controllers.imageupdateautomation.reconciler import ImageUpdateAutomationReconciler
from controllers.pullrequests.metrics import PullRequestMetrics
from controllers.registry.client import RegistryClient
from controllers.registry.dockerconfig import Credentials
from controllers.registry.settings import RegistrySettings
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import NotFound
from controllers.runtime.log import configure
from controllers.runtime.process.metrics import Metrics
from controllers.runtime.queue.workqueue import WorkQueue
from controllers.runtime.reconcile.controller import Controller
from controllers.runtime.reconcile.lifecycle import Lifecycle
from controllers.taglist.writer import TagListWriter
from testing.builders import image_policy
from testing.destinations import LOCAL_PROXIES
from testing.fake_git import FakeClouds
from testing.kube import FakeCache, FakeKube, FakeObjects
from testing.lifecycle import FakeLeader, FakeRecorder
from testing.registry_harness import RegistryClock
from testing.tag_lists import FakeHeaders

MIN_CUT = 8
"""Characters of a marker that are a finding, too: a text may have been cut within it."""


def marker(number: int) -> str:
    """Return a text that nothing else has; fit for user names, passwords, tokens and host-free parts of URLs."""
    return f"Qanary{number:03}x{number * 7919 % 1000:03}Zyx"


def find(mark: str, text: str) -> str:
    """Return the form in which a marker, or most of it, is in a text; "" where it is not."""
    texts = (text.lower(), unquote_to_bytes(text).decode("utf-8", "replace").lower())
    start = mark[: len("Qanary") + MIN_CUT - 4].lower()
    if any(start in one for one in texts):
        return "as it is"
    return "in Base64" if any(form in text for form in _base64_forms(mark)) else ""


def _base64_forms(mark: str) -> Iterator[str]:
    """Yield what is left of the marker in Base64, whatever comes before it."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + mark.encode()).decode()
        yield encoded[4 if offset else 0 : len(encoded) - 4]


class Stage:
    """Runs objects once, and keeps all that was shown of them."""

    def __init__(self, folder: Path, *, plugins: Plugins | None = None, clouds: dict[str, Any] | None = None) -> None:
        self.kube, self.clock, self.recorder = FakeKube(), RegistryClock(), FakeRecorder()
        self._numbers = itertools.count()
        self.metrics = Metrics()
        self.missed = MissedHooks(self.metrics.registry)
        self.folder = folder
        self.client = RegistryClient(
            clock=self.clock, user_agent="tagline-test", jitter=lambda: 0.0,
            observer=RegistryMetrics(self.metrics.registry), settings=RegistrySettings(destinations=LOCAL_PROXIES),
        )  # fmt: skip
        self.git = GitEngine(folder / "cache", destinations=LOCAL_PROXIES)
        logins = FakeClouds(self.kube, gate=True)
        self._clouds: CloudAccess[Credentials] | None = None
        if clouds is not None:
            self._clouds = CloudAccess(
                self.kube,
                CloudLogins(
                    self.clock, clouds, pin_proxy=partial(pin_proxy, destinations=LOCAL_PROXIES), max_size=0,
                    max_age=timedelta(hours=1),
                ),
                object_level=True, default_service_account="",
            )  # fmt: skip
        self.access = AccessReader(self.kube, clouds=self._clouds, plugins=plugins)
        self.repositories: FakeObjects[GitRepository] = FakeObjects()
        self._sources = SourceReader(
            self.kube, self.repositories.find, git=self.git, clouds=logins.access, now=self.clock.now,
            cross_namespace=False,
        )  # fmt: skip

    async def aclose(self) -> None:
        await self.client.aclose()
        await self.git.aclose()

    def put_secret(self, secret: Secret) -> None:
        self.kube.put("secrets", secret)

    def put_service_account(self, account: ServiceAccount) -> None:
        self.kube.put("serviceaccounts", account)

    async def scan(self, repository: ImageRepository) -> dict[str, str]:
        """Run an ImageRepository; return what was shown, by the name of the output."""
        writer = TagListWriter(self.kube, FakeHeaders(self.kube), field_manager="test")
        reconciler = ImageRepositoryReconciler(self.client, self.access, writer, missed=self.missed)
        return await self._run(repository, IMAGE_REPOSITORIES, reconciler)

    async def update(self, automation: ImageUpdateAutomation, repository: GitRepository) -> dict[str, str]:
        """Run an ImageUpdateAutomation on a GitRepository; return what was shown, by the name of the output."""
        self.repositories[key_of(repository)] = repository
        policy = image_policy("web", latest=ImageRef(name="x/web", tag="1.2.0"))
        policies = FakeObjects({key_of(policy): policy})
        forges = Forges(destinations=LOCAL_PROXIES, clock=self.clock)
        try:
            reconciler = ImageUpdateAutomationReconciler(
                self.git,
                self._sources,
                policies=policies,
                forges=lambda access, remote, _: forges.connect(access.location, access.login, remote),
                metrics=PullRequestMetrics(CollectorRegistry()),
                pushes=PushMetrics(CollectorRegistry()),
                now=self.clock.now,
            )
            return await self._run(automation, IMAGE_UPDATE_AUTOMATIONS, reconciler)
        finally:
            forges.close()

    async def _run(self, obj: Any, resource: Resource, reconciler: Any) -> dict[str, str]:
        with suppress(NotFound):  # what an earlier run left
            obj = replace(obj, status=(await self.kube.get(resource, *key_of(obj), into=type(obj))).status)
        self.kube.put(resource.plural, obj)
        obj = await self.kube.get(resource, *key_of(obj), into=type(obj))
        self.recorder.events.clear()
        lifecycle: Lifecycle[Any, Any] = Lifecycle(
            self.kube, resource, FakeCache(obj), reconciler, events=self.recorder, clock=self.clock,
            log=logging.getLogger("controllers.canary"), field_manager="test", leader=FakeLeader(),
            durations=self.metrics.durations.of(resource.kind),
        )  # fmt: skip
        with record_logs() as logs:
            await self._process(key_of(obj), resource.kind, lifecycle)
        stored = self.kube.get_stored(resource.plural, *key_of(obj))
        status = dict(stored["status"])
        conditions = status.pop("conditions", [])
        return {
            "conditions": json.dumps(conditions, ensure_ascii=False, default=str),
            "status": msgspec.json.encode(status).decode(),
            "events": json.dumps(self.recorder.events, ensure_ascii=False),
            "logs": logs.getvalue(),
            "metrics": self.metrics.render().decode(),
        }

    async def _process(self, key: Key, kind: str, reconcile: Any) -> None:
        """Let a controller take one key from its queue."""
        queue, done = WorkQueue(self.clock), asyncio.Event()

        async def once(key: Key) -> Any:
            try:
                return await reconcile(key)
            finally:
                done.set()

        controller = Controller(
            kind.lower(), once, queue=queue, workers=1, clock=self.clock, log=logging.getLogger("controllers.runtime"),
            metrics=self.metrics.controller(f"{kind.lower()}-{next(self._numbers)}", workers=1),
        )  # fmt: skip
        queue.add(key)
        running = asyncio.create_task(controller.run())
        await done.wait()
        controller.stop()
        await running


@contextmanager
def record_logs() -> Iterator[io.StringIO]:
    """Log at debug level, as the processes do, into memory."""
    root, ours = logging.getLogger(), logging.getLogger("controllers")
    before = (root.handlers[:], root.level, ours.level)
    stream = io.StringIO()
    configure("debug", "json", stream=stream)
    try:
        yield stream
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])
