"""`python -m controllers.imagerepository`: the process that scans registries."""

import sys

from api.imagerepository import ImageRepository
from api.names import IMAGE_REPOSITORIES, IMAGE_TAG_LISTS
from controllers.imageaccess.wiring import (
    FLAGS,
    SLOW_THRESHOLD,
    build_access_reader,
    build_registry_client,
    registry_host,
)
from controllers.imagerepository.metrics import INTERVAL, LAST_SCAN, MissedHooks, last_scan, scan_interval
from controllers.imagerepository.reconciler import ImageRepositoryReconciler
from controllers.runtime.process.kind import Kind
from controllers.runtime.process.main import Program, main
from controllers.runtime.process.process import Process
from controllers.runtime.queue.workqueue import Lane
from controllers.taglist.resources import BY_REPOSITORY, ChunkHeader, drop_long_data, repository_key
from controllers.taglist.writer import TagListWriter
from controllers.telemetry.objects import show_objects

COMPONENT = "image-reflector-controller"


def build(process: Process) -> None:
    """Declare the kind: an ImageRepository is scanned when it is due, changes, or loses a chunk of its tags."""
    headers = process.informer(
        IMAGE_TAG_LISTS,
        into=ChunkHeader,
        transform=drop_long_data,
        indexers={BY_REPOSITORY: lambda header: [str(repository_key(header))]},
    )
    repositories = Kind(process, IMAGE_REPOSITORIES, into=ImageRepository, component=COMPONENT, host_of=registry_host)
    repositories.watch(headers, when=_is_deletion, wake=lambda header: [repository_key(header)], lane=Lane.RESYNC)
    show_objects(
        process,
        repositories,
        image_of=lambda repository: repository.status.canonical_image_name,
        samples={LAST_SCAN: last_scan, INTERVAL: scan_interval},
    )
    missed = MissedHooks(process.metrics.registry)
    repositories.reconcile_with(
        ImageRepositoryReconciler(
            build_registry_client(process),
            build_access_reader(process),
            TagListWriter(process.client, headers, field_manager=COMPONENT),
            missed=missed,
        ),
        forget=missed.forget,
        supersede_runs=True,
        slow_threshold=SLOW_THRESHOLD,
    )


def _is_deletion(old: ChunkHeader | None, new: ChunkHeader | None) -> bool:
    """Return whether somebody deleted a chunk, which is then written again."""
    return old is not None and new is None


PROGRAM = Program("imagerepository", build, FLAGS)

if __name__ == "__main__":
    sys.exit(main([PROGRAM], sys.argv[1:]))
