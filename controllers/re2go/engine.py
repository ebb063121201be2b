"""RE2 itself. The only module that imports it.

Patterns and texts are UTF-8 bytes, which spares RE2's binding the translation of offsets.
"""

from typing import Protocol

import re2  # type: ignore[import-untyped]

MAX_MEMORY_BYTES = 8 << 20
"""For the program and the states of one pattern. Go has no such bound: `\\pL{1000}` is fine there, here it is not."""


class Found(Protocol):
    def group(self) -> bytes: ...
    def groups(self) -> tuple[bytes | None, ...]: ...


class Regexp(Protocol):
    def search(self, text: bytes) -> Found | None: ...


class Refused(Exception):
    """RE2 does not take the pattern; the message is RE2's."""


def build(pattern: str, *, captures: bool = True) -> Regexp:
    """The compiled pattern, from a cache of 128. Raises Refused."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY_BYTES
    options.never_capture = not captures
    try:
        regexp: Regexp = re2.compile(pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0]
        raise Refused(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None
    return regexp
