"""Results for files that need no edit, so that they are not parsed again while nothing they name changes.

After one changed tag only the files that name its policy are parsed; after somebody's commit only the files it touched.
Content is not kept: the key of a file is its path and a hash of its bytes. This is the one part of the package with
state and a lock; what it returns is what `splice.apply` would.
"""

import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from cachetools import LRUCache

from controllers.image.ref import ImageRef
from controllers.image.setter import parse_setter
from controllers.setters.findings import FileFinding
from controllers.setters.splice import FileEdit, apply

MAX_CACHED_FILES = 20_000


@dataclass(frozen=True, slots=True)
class _CachedResult:
    """A file that needs no edit.

    policies: each policy that the file names, with the image for which nothing changes; None: there is no such policy.
    """

    policies: tuple[tuple[str, ImageRef | None], ...]
    findings: tuple[FileFinding, ...]

    def is_current(self, refs: Mapping[str, ImageRef]) -> bool:
        return all(refs.get(policy) == image for policy, image in self.policies)


class FileCache:
    """Edits files as `splice.apply` does, without parsing where it can. Bounded; safe to use from several threads."""

    def __init__(self, files: int = MAX_CACHED_FILES) -> None:
        self._lock = threading.Lock()
        self._files: LRUCache[Hashable, _CachedResult] = LRUCache(files)

    def apply(self, path: str, data: bytes, refs: Mapping[str, ImageRef]) -> FileEdit:
        """Apply as `splice.apply` does, but leave out `markers` where the cache shows that the file needs no edit."""
        with self._lock:
            cached = self._files.get(_key(path, data))
        if cached is not None and cached.is_current(refs):
            return FileEdit(path, data, findings=cached.findings)
        edit = apply(path, data, refs)
        # An edited file needs no other edit; its findings stay where they are while its lines do.
        if edit.data is data or (edit.changed and edit.data.count(b"\n") == data.count(b"\n")):
            setters = [marker.setter for marker in edit.markers] + [f.setter for f in edit.findings if f.setter]
            named = sorted({parse_setter(setter).policy_key for setter in setters})
            result = _CachedResult(tuple((policy, refs.get(policy)) for policy in named), edit.findings)
            with self._lock:
                self._files[_key(path, edit.data)] = result
        return edit


def _key(path: str, data: bytes) -> Hashable:
    return path, blake2b(data, digest_size=16).digest()
