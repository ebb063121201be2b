"""The new bytes of one file: every marked scalar gets its policy's value, every other byte stays.

What comes out is parsed again and compared with what went in; a file that would read differently anywhere but in its
marked values is left alone and reported, never written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controllers.image.ref import ImageRef
from controllers.setters.candidates import has_marker
from controllers.setters.errors import Unparsable
from controllers.setters.findings import FileFinding, FindingReason, limit_findings
from controllers.setters.marker import Marker, MarkerScan, ObjectIdentifier
from controllers.setters.markers import decode, find_markers
from controllers.setters.parser import signature, walk_events
from controllers.setters.refs import Unresolved, resolve
from controllers.setters.scalars import CORE, PLAIN, STRING_TAG, reads_as_string, rewrite


@dataclass(frozen=True, slots=True)
class ValueChange:
    old_value: str
    new_value: str
    setter: str
    """The marker's value, e.g. `flux-system:app:tag`."""
    object: ObjectIdentifier
    """Of the document once this change and those above it are made, for it may be its own name that changes."""
    file: str
    line: int
    """1-based line of the scalar, in the file as it was."""


@dataclass(frozen=True, slots=True)
class FileEdit:
    file: str
    data: bytes
    """The very object that went in when nothing changed."""
    changes: tuple[ValueChange, ...] = ()
    """In the order of the file; only values that differ."""
    findings: tuple[FileFinding, ...] = ()
    markers: tuple[Marker, ...] = ()
    """Scalars with a marker of a known policy, those already up to date included."""

    @property
    def changed(self) -> bool:
        return bool(self.changes)


Reverts = Mapping[tuple[str, str, str], str]
"""(file, setter, value that somebody put back) → the value that is not to be written there again."""
NO_REVERTS: Reverts = {}


def apply(path: str, data: bytes, refs: Mapping[str, ImageRef], *, reverts: Reverts = NO_REVERTS) -> FileEdit:
    """The file with the values of `refs` (keyed `namespace:name`) written into its marked scalars.

    path: as findings and changes shall name the file. Never raises for what a file contains. Applying again to the
    result changes nothing. Linear in the size of the file; a file without markers costs a search for a substring.
    """
    if not has_marker(data):
        return FileEdit(path, data)
    try:
        scan = find_markers(data)
    except Unparsable as error:
        return FileEdit(
            path, data, findings=(_finding(path, error.line, "", FindingReason.UNPARSABLE, _UNPARSABLE % error),)
        )
    known: list[tuple[Marker, str]] = []
    findings = [_stray_finding(path, loose.line, loose.setter) for loose in scan.loose]
    for mark in scan.markers:
        value = resolve(mark.setter, refs)
        if isinstance(value, Unresolved):
            findings.append(unresolved_finding(path, mark.line, mark.setter, value))
        elif value != mark.value and reverts.get((path, mark.setter, mark.value)) == value:
            findings.append(reverted_finding(path, mark.line, mark.setter, old=mark.value, new=value))
        else:
            known.append((mark, value))
    findings.sort(key=lambda finding: finding.line)
    markers = tuple(mark for mark, _ in known)
    if all(value == mark.value for mark, value in known):
        return FileEdit(path, data, findings=limit_findings(findings), markers=markers)
    edited = _splice(data, known)
    if (fault := _difference(scan, edited, known)) is not None:
        refused = _finding(path, known[0][0].line, known[0][0].setter, FindingReason.REFUSED, _REFUSED % fault)
        return FileEdit(path, data, findings=limit_findings([refused, *findings]), markers=markers)
    return FileEdit(path, edited, tuple(_changes(path, known)), limit_findings(findings), markers)


def _changes(path: str, known: list[tuple[Marker, str]]) -> Iterator[ValueChange]:
    written: dict[int, str] = {}
    for mark, value in known:
        if value != mark.value:
            written[mark.ordinal] = value
            yield ValueChange(mark.value, value, mark.setter, mark.owner.identity(written), path, mark.line)


def _splice(data: bytes, known: list[tuple[Marker, str]]) -> bytes:
    """The edited bytes. A value that is up to date is touched only where it would not be read as a string."""
    pieces: list[bytes] = []
    at = 0
    for mark, value in known:
        if value == mark.value and (mark.style != PLAIN or mark.tag == STRING_TAG or reads_as_string(value)):
            continue
        source = data[mark.start : mark.end].decode()
        pieces += (data[at : mark.start], rewrite(source, value, style=mark.style, tag=mark.tag).encode())
        at = mark.end
    return b"".join((*pieces, data[at:]))


def _difference(scan: MarkerScan, edited: bytes, known: list[tuple[Marker, str]]) -> str | None:
    """How the edited file reads otherwise than intended; None when all is well."""
    expected = list(scan.event_signatures)
    for mark, value in known:
        match expected[mark.ordinal]:
            case (_, tag, anchor):
                kept = STRING_TAG if isinstance(tag, str) and tag.startswith(CORE) else tag
                expected[mark.ordinal] = (value, kept, anchor)
            case _:
                expected[mark.ordinal] = value
    event_signatures: list[object] = []
    try:
        walk_events(decode(edited), lambda event: event_signatures.append(signature(event)))
    except Unparsable as error:
        return str(error)
    return None if event_signatures == expected else "other values would change"


_UNPARSABLE = "left alone, for it cannot be read: %s. Markers in it are not followed until that is mended"
_REFUSED = "left alone, for the edited file would not read as intended: %s. Please report this file as a bug"
_REVERTED = (
    "'%s' was put back here after '%s' had been written: held until the policy chooses another image; "
    "to have it written again, set spec.update.holdReverted to false"
)
_MALFORMED = (
    "this comment is no marker: it must be one JSON object of strings and nothing else, "
    'as in # {"$imagepolicy": "namespace:name"}'
)
_MISPLACED = (
    "this marker has no effect here: put it behind the value it is for, on the same line; "
    "keys, aliases, empty values, maps and lists cannot be marked"
)


def _finding(path: str, line: int, setter: str, reason: FindingReason, message: str) -> FileFinding:
    return FileFinding(path, line, setter[:256], reason, message)


def _stray_finding(path: str, line: int, setter: str) -> FileFinding:
    if setter:
        return _finding(path, line, setter, FindingReason.MISPLACED, _MISPLACED)
    return _finding(path, line, "", FindingReason.MALFORMED, _MALFORMED)


def reverted_finding(path: str, line: int, setter: str, *, old: str, new: str) -> FileFinding:
    """That a value was put back and stays."""
    return _finding(path, line, setter, FindingReason.REVERTED, _REVERTED % (old[:256], new))


def unresolved_finding(path: str, line: int, setter: str, why: Unresolved) -> FileFinding:
    """That a marker names nothing that has a value."""
    if why.is_suffix_unknown:
        message = "the marker's suffix is none of :name, :tag and :digest"
        return _finding(path, line, setter, FindingReason.UNKNOWN_SUFFIX, message)
    message = (
        f"no policy {why.policy[:256]!r} with an image takes part in this automation: "
        "check the marker's namespace and name, the policy's status and spec.policySelector"
    )
    return _finding(path, line, setter, FindingReason.UNKNOWN_POLICY, message)
