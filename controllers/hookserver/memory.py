"""How much memory bodies may take together: a large body waits for nothing, it gets in or it does not."""

from collections import Counter
from typing import Final

SHARES: Final = 4
"""One source has a part of it at most."""


class BodyMemory:
    """Counts what large bodies take."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._taken: Counter[str] = Counter()

    @property
    def taken_bytes(self) -> int:
        """What is taken now."""
        return self._taken.total()

    def take(self, source: str, count: int) -> bool:
        """Take some bytes for a source; False where there are not so many left."""
        if self.taken_bytes + count > self._total or self._taken[source] + count > self._total // SHARES:
            return False
        self._taken[source] += count
        return True

    def give_back(self, source: str, count: int) -> None:
        """Give back what was taken."""
        self._taken[source] -= count
        if self._taken[source] <= 0:
            del self._taken[source]
