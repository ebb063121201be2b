"""Fixes that are safe: a comment that can only have been meant as one marker becomes that marker.

A fix counts only if the file with it has the marker where the comment was, and reads as before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from controllers import setters
from controllers.adoption.insertion import format_marker
from controllers.lint.files import LintedFile, find_comment
from controllers.lint.rules import Fix

_ATTEMPT = re.compile(
    r"#+\s*[\[{(]*\s*[\"'`“”‘’]*\$?imagepolicy[\"'`“”‘’]*\s*[:=]?\s*[\"'`“”‘’]*"
    r"(?P<namespace>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)\s*[:/]\s*(?P<name>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)"
    r"(?::(?P<part>name|tag|digest))?[\"'`“”‘’]*\s*[\]})]*\s*",
    re.IGNORECASE,
)


def find_fix(file: LintedFile, line: int) -> Fix | None:
    """Return the fix of a malformed marker, None where nobody can know what was meant."""
    column, start, end = find_comment(file.data, line)
    if not column or not file.is_yaml:
        return None
    found = _ATTEMPT.fullmatch(file.data[start:end].decode("utf-8", "replace"))
    if found is None:
        return None
    setter = f"{found['namespace']}:{found['name']}" + (f":{found['part']}" if found["part"] else "")
    fix = Fix(start, end, format_marker(setter).encode())
    return fix if _works(file.data, apply_fixes(file.data, [fix]), line) else None


def _works(before: bytes, after: bytes, line: int) -> bool:
    try:
        old, new = setters.find_markers(before), setters.find_markers(after)
    except setters.Unparsable:
        return False
    added = {(marker.line, marker.setter) for marker in new.markers} - {(one.line, one.setter) for one in old.markers}
    lines = {number for number, _ in added}
    return old.event_signatures == new.event_signatures and len(added) == 1 and lines <= {line, line + 1}


def apply_fixes(data: bytes, fixes: Sequence[Fix]) -> bytes:
    """Return a file with its fixes; they do not overlap."""
    for fix in sorted(fixes, key=lambda fix: fix.start, reverse=True):
        data = data[: fix.start] + fix.text + data[fix.end :]
    return data
