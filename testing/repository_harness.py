"""A reconciler on a fake registry and a fake API, for the tests of its runs."""

from datetime import timedelta
from typing import Any, TypeVar

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from api.imagerepository import ImageRepository, ImageRepositoryStatus
from api.imagetaglist import ImageTagList
from api.meta import Condition
from api.names import READY, RECONCILING
from controllers.imageaccess.reader import AccessReader
from controllers.imagerepository.metrics import MissedHooks
from controllers.imagerepository.reconciler import ImageRepositoryReconciler
from controllers.runtime.reconcile.outcome import Outcome, Ready
from controllers.runtime.reconcile.run import Run
from controllers.taglist.writer import TagListWriter
from testing.builders import expect, image_repository, make_run
from testing.clock import START
from testing.kube import FakeKube
from testing.tag_lists import FakeHeaders, FakeTagLister

T = TypeVar("T")

MINUTE = timedelta(minutes=1)
INTERVAL = 10 * MINUTE


class RepositoryHarness:
    """A reconciler with a registry and an API; `repository` is what the last run left."""

    def __init__(self, kube: FakeKube | None = None) -> None:
        self.kube, self.registry = kube or FakeKube(), FakeTagLister()
        self.repository = image_repository()
        self.run: Run[ImageRepository, ImageRepositoryStatus]
        self.restart()

    def restart(self) -> None:
        """Begin with a new process: what the old one knew is gone."""
        self.metrics = CollectorRegistry()
        self.missed = MissedHooks(self.metrics)
        self.headers = FakeHeaders(self.kube)
        self.writer = TagListWriter(self.kube, self.headers, field_manager="test")
        self.reconciler = ImageRepositoryReconciler(
            self.registry, AccessReader(self.kube), self.writer, missed=self.missed
        )

    async def reconcile(self, **facts: Any) -> Ready:
        """Do a successful pass; see `end`."""
        return expect(Ready, await self.end(**facts))

    async def fail(self, kind: type[T], **facts: Any) -> T:
        """Do a pass that ends otherwise; see `end`."""
        return expect(kind, await self.end(**facts))

    async def end(
        self, *, after: timedelta = timedelta(0), spec: dict[str, Any] | None = None, **facts: Any
    ) -> Outcome:
        """Do a pass, `after` so long from START, with a changed spec; facts are kept as the lifecycle does."""
        self.registry.asked.clear()
        self.registry.heads.clear()
        self.kube.requests.clear()
        if spec:
            self.repository = replace(self.repository, spec=replace(self.repository.spec, **spec))
        self.run = make_run(self.repository, self.repository.status, now=START + after, **facts)
        try:
            return await self.reconciler.reconcile(self.run)
        finally:
            self.repository = replace(self.repository, status=self.run.status)

    def record_failure(self, ready: str = "False") -> None:
        """Write into the status what the lifecycle does after a failed run."""
        conditions = (
            Condition(
                type=RECONCILING,
                status="True",
                reason="ProgressingWithRetry",
                message=self.run.progress,
                last_transition_time=START,
            ),
            Condition(type=READY, status=ready, reason="Any", message="it failed", last_transition_time=START),
        )
        self.repository = replace(self.repository, status=replace(self.repository.status, conditions=conditions))

    @property
    def scanned(self) -> bool:
        return bool(self.registry.asked)

    @property
    def chunks(self) -> list[ImageTagList]:
        return self.kube.all("imagetaglists", ImageTagList)
