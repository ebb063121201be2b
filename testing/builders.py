"""Builders for unit tests: objects with only what the test is about spelled out.

All live in namespace `apps` unless the caller says otherwise; the image is `ghcr.io/org/app`.
"""

from typing import Any, TypeVar

from api.core import Namespace, Secret
from api.gitrepository import GitRepository, GitRepositoryRef, GitRepositorySpec
from api.imagepolicy import (
    ImagePolicy,
    ImagePolicyChoice,
    ImagePolicySpec,
    ImagePolicyStatus,
    ImageRef,
    SemverPolicy,
)
from api.imagerepository import ImageRepository, ImageRepositorySpec, ImageRepositoryStatus, ScanResult
from api.imageupdateautomation import (
    CommitSpec,
    CommitUser,
    GitSpec,
    ImageUpdateAutomation,
    ImageUpdateAutomationSpec,
    ImageUpdateAutomationStatus,
    SourceReference,
)
from api.meta import AccessFrom, NamespacedObjectReference, NamespaceSelector, ObjectMeta
from controllers.runtime.key import KubeObject
from controllers.runtime.reconcile.outcome import Outcome
from controllers.runtime.reconcile.run import Run
from testing.clock import START

NAMESPACE = "apps"
IMAGE = "ghcr.io/org/app"
GIT_URL = "https://git.example/org/fleet"

T = TypeVar("T", bound=KubeObject)
S = TypeVar("S")
End = TypeVar("End")


def make_run(obj: T, status: S, **facts: Any) -> Run[T, S]:
    """Begin a run at START; facts: `requested`, `new_generation`, `now`, `jitter_percentage`, `check`."""
    return Run(obj, status, "reconciliation in progress", **{"now": START, **facts})


def expect(kind: type[End], outcome: Outcome) -> End:
    """Return the outcome of a run, which has to be of that kind."""
    assert isinstance(outcome, kind), outcome
    return outcome


def image_repository(
    name: str = "app", *, namespace: str = NAMESPACE, status: ImageRepositoryStatus | None = None, **spec: Any
) -> ImageRepository:
    """Build an ImageRepository that is scanned every ten minutes."""
    return ImageRepository(
        metadata=ObjectMeta(name=name, namespace=namespace, uid=f"uid-of-{name}", generation=1),
        spec=ImageRepositorySpec(**{"image": IMAGE, "interval": "10m", **spec}),
        status=status or ImageRepositoryStatus(),
    )


def scanned(revision: str = "1", *, image: str = IMAGE, **result: Any) -> ImageRepositoryStatus:
    """Build the status of an ImageRepository after a scan at START."""
    return ImageRepositoryStatus(
        canonical_image_name=image,
        observed_exclusion_list=(r"^.*\.sig$",),
        last_scan_result=ScanResult(**{"tag_count": 1, "scan_time": START, "revision": revision, **result}),
    )


def image_policy(
    name: str = "app",
    *,
    namespace: str = NAMESPACE,
    repository: str = "app",
    repository_namespace: str = "",
    labels: dict[str, str] | None = None,
    latest: ImageRef | None = None,
    **spec: Any,
) -> ImagePolicy:
    """Build an ImagePolicy that takes the greatest 1.x."""
    ref = NamespacedObjectReference(name=repository, namespace=repository_namespace)
    choice = ImagePolicyChoice(semver=SemverPolicy(range="1.x"))
    return ImagePolicy(
        metadata=ObjectMeta(name=name, namespace=namespace, labels=labels or {}, generation=1),
        spec=ImagePolicySpec(**{"image_repository_ref": ref, "policy": choice, **spec}),
        status=ImagePolicyStatus(latest_ref=latest),
    )


def git_repository(name: str = "fleet", *, namespace: str = NAMESPACE, **spec: Any) -> GitRepository:
    """Build a GitRepository at branch main."""
    return GitRepository(
        metadata=ObjectMeta(name=name, namespace=namespace, generation=1),
        spec=GitRepositorySpec(**{"url": GIT_URL, "interval": "1m", "ref": GitRepositoryRef(branch="main"), **spec}),
    )


def git_spec(**fields: Any) -> GitSpec:
    """Build a `spec.git` with an author."""
    return GitSpec(**{"commit": CommitSpec(author=CommitUser(name="Bot", email="bot@example.com")), **fields})


def access_from(**labels: str) -> AccessFrom:
    """Build access for the namespaces with these labels."""
    return AccessFrom(namespace_selectors=(NamespaceSelector(match_labels=labels),))


def namespace_with(name: str, **labels: str) -> Namespace:
    """Build a Namespace."""
    return Namespace(metadata=ObjectMeta(name=name, labels=labels))


def automation(
    *,
    namespace: str = NAMESPACE,
    source_namespace: str = "",
    status: ImageUpdateAutomationStatus | None = None,
    **spec: Any,
) -> ImageUpdateAutomation:
    """Build an ImageUpdateAutomation `fleet` on the GitRepository of that name, every five minutes."""
    ref = SourceReference(name="fleet", namespace=source_namespace)
    return ImageUpdateAutomation(
        metadata=ObjectMeta(name="fleet", namespace=namespace, generation=1),
        spec=ImageUpdateAutomationSpec(**{"source_ref": ref, "interval": "5m", "git": git_spec(), **spec}),
        status=status or ImageUpdateAutomationStatus(),
    )


def secret(name: str, *, type: str = "Opaque", namespace: str = NAMESPACE, **data: bytes) -> Secret:
    """Build a Secret; a key's dots are written as two underscores (`tls__crt`)."""
    return Secret(
        metadata=ObjectMeta(name=name, namespace=namespace),
        type=type,
        data={key.replace("__", "."): value for key, value in data.items()},
    )
