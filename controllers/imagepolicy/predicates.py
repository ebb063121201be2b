"""Which changes of other objects are worth a run of a policy: pure predicates for watch handlers."""

from api.core import Namespace
from api.imagerepository import ImageRepository


def affects_policies(old: ImageRepository | None, new: ImageRepository | None) -> bool:
    """Report whether an ImageRepository's change can change a choice.

    It does when the repository appears or is deleted, when its tags have a new revision, and when its spec names
    another image or gives access to other namespaces. A scan without news does not, unless it corrects times.
    """
    if old is None or new is None:
        return old is not new
    return (
        _revision(old) != _revision(new)
        or times_were_corrected(old, new)
        or old.status.canonical_image_name != new.status.canonical_image_name
        or old.spec.image != new.spec.image
        or old.spec.access_from != new.spec.access_from
        or old.metadata.uid != new.metadata.uid
    )


def times_were_corrected(old: ImageRepository | None, new: ImageRepository | None) -> bool:
    """Report whether a scan is dated before the last one: the scanner's clock was wrong, and it dates tags anew."""
    before = old.status.last_scan_result if old else None
    after = new.status.last_scan_result if new else None
    return before is not None and after is not None and after.scan_time < before.scan_time


def labels_changed(old: Namespace | None, new: Namespace | None) -> bool:
    """Report whether a namespace's labels, by which access is given, have changed.

    Those of a new namespace count as changed: its policies may have run, and been denied, before it was in the cache.
    """
    return new is not None and (old is None or old.metadata.labels != new.metadata.labels)


def _revision(repository: ImageRepository) -> str | None:
    return repository.status.last_scan_result.revision if repository.status.last_scan_result else None
