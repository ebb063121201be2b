"""Reads files that somebody else may have put there: without waiting for a pipe, and no more than is of use."""

import mmap
import os
import stat
from pathlib import Path


class UnfitFile(Exception):
    """The file is not read; the text says why."""


class TooLarge(UnfitFile):
    """It has more bytes than are of use."""


def read_file(path: str | bytes | Path, *, limit: int, follow_links: bool = True) -> bytes:
    """Return the content of a file. limit: in bytes, whole MiB.

    Raises TooLarge, UnfitFile for a folder, pipe or device, OSError, also for a link that is not followed.
    """
    data = read_start(path, length=limit + 1, follow_links=follow_links)
    if len(data) > limit:
        raise TooLarge(f"larger than {limit >> 20} MiB")
    return data


def read_start(path: str | bytes | Path, *, length: int, follow_links: bool = True) -> bytes:
    """Return at most so many bytes of a file. Raises UnfitFile for a folder, pipe or device; OSError."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnfitFile("a folder, not a file" if stat.S_ISDIR(status.st_mode) else "a pipe or device, not a file")
        pieces, missing = [], length
        while missing and (piece := os.read(descriptor, min(status.st_size + 1, missing))):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def mentions(path: str | bytes | Path, word: bytes) -> bool:
    """Return whether a file, however large, has a word somewhere, or cannot be searched; it is not loaded."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return mapped.find(word) >= 0
    except (OSError, ValueError):  # it has changed since
        return True
