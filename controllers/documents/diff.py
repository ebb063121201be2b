"""Unified diffs of files in which lines were replaced or added at the end, as `git apply` reads them.

Seldom is a search for what is common needed: markers never add or remove a line in the middle, and a new value does so
only where the old one was written on several lines.
Format: https://git-scm.com/docs/diff-format#generate_patch_text_with_p.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

CONTEXT = 3
_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
"""As in C; other bytes that are not plain are octal."""


def unified_diff(path: str, old: bytes | None, new: bytes, *, mode: int = 0o100644) -> Iterator[bytes]:
    """Yield the lines of a diff; old: None for a file that is new. Nothing when they are equal."""
    if old == new:
        return
    yield from file_header(path, mode=mode if old is None else None)
    yield from _hunks_of(_lines(old or b""), _lines(new))


def file_header(path: str, *, mode: int | None = None) -> Iterator[bytes]:
    """Yield the lines before the hunks of a file; mode: of one that is new."""
    yield b"diff --git %s %s\n" % (_quote(f"a/{path}"), _quote(f"b/{path}"))
    if mode is not None:
        yield b"new file mode %o\n" % mode
    yield b"--- %s\n" % (b"/dev/null" if mode is not None else _ended(_quote(f"a/{path}")))
    yield b"+++ %s\n" % _ended(_quote(f"b/{path}"))


def _hunks_of(before: Sequence[bytes], after: Sequence[bytes]) -> Iterator[bytes]:
    if len(after) >= len(before):
        for first, last in _hunks(before, after):
            yield from _hunk(before, after, first, last)
        return
    _, _, *lines = difflib.diff_bytes(difflib.unified_diff, before, after, n=CONTEXT)  # two lines name the file
    for line in lines:
        yield from _line(line[:1], line[1:])


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _hunks(before: Sequence[bytes], after: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Yield first and last index of the lines that a hunk shows, in `after`."""
    changed = [index for index, line in enumerate(after) if index >= len(before) or before[index] != line]
    first = last = None
    for index in changed:
        if first is None or last is None:
            first = index
        elif index - last > 2 * CONTEXT + 1:  # the contexts leave a line between them
            yield max(0, first - CONTEXT), min(len(after), last + CONTEXT + 1)
            first = index
        last = index
    if first is not None and last is not None:
        yield max(0, first - CONTEXT), min(len(after), last + CONTEXT + 1)


def _hunk(before: Sequence[bytes], after: Sequence[bytes], first: int, last: int) -> Iterator[bytes]:
    old_last = min(last, len(before))
    yield b"@@ -%s +%s @@\n" % (_span(first, old_last), _span(first, last))
    index = first
    while index < last:
        if index < len(before) and before[index] == after[index]:
            yield from _line(b" ", after[index])
            index += 1
            continue
        end = index
        while end < last and not (end < len(before) and before[end] == after[end]):
            end += 1
        for line in before[index : min(end, old_last)]:
            yield from _line(b"-", line)
        for line in after[index:end]:
            yield from _line(b"+", line)
        index = end


def _span(first: int, last: int) -> bytes:
    count = max(0, last - first)
    start = first + 1 if count else first
    return b"%d" % start if count == 1 else b"%d,%d" % (start, count)


def _line(sign: bytes, line: bytes) -> Iterator[bytes]:
    yield sign + line
    if not line.endswith(b"\n"):
        yield b"\n\\ No newline at end of file\n"


def _quote(path: str) -> bytes:
    """Return a path as Git writes it: quoted, with the escapes of C, where it has other than plain characters."""
    raw = path.encode("utf-8", "surrogateescape")
    if all(0x20 <= byte < 0x7F and byte not in b'"\\' for byte in raw):
        return raw
    return f'"{"".join(_escaped(byte) for byte in raw)}"'.encode()


def _escaped(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def _ended(name: bytes) -> bytes:
    """Return a name as it ends a line: after a blank in it, only a tab says where it ends."""
    return name + b"\t" if b" " in name else name
