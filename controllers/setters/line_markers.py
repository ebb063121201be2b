"""Markers beyond YAML: one line, one value. JSON with comments, `.env`, HCL and Terraform, Dockerfiles.

Ours, not Flux's, and only for files that `spec.update.files` names. The marker is the same comment, behind the value
on its line, or alone on the line above where a format knows no comments behind values (Dockerfiles). A line is only
edited when it can hold nothing else than the one value; all other bytes stay. What cannot be told for sure is a
finding.
"""

import re
from collections.abc import Mapping

from controllers.image.ref import ImageRef
from controllers.setters.candidates import has_marker
from controllers.setters.comments import read_marker
from controllers.setters.findings import FileFinding, FindingReason, limit_findings
from controllers.setters.marker import ObjectIdentifier
from controllers.setters.refs import Unresolved, resolve
from controllers.setters.splice import NO_REVERTS, FileEdit, Reverts, ValueChange, reverted_finding, unresolved_finding

MAX_LINE_CHARS = 4096
"""Longer lines are left alone: they are no one's writing, and the patterns below may need time that grows squared."""

_COMMENT = re.compile(r'(?:#+|//+)[ \t]*(\{[^{}]*"\$imagepolicy"[^{}]*\})[ \t]*$')
_WRITABLE = re.compile(r"[\w.:/@+-]*", re.ASCII)

_QUOTED = r"\"(?P<double>[^\"\\]*)\"|'(?P<single>[^'\\]*)'"
_BARE = r"(?P<bare>[^\s\"'#,;\[\]{}()]+)"
_SHAPES = tuple(
    re.compile(shape, re.VERBOSE)
    for shape in (
        rf'\s*(?:"(?:[^"\\]|\\.)*"\s*:)?\s*(?:{_QUOTED})\s*,?\s*',  # JSON, and items of lists in HCL
        rf"\s*[\w.-]+\s*=\s*(?:{_QUOTED})\s*,?\s*",  # HCL
        rf"\s*(?:export\s+|ARG\s+|ENV\s+|LABEL\s+)?[\w.-]+=(?:{_QUOTED}|{_BARE})\s*",  # .env, Dockerfile
        rf"\s*(?:FROM|from)(?:\s+--\S+)*\s+{_BARE}(?:\s+(?:AS|as)\s+\S+)?\s*",  # Dockerfile
        rf"\s*(?:COPY|copy)\s+--from={_BARE}\s.*",  # Dockerfile
    )
)


def apply_lines(path: str, data: bytes, refs: Mapping[str, ImageRef], *, reverts: Reverts = NO_REVERTS) -> FileEdit:
    """As `splice.apply`, for a file that is no YAML. Never raises for what a file contains."""
    if not has_marker(data):
        return FileEdit(path, data)
    try:
        lines = data.decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        return FileEdit(
            path, data, findings=(FileFinding(path, 0, "", FindingReason.UNPARSABLE, "left alone: it is not UTF-8"),)
        )
    changes: list[ValueChange] = []
    findings: list[FileFinding] = []
    for number, line in enumerate(lines):
        if '"$imagepolicy"' not in line:
            continue
        setter, at, text = _find_value(lines, number)
        if not setter:
            findings.append(FileFinding(path, number + 1, "", FindingReason.MALFORMED, _MALFORMED))
            continue
        done = _value(path, at, text, setter, refs=refs, reverts=reverts)
        if isinstance(done, FileFinding):
            findings.append(done)
        elif done is not None:
            old, new, anew = done
            lines[at] = anew + lines[at][len(text) :]
            changes.append(ValueChange(old, new, setter, ObjectIdentifier(), path, at + 1))
    edited = "".join(lines).encode() if changes else data
    return FileEdit(path, edited, tuple(changes), limit_findings(findings))


def _find_value(lines: list[str], number: int) -> tuple[str, int, str]:
    """(setter, index of the line with the value, that line up to its comment); no setter for what is no marker."""
    body = lines[number].rstrip("\r\n")
    comment = _COMMENT.search(body) if len(body) <= MAX_LINE_CHARS else None
    setter = read_marker(comment[1]) if comment else None
    if comment is None or not setter:
        return "", number, ""
    before = body[: comment.start()]
    if before.strip() or number + 1 >= len(lines):
        return setter, number, before
    below = lines[number + 1].rstrip("\r\n")
    return setter, number + 1, below if len(below) <= MAX_LINE_CHARS else ""


def _value(
    path: str, at: int, text: str, setter: str, *, refs: Mapping[str, ImageRef], reverts: Reverts
) -> FileFinding | tuple[str, str, str] | None:
    """(old, new, the text anew), None when it is up to date, or why it is left alone."""
    new = resolve(setter, refs)
    if isinstance(new, Unresolved):
        return unresolved_finding(path, at + 1, setter, new)
    shape = next((found for shape in _SHAPES if (found := shape.fullmatch(text))), None)
    if shape is None:
        return FileFinding(path, at + 1, setter[:256], FindingReason.MISPLACED, _NOT_ONE_VALUE)
    start, end = next(shape.span(name) for name, old in shape.groupdict().items() if old is not None)
    old = text[start:end]
    if old == new:
        return None
    if reverts.get((path, setter, old)) == new:
        return reverted_finding(path, at + 1, setter, old=old, new=new)
    if not _WRITABLE.fullmatch(new) or not (new or shape.groupdict().get("bare") is None):
        return FileFinding(
            path, at + 1, setter[:256], FindingReason.REFUSED, "left alone: the new value cannot be written here"
        )
    return old, new, text[:start] + new + text[end:]


_MALFORMED = (
    "this comment is no marker: it must be the last on its line, one JSON object of strings and nothing else, "
    'as in # {"$imagepolicy": "namespace:name"} or // {"$imagepolicy": "namespace:name"}'
)
_NOT_ONE_VALUE = (
    "this marker has no effect: its line (or the line below a marker that stands alone) must hold exactly one value, "
    'as in image = "name:tag", "image": "name:tag", IMAGE=name:tag or FROM name:tag'
)
