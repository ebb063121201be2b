"""The ways out of the process. Nothing of what files and servers say reaches a terminal as a command, or forges a line.

Diffs alone leave as they are, byte for byte, since `git apply` reads them; on a terminal, where nobody applies them,
they are escaped, too.
"""

import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, TextIO

from controllers.net.foreign_text import escape, escape_lines

_NOT_IN_JSON: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""What JSON does not escape by itself: the other half of what `escape` replaces."""


class OutputFailed(Exception):
    """Standard output takes nothing; the text says why."""


class ReaderLeft(Exception):
    """Whoever read standard output has seen enough. A type of its own: sockets and children break pipes, too."""


def one_line(text: str) -> str:
    """Return one line for people: whatever is in it, it ends where it ends."""
    body = text.removesuffix("\n")
    return escape(body) + text[len(body) :]


def encode_text(text: str) -> bytes:
    """Return text for people, with escapes in place of all that could command a terminal."""
    return escape_lines(text).encode()


def encode_json(text: str) -> bytes:
    r"""Return JSON that means the same and holds no command for a terminal; bytes that are no UTF-8 are `\udcXX`."""
    return _NOT_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def encode_diff(diff: bytes) -> bytes:
    """Return a diff as it is; for a terminal, as text for people."""
    return encode_text(diff.decode("utf-8", "surrogateescape")) if is_terminal() else diff


def is_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def write_output(pieces: Iterable[bytes]) -> None:
    """Write bytes to standard output. A reader that leaves early, such as `head`, is no error. Raises OutputFailed."""
    if sys.stdout is None:
        raise OutputFailed("standard output is closed")
    everything = b"".join(pieces)
    try:
        sys.stdout.flush()
        if everything:
            _write(sys.stdout, everything)
        sys.stdout.flush()
    except OSError as error:
        _give_up(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise _failed(error) from None


def write_now(pieces: Iterable[str]) -> None:
    """Write text of a stream to standard output, each time it comes.

    Raises ReaderLeft when the reader has left: who would go on for hours ends then, with status 0. Raises OutputFailed
    for all else.
    """
    if sys.stdout is None:
        raise OutputFailed("standard output is closed")
    try:
        for piece in pieces:
            _write(sys.stdout, piece.encode())
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderLeft from None
    except OSError as error:
        _give_up(sys.stdout)
        raise _failed(error) from None


def _failed(error: OSError) -> OutputFailed:
    return OutputFailed(f"standard output cannot be written: {error.strerror or type(error).__name__}")


def _write(stream: TextIO, data: bytes) -> None:
    if hasattr(stream, "buffer"):
        stream.buffer.write(data)
    else:  # somebody who calls us collects text
        stream.write(data.decode("utf-8", "surrogateescape"))


def write(text: str) -> None:
    """Write text for people to standard output. Raises OutputFailed."""
    write_output([encode_text(text)])


def write_error(error: object) -> None:
    """Write an error, or what to know about an answer, as a line to standard error; in vain where nobody listens."""
    write_line(sys.stderr, str(error))


def write_line(stream: TextIO | None, text: str) -> None:
    """Write a text for people and an end of line to a stream; in vain where it is closed, or full, or unread.

    What is being done is worth more than what is said of it.
    """
    if stream is None:
        return
    try:
        stream.write(f"{escape_lines(text)}\n")
        stream.flush()
    except OSError:
        _give_up(stream)


def _give_up(stream: TextIO) -> None:
    """Let what is still in a buffer go nowhere, or the interpreter would complain at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
