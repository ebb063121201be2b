"""Keeps the C library's allocator from holding on to memory that is free.

Lists of a hundred thousand tags come and go as blocks of megabytes. By default glibc learns from the first of them to
keep all later ones in its heap, one heap a thread, where what lies behind them pins them: a process that needs 60 MB
grows to 75. With a fixed threshold such blocks go back to the system as soon as they are free. Without glibc nothing is
changed.
"""

import ctypes
import platform
from typing import Final

# From <malloc.h>.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

MMAP_THRESHOLD_BYTES: Final = 256 << 10


def configure_malloc() -> bool:
    """Configure glibc's allocator and return whether it took the settings; call it once, before threads start."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES), (_TRIM_THRESHOLD, MMAP_THRESHOLD_BYTES), (_ARENA_MAX, 1))
    taken: list[int] = [mallopt(name, value) for name, value in settings]
    return all(taken)
