"""The new bytes of one file: every marked scalar gets its policy's value, every other byte stays.

The new bytes are parsed again and compared with the old ones. A file that would read differently anywhere but in its
marked values is left alone and reported, never written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controllers.image.ref import ImageRef
from controllers.net.foreign_text import escape
from controllers.setters.attempts import find_attempts, mentions_marker
from controllers.setters.candidates import has_marker
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
from controllers.setters.marker import Marker, MarkerScan, ObjectIdentifier, StrayMarker
from controllers.setters.markers import decode, find_markers
from controllers.setters.parser import signature, walk_events
from controllers.setters.refs import Unresolved, lacks_digest, resolve
from controllers.setters.scalars import CORE, PLAIN, STRING_TAG, reads_as_string, rewrite


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One value that was replaced."""

    old_value: str
    new_value: str
    setter: str
    """The marker's value, e.g. `flux-system:app:tag`."""
    object: ObjectIdentifier
    """As the document names it after this change and those above it, for its own name may be what changes."""
    file: str
    line: int
    """1-based line of the scalar, in the file as it was."""


@dataclass(frozen=True, slots=True)
class FileEdit:
    """The outcome for one file."""

    file: str
    data: bytes
    """The very object that went in when nothing changed."""
    changes: tuple[ValueChange, ...] = ()
    """In the order of the file; only values that differ."""
    findings: tuple[FileFinding, ...] = ()
    markers: tuple[Marker, ...] = ()
    """Marked scalars whose policy has an image, also those that are up to date."""

    @property
    def changed(self) -> bool:
        return bool(self.changes)


Reverts = Mapping[tuple[str, str, str], str]
"""(file, setter, value that somebody put back) → the value that is not to be written there again; file and former
value as a status shows them (`escape`)."""
NO_REVERTS: Reverts = {}


def is_reverted(reverts: Reverts, path: str, setter: str, *, old: str, new: str) -> bool:
    """Return whether `old` stands in a file because somebody put it back in place of `new`."""
    return bool(reverts) and reverts.get((escape(path), setter, escape(old))) == new


def apply(path: str, data: bytes, refs: Mapping[str, ImageRef], *, reverts: Reverts = NO_REVERTS) -> FileEdit:
    """Write the values of `refs` (keyed `namespace:name`) into a file's marked scalars.

    path: how findings and changes name the file. Never raises for what a file contains. Applying again to the result
    changes nothing. Linear in the size of the file; a file without markers costs a search for a substring.
    """
    if not mentions_marker(data):
        return FileEdit(path, data)
    try:
        scan = find_markers(data)
    except Unparsable as error:
        return FileEdit(path, data, findings=_report_unparsable(path, data, error))
    values: list[tuple[Marker, str]] = []
    findings = [_report_stray_marker(path, stray) for stray in scan.stray_markers]
    for marker in scan.markers if has_marker(data) else ():
        value = resolve(marker.setter, refs)
        if isinstance(value, Unresolved):
            findings.append(unresolved(path, marker.line, marker.setter, value))
            continue
        if lacks_digest(marker.setter, value):
            findings.append(no_digest(path, marker.line, marker.setter))
        if value != marker.value and is_reverted(reverts, path, marker.setter, old=marker.value, new=value):
            findings.append(reverted(path, marker.line, marker.setter, old=marker.value, new=value))
        else:
            values.append((marker, value))
    findings.sort(key=lambda finding: finding.line)
    markers = tuple(marker for marker, _ in values)
    if all(value == marker.value for marker, value in values):
        return FileEdit(path, data, findings=limit_findings(findings), markers=markers)
    edited = write_values(data, scan, values)
    if isinstance(edited, str):
        refusal = refused(path, markers[0].line, markers[0].setter, edited)
        return FileEdit(path, data, findings=limit_findings([refusal, *findings]), markers=markers)
    changed = [(marker, value) for marker, value in values if value != marker.value]
    return FileEdit(path, edited, tuple(list_changes(path, changed)), limit_findings(findings), markers)


def write_values(data: bytes, scan: MarkerScan, values: list[tuple[Marker, str]]) -> bytes | str:
    """Return the bytes with scalars replaced; or, where they would not read as intended, why they were left alone."""
    edited = _splice(data, values)
    fault = _difference(scan, edited, values)
    return edited if fault is None else _REFUSED % fault


def list_changes(path: str, values: list[tuple[Marker, str]]) -> Iterator[ValueChange]:
    """Yield a change for each value that was written. values: in the order of the file."""
    written: dict[int, str] = {}
    for marker, value in values:
        written[marker.ordinal] = value
        yield ValueChange(marker.value, value, marker.setter, marker.owner.identity(written), path, marker.line)


def _splice(data: bytes, values: list[tuple[Marker, str]]) -> bytes:
    """Return the edited bytes. A value that is up to date changes only where it would not be read as a string."""
    pieces: list[bytes] = []
    at = 0
    for marker, value in values:
        if value == marker.value and (marker.style != PLAIN or marker.tag == STRING_TAG or reads_as_string(value)):
            continue
        source = data[marker.start : marker.end].decode()
        pieces += (data[at : marker.start], rewrite(source, value, style=marker.style, tag=marker.tag).encode())
        at = marker.end
    return b"".join((*pieces, data[at:]))


def _difference(scan: MarkerScan, edited: bytes, values: list[tuple[Marker, str]]) -> str | None:
    """Return how the edited file reads otherwise than intended; None when all is well."""
    expected = list(scan.event_signatures)
    for marker, value in values:
        match expected[marker.ordinal]:
            case (_, tag, anchor):
                kept = STRING_TAG if isinstance(tag, str) and tag.startswith(CORE) else tag
                expected[marker.ordinal] = (value, kept, anchor)
            case _:
                expected[marker.ordinal] = value
    event_signatures: list[object] = []
    try:
        walk_events(decode(edited), lambda event: event_signatures.append(signature(event)))
    except Unparsable as error:
        return str(error)
    return None if event_signatures == expected else "other values would change"


def _report_unparsable(path: str, data: bytes, error: Unparsable) -> tuple[FileFinding, ...]:
    """Report a file that was left alone, if that kept anything from being written."""
    if not has_marker(data) or not any(find_attempts(data.decode("utf-8", "replace"))):
        return ()
    return (FileFinding(path, error.line, "", FindingReason.UNPARSABLE, _UNPARSABLE % error),)


def _report_stray_marker(path: str, stray: StrayMarker) -> FileFinding:
    return misplaced(path, stray.line, stray.setter, _MISPLACED) if stray.setter else malformed(path, stray.line)


_UNPARSABLE = "left alone: %s. Markers in it are not followed until that is mended"
_REFUSED = "left alone, for the edited file would not read as intended: %s. Please report this file as a bug"
_MISPLACED = (
    "this marker has no effect here: put it behind the value it is for, on the same line; "
    "keys, aliases, empty values, maps and lists cannot be marked"
)
