"""How many pieces the answers of one operation may come in. Decisions only.

Each piece (a chunk of HTTP, a record of TLS, a line of a head) costs us the same work, however short it is. Registries
send thousands of bytes a piece; a server that sends single bytes wants to keep us busy.
"""

from dataclasses import dataclass

from controllers.registry.errors import ResponseTooLarge

MAX_HEAD_LINES = 1_000
MAX_HEAD_BYTES = 128 << 10
MAX_HEAD_READS = 4_000
"""Of one answer: its headers, and the interim answers (1xx) before it."""

YIELD_EVERY = 8
"""Pieces after which others get their turn; one takes up to 0.1 ms."""
FREE_PIECES = 10_000
MIN_AVERAGE_BYTES = 128


@dataclass(slots=True)
class PieceMeter:
    """The pieces and bytes of all answers to one operation so far."""

    pieces: int = 0
    bytes: int = 0

    def add(self, size: int, *, pieces: int = 1) -> None:
        """Take note of more. Raises ResponseTooLarge when there are many pieces and they are very short."""
        self.pieces += pieces
        self.bytes += size
        if self.pieces > FREE_PIECES + self.bytes // MIN_AVERAGE_BYTES:
            raise ResponseTooLarge(
                f"the answers come in {self.pieces} pieces of {self.bytes // self.pieces} bytes on average, "
                f"where {MIN_AVERAGE_BYTES} are the least; no registry sends so few at a time"
            )

    @property
    def is_pause_due(self) -> bool:
        """Whether to let others have their turn."""
        return self.pieces % YIELD_EVERY == 0
