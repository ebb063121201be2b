"""What was found out about files that need no edit, so that they are not parsed again while nothing they name changes.

After one changed tag only the files that name its policy are parsed; after somebody else's commit only the files that
he touched. Holds no content: a file is known by its path and a hash of its bytes.
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
    """policies: each policy that the file names, with the image (None: no such policy) for which nothing changes."""

    policies: tuple[tuple[str, ImageRef | None], ...]
    findings: tuple[FileFinding, ...]

    def is_current(self, refs: Mapping[str, ImageRef]) -> bool:
        return all(refs.get(policy) == image for policy, image in self.policies)


class FileCache:
    """Does as `apply`, by memory where it can. Bounded; safe to use from several threads."""

    def __init__(self, files: int = MAX_CACHED_FILES) -> None:
        self._lock = threading.Lock()
        self._files: LRUCache[Hashable, _CachedResult] = LRUCache(files)

    def apply(self, path: str, data: bytes, refs: Mapping[str, ImageRef]) -> FileEdit:
        """As `splice.apply`, but that `marks` are left out where the file is known to need no edit."""
        with self._lock:
            known = self._files.get(_key(path, data))
        if known is not None and known.is_current(refs):
            return FileEdit(path, data, findings=known.findings)
        edit = apply(path, data, refs)
        # An edited file needs no other edit; its findings stay where they are while its lines do.
        if edit.data is data or (edit.changed and edit.data.count(b"\n") == data.count(b"\n")):
            setters = [mark.setter for mark in edit.markers] + [f.setter for f in edit.findings if f.setter]
            named = sorted({parse_setter(setter).policy_key for setter in setters})
            settled = _CachedResult(tuple((policy, refs.get(policy)) for policy in named), edit.findings)
            with self._lock:
                self._files[_key(path, edit.data)] = settled
        return edit


def _key(path: str, data: bytes) -> Hashable:
    return path, blake2b(data, digest_size=16).digest()
