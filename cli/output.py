"""How verbs that print what files say write to standard output: nothing of it reaches a terminal as a command."""

import os
import sys
from collections.abc import Iterable


def encode_text(text: str) -> bytes:
    """Return text for people, with escapes in place of all that is not printable but line breaks."""
    escaped = (char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text)
    return (text if text.isprintable() else "".join(escaped)).encode()


def write_output(pieces: Iterable[bytes]) -> None:
    """Write bytes to standard output. A reader that leaves early, such as `head`, is no error."""
    try:
        sys.stdout.buffer.writelines(pieces)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # What is still in the buffer goes nowhere, or the interpreter would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
