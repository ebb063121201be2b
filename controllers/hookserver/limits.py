"""How much of each thing the server takes. Tests make some of it smaller."""

from dataclasses import dataclass

from controllers.webhooks.limits import MAX_BODY_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one server."""

    head_bytes: int = 64 << 10
    """Of request line and headers; identity tokens, the longest of what senders put there, have 16 KiB at most."""
    head_lines: int = 128
    head_pieces: int = 500
    """Reads, each of which costs the same however short it is."""
    head_seconds: float = 10
    """From the first byte to the end of the headers, however they are spread; of TLS, the handshake."""
    request_seconds: float = 30
    """From the first byte to the answer."""
    idle_seconds: float = 15
    """Between two requests, and before the first."""
    write_seconds: float = 10
    requests_per_connection: int = 1_000
    """Then it is closed, so that connections spread over replicas again."""
    body_bytes: int = MAX_BODY_BYTES
    free_pieces: int = 2_000
    bytes_per_piece: int = 64
    """A body may come in `free_pieces` reads and chunks, and in more as far as these have so many bytes on average."""
    small_body_bytes: int = 64 << 10
    """Bodies up to this are read at any time."""
    body_memory_bytes: int = 64 << 20
    """Of all larger bodies together, beyond what of each is small."""
    connections: int = 512
    connections_per_source: int = 256
