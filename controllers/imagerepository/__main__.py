"""`python -m controllers.imagerepository`: the process that scans registries."""

import sys

from api.imagerepository import IMAGE_REPOSITORIES, ImageRepository
from api.imagetaglist import IMAGE_TAG_LISTS
from controllers.imageaccess.wiring import FLAGS, SLOW_THRESHOLD, build_access_reader, build_registry_client
from controllers.imagerepository.reconciler import ImageRepositoryReconciler
from controllers.runtime.process import flags
from controllers.runtime.process.main import main
from controllers.runtime.process.manager import Manager
from controllers.runtime.queue.workqueue import Lane
from controllers.taglist.resources import BY_REPOSITORY, ChunkHeader, repository_key
from controllers.taglist.writer import TagListWriter

NAME = "imagerepository"
COMPONENT = "image-reflector-controller"


def build(manager: Manager) -> None:
    """Wire the process."""
    repositories = manager.informer(IMAGE_REPOSITORIES, into=ImageRepository, own=True)
    headers = manager.informer(
        IMAGE_TAG_LISTS,
        into=ChunkHeader,
        indexers={BY_REPOSITORY: lambda header: [str(repository_key(header))]},
    )
    tag_lists = TagListWriter(manager.client, headers, field_manager=COMPONENT)
    reconciler = ImageRepositoryReconciler(
        build_registry_client(manager),
        build_access_reader(manager),
        tag_lists,
        jitter_percentage=manager.options[flags.INTERVAL_JITTER],
    )
    queue = manager.queue(NAME)
    manager.enqueue_primary(repositories, queue)

    def rescan_deleted_chunk(old: ChunkHeader | None, new: ChunkHeader | None) -> None:
        if old is not None and new is None:  # a chunk that somebody deleted is written again
            queue.add(repository_key(old), Lane.RESYNC)

    headers.add_handler(rescan_deleted_chunk)
    lifecycle = manager.lifecycle(IMAGE_REPOSITORIES, repositories, reconciler, supersede_runs=True)
    manager.controller(NAME, lifecycle, queue, resource=IMAGE_REPOSITORIES, slow_threshold=SLOW_THRESHOLD)


if __name__ == "__main__":
    sys.exit(main(NAME, build, sys.argv[1:], component=COMPONENT, kind_flags=FLAGS))
