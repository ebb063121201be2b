"""What another image would change in files, whether they are marked or not. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from controllers.adoption.finder import find_occurrences, may_name_images
from controllers.adoption.instructions import full_name
from controllers.adoption.occurrences import Occurrence, Slot
from controllers.image.ref import ImageRef
from controllers.image.setter import Setter
from controllers.setters import Unparsable
from controllers.setters.markers import BOM, decode
from controllers.setters.scalars import DOUBLE, PLAIN, SINGLE, rewrite
from controllers.setters.targets import is_json

NOT_AS_MEANT: Final = "with another image the file would read in another way"
_STYLES: Final = {"'": SINGLE, '"': DOUBLE}


@dataclass(frozen=True, slots=True)
class TrialChange:
    """One value that would be replaced."""

    file: str
    line: int
    old: str
    new: str


@dataclass(slots=True)
class Trial:
    """What would change."""

    occurrences: list[Occurrence] = field(default_factory=list)
    """All occurrences of the image, also those that cannot be edited."""
    changes: list[TrialChange] = field(default_factory=list)
    """In the order of the files."""
    edits: dict[str, bytes] = field(default_factory=dict)
    """New content by file."""


def try_image(files: Iterable[tuple[str, bytes]], image: ImageRef) -> Trial:
    """Return what files would become if the image's occurrences named this tag. Never raises.

    Places count whose image is the same, however they spell its name; the spelling stays.
    """
    trial = Trial()
    for path, data in files:
        if may_name_images(data):
            _try_file(trial, path, data, image)
    return trial


def _try_file(trial: Trial, path: str, data: bytes, image: ImageRef) -> None:
    occurrences = _occurrences_of(path, data, image)
    text = decode(data) if occurrences else ""
    changes = [change for occurrence in occurrences for change in _changes(path, text, occurrence, image)]
    edited = _write(text, changes, bom=data.startswith(BOM.encode()))
    if changes and len(_occurrences_of(path, edited, image)) != len(occurrences):
        trial.occurrences += [
            replace(occurrence, slots=(), obstacle=occurrence.obstacle or NOT_AS_MEANT) for occurrence in occurrences
        ]
        return
    trial.occurrences += occurrences
    if changes:
        trial.edits[path] = edited
        trial.changes += [TrialChange(path, slot.line, old, new) for slot, old, new, _ in changes]


def _occurrences_of(path: str, data: bytes, image: ImageRef) -> list[Occurrence]:
    name = full_name(image.name)
    try:
        return [
            occurrence
            for occurrence in find_occurrences(path, data)
            if occurrence.image and full_name(occurrence.image) == name
        ]
    except Unparsable:
        return []


_Change = tuple[Slot, str, str, str]
"""Slot, old value, new value, new source text."""


def _changes(path: str, text: str, occurrence: Occurrence, image: ImageRef) -> Iterator[_Change]:
    spelled = replace(image, name=occurrence.image)
    for slot in occurrence.slots:
        source = text[slot.start : slot.end]
        style = _STYLES.get(source[:1], PLAIN)
        old = source if style == PLAIN else source[1:-1]
        new = Setter("", "", slot.part).value(spelled)
        if new and new != old:
            yield slot, old, new, json.dumps(new) if is_json(path) else rewrite(source, new, style=style, tag=None)


def _write(text: str, changes: Sequence[_Change], *, bom: bool) -> bytes:
    pieces, at = [], 0
    for slot, _, _, source in sorted(changes, key=lambda change: change[0].start):
        pieces += [text[at : slot.start], source]
        at = slot.end
    return (BOM.encode() if bom else b"") + "".join((*pieces, text[at:])).encode()
