"""Bodies of answers, decompressed within a bound. Decisions only.

A megabyte of zeros is a kilobyte of gzip: the bound is on what comes out, and only a step of it is decompressed at a
time. A body beyond the bound is refused, cut, or handed on in steps to whoever can do without the whole.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from controllers.registry.errors import BadResponse, ResponseTooLarge
from controllers.registry.messages import BodySink, RegistryRequest

ACCEPT_ENCODING = "gzip"
STEP_BYTES = 64 << 10
"""Decompressed at a time; others get their turn after each step."""
OVERFLOW_STEP_BYTES = 16 << 10
"""Handed on at a time: the worst of it costs some milliseconds."""


class Decompressor(Protocol):
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class BodyReader:
    """The chunks of one body."""

    def __init__(
        self,
        request: RegistryRequest,
        encoding: str,
        *,
        max_bytes: int,
        truncate: bool = False,
        overflow: Callable[[], BodySink] | None = None,
    ) -> None:
        """request: what this is the answer to, for error texts. encoding: the `Content-Encoding`, may be empty.

        A body beyond `max_bytes` is cut there where `truncate` says so; else the whole of it goes to what `overflow`
        returns, which bounds it; without that it raises ResponseTooLarge.
        """
        self._request = request
        self._max_bytes = max_bytes
        self._truncate = truncate
        self._make_overflow = overflow
        self._decompressor = _decompressor(request, encoding)
        self._parts: list[bytes] = []
        self._size = 0
        self._is_begun = False
        self.overflow: BodySink | None = None
        """What has taken the body, if it was too long."""
        self.is_truncated = False
        """The body was cut: no more chunks are needed."""

    def feed(self, chunk: bytes) -> Iterator[None]:
        """Take a chunk as it came, in steps. Raises ResponseTooLarge, and BadResponse for what cannot be decompressed.

        Yields between the steps, for the event loop.
        """
        self._is_begun = self._is_begun or bool(chunk)
        if self._decompressor is None:
            yield from self._keep(chunk)
            return
        while chunk and not self.is_truncated and not self._decompressor.eof:
            try:
                decompressed = self._decompressor.decompress(chunk, STEP_BYTES)
            except zlib.error:
                raise BadResponse(f"{self._request.summary}: body is not the gzip it claims to be") from None
            yield from self._keep(decompressed)
            chunk = self._decompressor.unconsumed_tail
            if chunk:
                yield

    def finish(self) -> bytes:
        """Return the body, nothing where `overflow` has it. Raises BadResponse when its end is missing."""
        if self._decompressor and self._is_begun and not self._decompressor.eof and not self.is_truncated:
            raise BadResponse(f"{self._request.summary}: body ends early")
        return b"".join(self._parts)

    def _keep(self, data: bytes) -> Iterator[None]:
        if self.overflow is not None:
            yield from self._hand_on(data)
            return
        room = self._max_bytes - self._size
        if len(data) > room:
            if not self._truncate:
                yield from self._hand_over(data)
                return
            data, self.is_truncated = data[:room], True
        self._size += len(data)
        self._parts.append(data)

    def _hand_over(self, data: bytes) -> Iterator[None]:
        if self._make_overflow is None:
            raise ResponseTooLarge(f"{self._request.summary}: body has more than {self._max_bytes} bytes")
        self.overflow = self._make_overflow()
        kept, self._parts = b"".join([*self._parts, data]), []
        yield from self._hand_on(kept)

    def _hand_on(self, data: bytes) -> Iterator[None]:
        assert self.overflow is not None
        for at in range(0, len(data), OVERFLOW_STEP_BYTES):
            self.overflow.feed(data[at : at + OVERFLOW_STEP_BYTES])
            yield


def _decompressor(request: RegistryRequest, encoding: str) -> Decompressor | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        case "deflate":
            return zlib.decompressobj()
        case _:
            raise BadResponse(f"{request.summary}: body comes in an encoding we did not ask for, {encoding[:32]!r}")
