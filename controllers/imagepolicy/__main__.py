"""`python -m controllers.imagepolicy`: the process that chooses tags."""

import sys
from collections.abc import Mapping
from functools import partial

from api.core import NAMESPACES, Namespace
from api.imagepolicy import IMAGE_POLICIES, ImagePolicy
from api.imagerepository import IMAGE_REPOSITORIES, ImageRepository
from controllers.imageaccess.wiring import FLAGS, SLOW_THRESHOLD, build_access_reader, build_registry_client
from controllers.imagepolicy.metrics import ChoiceMetrics
from controllers.imagepolicy.predicates import affects_policies, labels_changed
from controllers.imagepolicy.reconciler import ImagePolicyReconciler
from controllers.registry.inspection import Inspector
from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import Key, key_of
from controllers.runtime.process import flags
from controllers.runtime.process.main import main
from controllers.runtime.process.manager import Manager
from controllers.runtime.queue.workqueue import WorkQueue
from controllers.selection.image_reader import ImageReader
from controllers.selection.rules import repository_key
from controllers.selection.tag_index_cache import TagIndexCache
from controllers.taglist.reader import TagListReader
from controllers.taglist.resources import BY_REPOSITORY

NAME = "imagepolicy"
COMPONENT = "image-reflector-controller"


def build(manager: Manager) -> None:
    """Wire the process."""
    policies = manager.informer(
        IMAGE_POLICIES,
        into=ImagePolicy,
        own=True,
        indexers={BY_REPOSITORY: lambda policy: [str(repository_key(policy))]},
    )
    repositories = manager.informer(IMAGE_REPOSITORIES, into=ImageRepository)
    namespaces = manager.informer(NAMESPACES, into=Namespace)
    queue = manager.queue(NAME)
    manager.enqueue_primary(policies, queue)
    tags = TagIndexCache(TagListReader(manager.client, manager.clock))
    _watch_repositories(repositories, policies, queue, tags)
    _watch_namespaces(namespaces, policies, queue)
    registry = build_registry_client(manager)
    reconciler = ImagePolicyReconciler(
        repositories=repositories.get,
        namespace_labels=partial(_labels, namespaces),
        tags=tags,
        images=ImageReader(registry, Inspector(registry), build_access_reader(manager)),
        metrics=ChoiceMetrics(manager.metrics.registry),
        cross_namespace=not manager.options[flags.NO_CROSS_NAMESPACE_REFS],
    )
    lifecycle = manager.lifecycle(IMAGE_POLICIES, policies, reconciler, supersede_runs=True)
    manager.controller(NAME, lifecycle, queue, resource=IMAGE_POLICIES, slow_threshold=SLOW_THRESHOLD)


def _watch_repositories(
    repositories: Informer[ImageRepository], policies: Informer[ImagePolicy], queue: WorkQueue, tags: TagIndexCache
) -> None:
    def changed(old: ImageRepository | None, new: ImageRepository | None) -> None:
        repository = new or old
        if repository is not None and affects_policies(old, new):
            if new is None:
                tags.forget(key_of(repository))
            for policy in policies.by_index(BY_REPOSITORY, str(key_of(repository))):
                queue.add(key_of(policy))

    repositories.add_handler(changed)


def _watch_namespaces(namespaces: Informer[Namespace], policies: Informer[ImagePolicy], queue: WorkQueue) -> None:
    def changed(old: Namespace | None, new: Namespace | None) -> None:
        if new is not None and labels_changed(old, new):  # its labels may open or close repositories to its policies
            for policy in policies.list(new.metadata.name):
                queue.add(key_of(policy))

    namespaces.add_handler(changed)


def _labels(namespaces: Informer[Namespace], name: str) -> Mapping[str, str]:
    namespace = namespaces.get(Key("", name))
    return namespace.metadata.labels if namespace else {}


if __name__ == "__main__":
    sys.exit(main(NAME, build, sys.argv[1:], component=COMPONENT, kind_flags=FLAGS))
