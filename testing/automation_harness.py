"""A reconciler on a fake remote, for the tests of its runs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from api.core import Namespace
from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy, ImageRef, ImageSource
from api.imageupdateautomation import ImageUpdateAutomation, ImageUpdateAutomationStatus, PushSpec
from api.meta import LocalObjectReference
from controllers.forge.model import Forge
from controllers.gitaccess.branches import Gates
from controllers.gitaccess.source import SourceReader
from controllers.imageupdateautomation.metrics import PushMetrics
from controllers.imageupdateautomation.reconciler import ImageUpdateAutomationReconciler
from controllers.pullrequests.metrics import PullRequestMetrics
from controllers.runtime.key import key_of
from controllers.runtime.reconcile.outcome import Outcome, Ready
from controllers.runtime.reconcile.run import Run
from testing.builders import automation, expect, git_repository, git_spec, image_policy, make_run, secret
from testing.clock import START
from testing.fake_forge import FakeForge
from testing.fake_git import FakeClouds, FakeGit
from testing.kube import FakeKube, FakeObjects

T = TypeVar("T")

MAIN, AUTO = "refs/heads/main", "refs/heads/auto"
INTERVAL = timedelta(minutes=5)
WEB = ImageRef(name="x/web", tag="1.1.0")
NEW_WEB = replace(WEB, tag="1.2.0")
FULL_RUN_CALLS = ["list_refs", "fetch", "find_files"]


def manifest(tag: str, marker: str = "apps:web") -> bytes:
    return f'kind: Deployment\nimage: x/web:{tag} # {{"$imagepolicy": "{marker}"}}\n'.encode()


class AutomationHarness:
    """A reconciler with a remote whose branch main has one file to update, and one policy."""

    def __init__(self) -> None:
        self.git, self.kube = FakeGit(), FakeKube()
        self.git.put(MAIN, {"web.yaml": manifest("1.0.0"), "README.md": b"# fleet\n"})
        self.forge = FakeForge(self.git)
        self.wrap_forge: Callable[[Forge], Forge] = lambda forge: forge
        self.policies: FakeObjects[ImagePolicy] = FakeObjects()
        self.namespaces: FakeObjects[Namespace] = FakeObjects()
        self._sees_namespaces = True
        self.choose("web", WEB)
        self.repositories: FakeObjects[GitRepository] = FakeObjects()
        self.put(git_repository())
        self.clouds = FakeClouds(self.kube)
        self.gate()
        self.automation = automation()
        self.run: Run[ImageUpdateAutomation, ImageUpdateAutomationStatus]
        self.push_takes = timedelta()

    def restart(self) -> None:
        """Begin with a new process: what the old one knew is gone."""
        self._reconciler = self._new_reconciler()

    def forget(self) -> None:
        """Do what the process does when the automation is gone."""
        self._reconciler.forget(key_of(self.automation))

    def _new_reconciler(self) -> ImageUpdateAutomationReconciler:
        self.metrics = CollectorRegistry()
        namespaces = self.namespaces if self._sees_namespaces else None
        return ImageUpdateAutomationReconciler(
            self.git,
            self._sources,
            policies=self.policies,
            forges=lambda _access, _remote, _check: self.wrap_forge(self.forge),
            metrics=PullRequestMetrics(self.metrics),
            pushes=PushMetrics(self.metrics),
            now=lambda: self.run.now + self.push_takes,
            namespaces=namespaces,
        )

    def allow_token(self) -> None:
        """Give the repository a login that its forge takes as well."""
        self.kube.put("secrets", secret("login", username=b"bot", password=b"t0ken"))
        self.put(git_repository(secret_ref=LocalObjectReference(name="login")))

    def block_reach(self) -> None:
        """Block references to other namespaces, in a new process."""
        self._sees_namespaces = False
        self.restart()

    def put(self, repository: GitRepository) -> None:
        self.repositories[key_of(repository)] = repository

    def choose(self, name: str, ref: ImageRef | None, *sources: ImageSource, **spec: Any) -> None:
        policy = image_policy(name, latest=ref, **spec)
        policy = replace(policy, status=replace(policy.status, sources=sources))
        self.policies[key_of(policy)] = policy

    async def reconcile(self, **facts: Any) -> Ready:
        """Do a successful pass; see `end`."""
        return expect(Ready, await self.end(**facts))

    async def fail(self, kind: type[T], **facts: Any) -> T:
        """Do a pass that ends otherwise; see `end`."""
        return expect(kind, await self.end(**facts))

    async def end(self, *, after: timedelta = timedelta(0), **facts: Any) -> Outcome:
        """Do a pass, `after` so long from START; facts are kept as the lifecycle does."""
        self.git.calls.clear()
        self.run = make_run(self.automation, self.automation.status, now=START + after, **facts)
        try:
            return await self._reconciler.reconcile(self.run)
        finally:
            assert self.git.active_writers == []
            self.automation = replace(self.automation, status=self.run.status)

    def spec(self, **fields: Any) -> None:
        self.automation = replace(self.automation, spec=replace(self.automation.spec, **fields))

    def gate(self, **gates: bool) -> None:
        """Open and close feature gates, in a new process."""
        self._sources = SourceReader(
            self.kube,
            self.repositories.find,
            git=self.git,
            clouds=self.clouds.access,
            now=self.clouds.clock.now,
            cross_namespace=False,
            gates=Gates(**gates),
        )
        self._reconciler = self._new_reconciler()

    def push_to(self, **push: Any) -> None:
        self.spec(git=git_spec(push=PushSpec(**push)))

    def tip(self, ref: str = MAIN) -> str:
        return self.git.refs[ref]

    @property
    def status(self) -> ImageUpdateAutomationStatus:
        return self.automation.status
