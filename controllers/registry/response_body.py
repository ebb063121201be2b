"""Bodies of answers, decompressed within a bound. Decisions only.

A megabyte of zeros is a kilobyte of gzip: the bound is on what comes out, and only a step of it is decompressed at a
time.
"""

import zlib
from typing import Protocol

from controllers.registry.errors import BadResponse, ResponseTooLarge

ACCEPT_ENCODING = "gzip"
STEP_BYTES = 256 << 10


class Decompressor(Protocol):
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class BodyReader:
    """The chunks of one body."""

    def __init__(self, request_summary: str, encoding: str, *, max_bytes: int, truncate: bool = False) -> None:
        """request_summary: method and URL, for error texts. encoding: the `Content-Encoding`, may be empty.

        truncate: a body beyond `max_bytes` is cut there; else it raises ResponseTooLarge.
        """
        self._request_summary = request_summary
        self._max_bytes = max_bytes
        self._truncate = truncate
        self._decompressor = _decompressor(request_summary, encoding)
        self._parts: list[bytes] = []
        self._size = 0
        self.is_truncated = False
        """The body was cut: no more chunks are needed."""

    def feed(self, chunk: bytes) -> None:
        """Take a chunk as it came. Raises ResponseTooLarge, and BadResponse for what cannot be decompressed."""
        if self._decompressor is None:
            self._keep(chunk)
            return
        while chunk and not self.is_truncated and not self._decompressor.eof:
            try:
                decompressed = self._decompressor.decompress(chunk, STEP_BYTES)
            except zlib.error:
                raise BadResponse(f"{self._request_summary}: body is not the gzip it claims to be") from None
            self._keep(decompressed)
            chunk = self._decompressor.unconsumed_tail

    def finish(self) -> bytes:
        """Return the whole body. Raises BadResponse when its end is missing."""
        if self._decompressor and self._parts and not self._decompressor.eof and not self.is_truncated:
            raise BadResponse(f"{self._request_summary}: body ends early")
        return b"".join(self._parts)

    def _keep(self, data: bytes) -> None:
        room = self._max_bytes - self._size
        if len(data) > room:
            if not self._truncate:
                raise ResponseTooLarge(f"{self._request_summary}: body has more than {self._max_bytes} bytes")
            data, self.is_truncated = data[:room], True
        self._size += len(data)
        self._parts.append(data)


def _decompressor(request_summary: str, encoding: str) -> Decompressor | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        case "deflate":
            return zlib.decompressobj()
        case _:
            raise BadResponse(f"{request_summary}: body comes in an encoding we did not ask for, {encoding[:32]!r}")
