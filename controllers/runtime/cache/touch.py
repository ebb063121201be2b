"""Whether a cache is known to be out of touch with the server, so that what it has may be old."""

import math
from typing import Final

from controllers.clock import Clock

CATCH_UP_SECONDS: Final = 2.0
"""For a new watch to bring what happened while there was none: nothing says when it has."""


class Touch:
    """Kept by an informer, which says what happens to its watch."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_lost = False
        self._watching_since = math.inf

    @property
    def is_lost(self) -> bool:
        """Whether a watch was broken, and neither a list nor another watch has made up for it yet."""
        return self._is_lost and self._clock.monotonic() - self._watching_since < CATCH_UP_SECONDS

    def lose(self) -> None:
        """Note that a list or watch has failed, or that a watch is silent."""
        self._is_lost, self._watching_since = True, math.inf

    def resume(self) -> None:
        """Note that a watch begins."""
        self._watching_since = self._clock.monotonic()

    def regain(self) -> None:
        """Note that the server has said something: a list, or an event of a watch."""
        self._is_lost = False
