"""What the last scan of each repository made of the registry's answer: the same answer makes the same again.

Most scans find nothing new. Then nothing is decoded, matched, sorted or stored; only the time of the scan moves on.
"""

from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache

from api.imagerepository import ImageRepository, ImageRepositoryStatus, ScanResult
from controllers.taglist.scan import effective_exclusions

MAX_REPOSITORIES: Final = 50_000
"""Some 300 bytes each; of one that is forgotten the list is worked through again."""


@dataclass(frozen=True, slots=True)
class _Scan:
    answer: bytes
    """Its fingerprint."""
    question: int
    """Hash of the fields of the spec that decide what is made of it."""
    result: int
    """Hash of what was written to the status, but for the time."""


class LastScans:
    """Scans by the uid of their repository; in memory only."""

    def __init__(self) -> None:
        self._scans: LRUCache[str, _Scan] = LRUCache(MAX_REPOSITORIES)

    def record(self, repository: ImageRepository, answer: bytes, result: ScanResult) -> None:
        """Remember what came of an answer; answer: its fingerprint, empty where there is none."""
        if answer:
            scan = _Scan(answer, _question(repository), _result(result))
            self._scans[repository.metadata.uid] = scan
        else:
            self._scans.pop(repository.metadata.uid, None)

    def is_repeated(self, repository: ImageRepository, status: ImageRepositoryStatus, answer: bytes) -> bool:
        """Return whether the answer is the last one, the question too, and the status still has what came of it."""
        last = self._scans.get(repository.metadata.uid)
        if last is None or status.last_scan_result is None:
            return False
        return last == _Scan(answer, _question(repository), _result(status.last_scan_result))


def _question(repository: ImageRepository) -> int:
    return hash((effective_exclusions(repository.spec.exclusion_list), repository.spec.latest_tags))


def _result(result: ScanResult) -> int:
    return hash((result.tag_count, result.revision, tuple(result.latest_tags)))
