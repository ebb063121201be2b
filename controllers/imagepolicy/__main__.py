"""`python -m controllers.imagepolicy`: the process that chooses tags."""

import sys
from collections.abc import Awaitable, Callable, Mapping

from api.core import Namespace
from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES, NAMESPACES
from controllers.imageaccess.wiring import (
    FLAGS,
    SLOW_THRESHOLD,
    build_access_reader,
    build_registry_client,
    registry_host,
)
from controllers.imagepolicy.metrics import ChoiceMetrics, held_updates
from controllers.imagepolicy.predicates import affects_policies, labels_changed, times_were_corrected
from controllers.imagepolicy.reconciler import ImagePolicyReconciler
from controllers.registry.inspection import Inspector
from controllers.runtime.key import Key, key_of
from controllers.runtime.process import flags
from controllers.runtime.process.kind import Kind
from controllers.runtime.process.main import Program, main
from controllers.runtime.process.process import Process
from controllers.selection.image_reader import ImageReader
from controllers.selection.rules import repository_key
from controllers.selection.tag_index_cache import TagIndexCache
from controllers.taglist.reader import TagListReader
from controllers.taglist.resources import BY_REPOSITORY
from controllers.telemetry.objects import HELD, show_objects

COMPONENT = "image-reflector-controller"


def build(process: Process) -> None:
    """Declare the kind: an ImagePolicy chooses anew when its repository or its namespace's labels allow another tag."""
    policies = Kind(
        process,
        IMAGE_POLICIES,
        into=ImagePolicy,
        component=COMPONENT,
        indexers={BY_REPOSITORY: lambda policy: [str(repository_key(policy))]},
        host_of=lambda policy: registry_host(repo) if (repo := repositories.get(repository_key(policy))) else "",
    )
    repositories = process.informer(IMAGE_REPOSITORIES, into=ImageRepository)
    tags = TagIndexCache(TagListReader(process.client, process.clock))

    def policies_of(repository: ImageRepository) -> list[Key]:
        return [key_of(policy) for policy in policies.objects.by_index(BY_REPOSITORY, str(key_of(repository)))]

    def forget_tags(old: ImageRepository | None, new: ImageRepository | None) -> None:
        if old is not None and (new is None or times_were_corrected(old, new)):
            tags.forget(key_of(old))

    repositories.add_handler(forget_tags)
    policies.watch(repositories, when=affects_policies, wake=policies_of)
    registry = build_registry_client(process)
    reconciler = ImagePolicyReconciler(
        repositories=repositories.find,
        namespace_labels=_watch_namespaces(process, policies),
        tags=tags,
        images=ImageReader(registry, Inspector(registry), build_access_reader(process)),
        metrics=ChoiceMetrics(process.metrics.registry),
        cross_namespace=not (process.watched_namespace or process.options[flags.NO_CROSS_NAMESPACE_REFS]),
    )
    show_objects(process, policies, image_of=_image_of, samples={HELD: held_updates})
    policies.reconcile_with(reconciler, forget=reconciler.forget, supersede_runs=True, slow_threshold=SLOW_THRESHOLD)


def _image_of(policy: ImagePolicy) -> str:
    return policy.status.latest_ref.name if policy.status.latest_ref else ""


def _watch_namespaces(process: Process, policies: Kind[ImagePolicy]) -> Callable[[str], Awaitable[Mapping[str, str]]]:
    """Wake policies when the labels of their namespace change, and return what looks labels up.

    Where one namespace is watched, no other may refer to it, and a Role cannot let Namespaces be read.
    """
    if process.watched_namespace:
        return _no_labels
    namespaces = process.informer(NAMESPACES, into=Namespace)

    def policies_in(namespace: Namespace) -> list[Key]:
        return [key_of(policy) for policy in policies.objects.list(namespace.metadata.name)]

    async def labels_of(name: str) -> Mapping[str, str]:
        namespace = await namespaces.find(Key("", name))
        return namespace.metadata.labels if namespace else {}

    policies.watch(namespaces, when=labels_changed, wake=policies_in)
    return labels_of


async def _no_labels(_: str) -> Mapping[str, str]:
    return {}


PROGRAM = Program("imagepolicy", build, FLAGS)

if __name__ == "__main__":
    sys.exit(main([PROGRAM], sys.argv[1:]))
