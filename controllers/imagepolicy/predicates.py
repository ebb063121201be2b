"""Which changes of other objects are worth a run of a policy: pure predicates for watch handlers."""

from api.core import Namespace
from api.imagerepository import ImageRepository


def affects_policies(old: ImageRepository | None, new: ImageRepository | None) -> bool:
    """Report whether an ImageRepository's change can change a choice.

    That is: it appeared or went, its tags have a new revision, or its spec allows or names something else (the
    image, the namespaces that may use it). A scan without news concerns nobody.
    """
    if old is None or new is None:
        return old is not new
    return (
        _revision(old) != _revision(new)
        or old.status.canonical_image_name != new.status.canonical_image_name
        or old.spec.image != new.spec.image
        or old.spec.access_from != new.spec.access_from
        or old.metadata.uid != new.metadata.uid
    )


def labels_changed(old: Namespace | None, new: Namespace | None) -> bool:
    """Report whether a namespace's labels, by which access is given, are others than before.

    So are those of a namespace that appears: its policies may have been processed, and denied, before it.
    """
    return new is not None and (old is None or old.metadata.labels != new.metadata.labels)


def _revision(repository: ImageRepository) -> str | None:
    return repository.status.last_scan_result.revision if repository.status.last_scan_result else None
