"""Markers put behind values, and nothing else.

Whether a marker counts where it was put is not reasoned about but tried: the file with the markers is searched by
`controllers.setters`. An insertion that is not found there, or that makes anything read differently, is taken back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from controllers import setters
from controllers.adoption.occurrences import Slot
from controllers.setters.comments import MARKER_KEY
from controllers.setters.marker import MarkerScan
from controllers.setters.markers import BOM, decode

COMMENTED = "a comment is behind the value already: move it to a line of its own above"
BROKEN_MARKER = "a marker that does not work is here already: tagline lint says why"
FOLLOWED = "other text follows on the line: write the collection in block style, or this value last on its line"
NOT_FOUND = "a marker here would not be found"

_REST = re.compile(r"[^\n\r\x85\u2028\u2029]*")
_END_OF_VALUE = re.compile(r"[ \t]*,?(?=[ \t]*$)")


@dataclass(frozen=True, slots=True)
class Insertion:
    """A marker to be put behind a value."""

    slot: Slot
    setter: str
    """The marker's text: `namespace:policy[:part]`."""


@dataclass(frozen=True, slots=True)
class MarkedFile:
    """A file with markers, and what could not be marked."""

    data: bytes
    refused: tuple[tuple[Insertion, str], ...]
    """Insertions that were left out, each with the reason."""


def list_marked(data: bytes) -> set[tuple[int, int]]:
    """Return line and column of each value that has a marker already. Raises Unparsable."""
    if not setters.has_marker(data):
        return set()
    return {(marker.line, marker.column) for marker in setters.find_markers(data).markers}


def insert_markers(data: bytes, insertions: Sequence[Insertion]) -> MarkedFile:
    """Return the file with a marker behind each value, as far as one can stand there. Never raises.

    Every other byte stays. Linear in the size of the file, unless some insertion does not work.
    """
    try:
        text = decode(data)
        # In block style, a comment behind all that a line says cannot change what is read.
        is_plain = not setters.has_marker(data) and not any(insertion.slot.in_flow for insertion in insertions)
        before = None if is_plain else setters.find_markers(data)
    except setters.Unparsable as error:
        reason = f"markers do not count in this file: {error}"
        return MarkedFile(data, tuple((insertion, reason) for insertion in insertions))
    possible: list[tuple[int, Insertion]] = []
    refused: list[tuple[Insertion, str]] = []
    for insertion in sorted(insertions, key=lambda insertion: insertion.slot.end):
        offset = _find_offset(text, insertion.slot)
        if isinstance(offset, str):
            refused.append((insertion, offset))
        else:
            possible.append((offset, insertion))
    bom = BOM.encode() if data.startswith(BOM.encode()) else b""
    accepted = _accept(bom, text, before, [], possible)
    if len(accepted) < len(possible):
        kept = {insertion for _, insertion in accepted}
        why = _explain_refusal(data)
        refused += [(insertion, why) for _, insertion in possible if insertion not in kept]
    return MarkedFile(_write(bom, text, accepted), tuple(refused))


def _explain_refusal(data: bytes) -> str:
    try:
        setters.find_markers(data)
    except setters.Unparsable as error:
        return f"markers do not count in this file: {error}"
    return NOT_FOUND


def format_marker(setter: str) -> str:
    """Return the comment for a marker's text."""
    return f'# {{"{MARKER_KEY}": "{setter}"}}'


def _find_offset(text: str, slot: Slot) -> int | str:
    """Return the offset for a marker, or why there is none."""
    rest = _REST.match(text, slot.end)
    assert rest is not None
    if end := _END_OF_VALUE.match(rest[0]):
        return slot.end + (end.end() if "," in end[0] else 0)
    if rest[0].lstrip(" \t,").startswith("#"):
        return BROKEN_MARKER if "imagepolicy" in rest[0].lower() else COMMENTED
    return FOLLOWED


Placed = tuple[int, Insertion]


def _accept(
    bom: bytes, text: str, before: MarkerScan | None, accepted: list[Placed], more: Sequence[Placed]
) -> list[Placed]:
    """Return the insertions that work together, in the order of the file: all of `accepted`, and some of `more`."""
    if not more:
        return accepted
    together = [*accepted, *more]
    if _works(_write(bom, text, together), before, together):
        return together
    if len(more) == 1:
        return accepted
    half = len(more) // 2
    return _accept(bom, text, before, _accept(bom, text, before, accepted, more[:half]), more[half:])


def _works(edited: bytes, before: MarkerScan | None, placed: Sequence[Placed]) -> bool:
    """Return True when exactly the markers that were put into a file are found besides those that were there.

    before: the file without them; None where it has no markers and cannot come to be read differently.
    """
    try:
        after = setters.find_markers(edited)
    except setters.Unparsable:
        return False
    stray, marked = (len(before.stray_markers), before.markers) if before else (0, ())
    if (before and after.event_signatures != before.event_signatures) or len(after.stray_markers) != stray:
        return False
    expected = {(marker.line, marker.column): marker.setter for marker in marked}
    expected |= {(insertion.slot.line, insertion.slot.column): insertion.setter for _, insertion in placed}
    return {(marker.line, marker.column): marker.setter for marker in after.markers} == expected


def _write(bom: bytes, text: str, placed: Sequence[Placed]) -> bytes:
    pieces, at = [], 0
    for offset, insertion in placed:
        pieces += [text[at:offset], " ", format_marker(insertion.setter)]
        at = offset
    return bom + "".join((*pieces, text[at:])).encode()
