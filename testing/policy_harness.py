"""A reconciler on fakes, for the tests of its runs."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from api.imagepolicy import ImagePolicy, ImagePolicyStatus, ImageRef
from api.imagerepository import ImageRepository
from controllers.image.reference import Image
from controllers.imageaccess.reader import AccessReader
from controllers.imagepolicy.metrics import ChoiceMetrics
from controllers.imagepolicy.reconciler import ImagePolicyReconciler
from controllers.registry.access import Access
from controllers.registry.errors import ImageNotFound
from controllers.registry.inspection import Inspection
from controllers.registry.provenance import Provenance
from controllers.runtime.key import Key, key_of
from controllers.runtime.reconcile.outcome import Outcome, Ready
from controllers.runtime.reconcile.run import Run
from controllers.selection.image_reader import ImageReader
from controllers.selection.tag_index_cache import TagIndexCache
from testing.builders import IMAGE, expect, image_policy, image_repository, make_run, scanned
from testing.kube import FakeKube, FakeObjects
from testing.tag_lists import FakeTagListReader

T = TypeVar("T")

APP = Key("apps", "app")
TAGS = ("1.0.0", "1.1.0", "2.0.0")
DIGEST, OLD_DIGEST = "sha256:" + "a" * 64, "sha256:" + "b" * 64
V10, V11 = ImageRef(name=IMAGE, tag="1.0.0"), ImageRef(name=IMAGE, tag="1.1.0")


@dataclass
class FakeImageRegistry:
    """Answers with a digest or what it knows of images, or fails."""

    failure: Exception | None = None
    digest_requests: list[tuple[str, str, Access, timedelta]] = field(default_factory=list)
    images: dict[str, Inspection] = field(default_factory=dict)
    inspected: list[str] = field(default_factory=list)
    provenances: dict[str, Provenance] = field(default_factory=dict)
    """By digest where one is asked for, else by tag."""
    provenance_requests: list[str] = field(default_factory=list)
    provenance_failure: Exception | None = None

    async def resolve_digest(self, image: Image, tag: str, access: Access, *, timeout: timedelta) -> str:
        self.digest_requests.append((image.name, tag, access, timeout))
        if self.failure:
            raise self.failure
        return DIGEST

    async def inspect(self, image: Image, tag: str, access: Access, *, timeout: timedelta) -> Inspection:
        self.inspected.append(tag)
        if self.failure:
            raise self.failure
        if tag not in self.images:
            raise ImageNotFound(f"GET {image.name}: MANIFEST_UNKNOWN")
        return self.images[tag]

    async def read_provenance(
        self, image: Image, tag: str, digest: str, access: Access, *, timeout: timedelta
    ) -> Provenance:
        self.provenance_requests.append(digest or tag)
        if self.provenance_failure:
            raise self.provenance_failure
        if (digest or tag) not in self.provenances:
            raise ImageNotFound(f"GET {image.name}: MANIFEST_UNKNOWN")
        return self.provenances[digest or tag]


class PolicyHarness:
    """A reconciler with a repository whose scan found TAGS."""

    def __init__(self, *tags: str, cross_namespace: bool = True) -> None:
        self.lists, self.registry, self.metrics = FakeTagListReader(), FakeImageRegistry(), CollectorRegistry()
        self.revision = self.lists.put(APP, *tags)
        self.repositories: FakeObjects[ImageRepository] = FakeObjects()
        self.labels: dict[str, dict[str, str]] = {}
        self.put(image_repository(status=scanned(self.revision)))
        self.reconciler = ImagePolicyReconciler(
            repositories=self.repositories.find,
            namespace_labels=self._labels_of,
            tags=TagIndexCache(self.lists),
            images=ImageReader(self.registry, self.registry, AccessReader(FakeKube())),
            metrics=ChoiceMetrics(self.metrics),
            cross_namespace=cross_namespace,
        )
        self.run: Run[ImagePolicy, ImagePolicyStatus]

    async def _labels_of(self, namespace: str) -> dict[str, str]:
        return self.labels.get(namespace, {})

    def put(self, repository: ImageRepository) -> None:
        self.repositories[key_of(repository)] = repository

    async def reconcile(self, policy: ImagePolicy | None = None, **facts: Any) -> Ready:
        """Do a successful pass; see `end`."""
        return expect(Ready, await self.end(policy, **facts))

    async def fail(self, kind: type[T], policy: ImagePolicy | None = None, **facts: Any) -> T:
        """Do a pass that ends otherwise; see `end`."""
        return expect(kind, await self.end(policy, **facts))

    async def end(self, policy: ImagePolicy | None = None, **facts: Any) -> Outcome:
        """Do a pass over this policy, or over one with nothing special; it is left as it is."""
        policy = policy or image_policy()
        self.run = make_run(policy, policy.status, **facts)
        return await self.reconciler.reconcile(self.run)
