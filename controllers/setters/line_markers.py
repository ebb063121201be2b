"""Markers beyond YAML: one line, one value. JSON with comments, `.env`, HCL and Terraform, Dockerfiles.

Ours, not Flux's, and only for files that `spec.update.files` names. The marker is the same comment, behind the value
on its line, or alone on the line above where a format has no comments behind values (Dockerfiles). A line is only
edited when it can hold nothing but the one value; all other bytes stay. Any other line becomes a finding.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controllers.image.ref import ImageRef
from controllers.setters.attempts import contains_attempt, is_attempt, may_be_meant, mentions_marker
from controllers.setters.comments import QUOTED_KEY, read_marker
from controllers.setters.errors import Unparsable
from controllers.setters.findings import (
    FileFinding,
    FindingReason,
    limit_findings,
    malformed,
    misplaced,
    no_digest,
    refused,
    reverted,
    unresolved,
)
from controllers.setters.globs import matches_any
from controllers.setters.marker import ObjectIdentifier
from controllers.setters.refs import Unresolved, lacks_digest, resolve
from controllers.setters.splice import NO_REVERTS, FileEdit, Reverts, ValueChange, is_reverted

MAX_LINE_CHARS = 4096
"""Longer lines are left alone: nobody writes them by hand, and the patterns below may take quadratic time on them."""

_WRITABLE = re.compile(r"[\w.:/@+-]*", re.ASCII)

QUOTED = r"(?:\"(?P<double>[^\"\\]*)\"|'(?P<single>[^'\\]*)')"
BARE = r"(?P<bare>[^\s\"'#,;\[\]{}()]+)"


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How files of one type write a value on a line of its own."""

    name: str
    line: str
    """Verbose regular expression of the line up to its comment. The value is a group of QUOTED or BARE."""
    comment_start: str = r"(?<!\#)\#++|(?<!/)//++"
    """Regular expression."""
    files: tuple[str, ...] = ("*",)
    """Globs as in `spec.update.files`, of the files to which this applies among those that users name."""

    def find_comment(self, line: str) -> re.Match[str] | None:
        """Find a marker at the end of a line; group 1 is its JSON."""
        return re.search(rf"(?:{self.comment_start})[ \t]*(\{{[^{{}}]*{re.escape(QUOTED_KEY)}[^{{}}]*\}})[ \t]*$", line)

    def split_comment(self, line: str) -> tuple[str, str]:
        """Return what stands before a comment, and the comment without its start.

        A line that begins with a comment is all comment; elsewhere white space comes first, as URLs have `//` and `#`.
        """
        start = re.search(rf"(?:^|(?<=\s))(?:{self.comment_start})", line)
        return (line[: start.start()].strip(), line[start.end() :]) if start else (line, "")

    def match(self, line: str) -> re.Match[str] | None:
        """Match a line without its comment; None unless it certainly holds one value."""
        return re.fullmatch(self.line, line, re.VERBOSE)


LINE_FORMATS = (
    LineFormat("JSON; items of lists in HCL", rf'\s*+(?:"(?:[^"\\]|\\.)*+"\s*+:\s*+)?+{QUOTED}\s*+,?+\s*+'),
    LineFormat("HCL", rf"\s*[\w.-]+\s*=\s*{QUOTED}\s*,?\s*"),
    LineFormat(
        ".env; variables and labels of Dockerfiles",
        rf"\s*(?:export\s+|ARG\s+|ENV\s+|LABEL\s+)?[\w.-]+=(?:{QUOTED}|{BARE})\s*",
    ),
    LineFormat("Dockerfile, base image", rf"\s*(?:FROM|from)(?:\s+--\S+)*\s+{BARE}(?:\s+(?:AS|as)\s+\S+)?\s*"),
    LineFormat("Dockerfile, copy from an image", rf"\s*(?:COPY|copy)\s+--from={BARE}\s.*"),
)
"""A file type is a row, or several where it has several kinds of lines; the first that matches counts."""


def apply_lines(path: str, data: bytes, refs: Mapping[str, ImageRef], *, reverts: Reverts = NO_REVERTS) -> FileEdit:
    """Apply as `splice.apply` does, to a file that is not YAML. Never raises for what a file contains."""
    if not mentions_marker(data):
        return FileEdit(path, data)
    try:
        lines = data.decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        not_text = FileFinding(path, 0, "", FindingReason.UNPARSABLE, "left alone: it is not UTF-8")
        return FileEdit(path, data, findings=(not_text,))
    formats = [line_format for line_format in LINE_FORMATS if matches_any(path, line_format.files)]
    changes: list[ValueChange] = []
    findings: list[FileFinding] = []
    for number, line in enumerate(lines):
        if not may_be_meant(line):
            continue
        marked = _find_marked_line(lines, number, formats)
        if marked is None:
            if _is_meant(line.strip(), formats):
                findings.append(malformed(path, number + 1, where=_PLACE, comment_starts=("#", "//")))
            continue
        if _is_commented_out(marked, formats, is_below=marked.index > number):
            continue
        edit = _edit_line(path, marked, formats, refs=refs, reverts=reverts)
        if lacks_digest(marked.setter, resolve(marked.setter, refs)):
            findings.append(no_digest(path, marked.index + 1, marked.setter))
        if isinstance(edit, FileFinding):
            findings.append(edit)
        elif edit is not None:
            text, change = edit
            lines[marked.index] = text + lines[marked.index][len(marked.text) :]
            changes.append(change)
    edited = "".join(lines).encode() if changes else data
    return FileEdit(path, edited, tuple(changes), limit_findings(findings))


@dataclass(frozen=True, slots=True)
class LineMarker:
    """A value with a marker; lines are 1-based."""

    line: int
    """Of the value."""
    marker_line: int
    """Of the marker: the same, or the one above."""
    value: str
    setter: str


def find_line_markers(path: str, data: bytes) -> tuple[tuple[LineMarker, ...], tuple[int, ...]]:
    """Return the markers of a file that is not YAML, and the lines with markers that mark nothing.

    Raises Unparsable for what is not UTF-8.
    """
    try:
        lines = data.decode().splitlines(keepends=True)
    except UnicodeDecodeError as error:
        raise Unparsable("it is not UTF-8", data.count(b"\n", 0, error.start) + 1) from error
    formats = [line_format for line_format in LINE_FORMATS if matches_any(path, line_format.files)]
    found: list[LineMarker] = []
    stray: list[int] = []
    for number, line in enumerate(lines):
        marked = _find_marked_line(lines, number, formats) if may_be_meant(line) else None
        if marked is None or _is_commented_out(marked, formats, is_below=marked.index > number):
            continue
        span = _find_value(marked.text, formats)
        if span is None:
            stray.append(number + 1)
        else:
            found.append(LineMarker(marked.index + 1, number + 1, marked.text[slice(*span)], marked.setter))
    return tuple(found), tuple(stray)


@dataclass(frozen=True, slots=True)
class _MarkedLine:
    """The line that a marker is for; `text` is the line up to its comment."""

    setter: str
    index: int
    text: str


def _is_meant(line: str, formats: Iterable[LineFormat]) -> bool:
    """Return True when something on a line was meant as a marker but is not one."""
    if len(line) > MAX_LINE_CHARS:
        return QUOTED_KEY in line
    for line_format in formats:
        before, body = line_format.split_comment(line)
        if not before:
            return is_attempt(body)
        if contains_attempt(body):
            return True
    return False


def _is_commented_out(marked: "_MarkedLine", formats: Iterable[LineFormat], *, is_below: bool) -> bool:
    """Return True when a marker is switched off: by a second `#` before it, or as its line is a comment.

    A comment below a marker is such a line only when there would be a value in it.
    """
    for line_format in formats:
        before, body = line_format.split_comment(marked.text.strip())
        if before == marked.text.strip():
            continue
        if not before and (not is_below or line_format.match(body)):
            return True
        if before and not body.strip():
            return True
    return False


def _find_marked_line(lines: Sequence[str], number: int, formats: Iterable[LineFormat]) -> _MarkedLine | None:
    """Return the line that the marker on line `number` is for; None for a comment that is not a marker."""
    body = lines[number].rstrip("\r\n")
    if len(body) > MAX_LINE_CHARS:
        return None
    comment = next((found for line_format in formats if (found := line_format.find_comment(body))), None)
    setter = read_marker(comment[1]) if comment else None
    if comment is None or not setter:
        return None
    before = body[: comment.start()]
    if before.strip() or number + 1 >= len(lines):
        return _MarkedLine(setter, number, before)
    below = lines[number + 1].rstrip("\r\n")
    return _MarkedLine(setter, number + 1, below if len(below) <= MAX_LINE_CHARS else "")


def _edit_line(
    path: str, marked: _MarkedLine, formats: Iterable[LineFormat], *, refs: Mapping[str, ImageRef], reverts: Reverts
) -> tuple[str, ValueChange] | FileFinding | None:
    """Return the new text and the change, None when the line is up to date, or why it is left alone."""
    setter, text, line = marked.setter, marked.text, marked.index + 1
    new = resolve(setter, refs)
    if isinstance(new, Unresolved):
        return unresolved(path, line, setter, new)
    span = _find_value(text, formats)
    if span is None:
        return misplaced(path, line, setter, _NOT_ONE_VALUE)
    start, end = span
    old = text[start:end]
    if old == new:
        return None
    if is_reverted(reverts, path, setter, old=old, new=new):
        return reverted(path, line, setter, old=old, new=new)
    if not new and not text[:start].endswith(("'", '"')):
        return None  # an empty value needs quotes to stand in
    if not _WRITABLE.fullmatch(new):
        return refused(path, line, setter, "left alone: the new value cannot be written here")
    return text[:start] + new + text[end:], ValueChange(old, new, setter, ObjectIdentifier(), path, line)


def _find_value(text: str, formats: Iterable[LineFormat]) -> tuple[int, int] | None:
    """Return where the one value of a line stands, None unless it certainly holds one."""
    match = next((found for line_format in formats if (found := line_format.match(text))), None)
    if match is None:
        return None
    return next(match.span(name) for name, value in match.groupdict().items() if value is not None)


_PLACE = "the last on its line, "
_NOT_ONE_VALUE = (
    "this marker has no effect: its line (or the line below a marker that stands alone) must hold exactly one value, "
    'as in image = "name:tag", "image": "name:tag", IMAGE=name:tag or FROM name:tag'
)
