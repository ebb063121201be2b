"""Targets in the place of markers, for files that lose comments: JSON, what a tool writes, what the user says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from api.imageupdateautomation import MAX_TARGETS, WHOLE_IMAGE, ImageUpdateAutomation
from controllers import setters
from controllers.adoption.occurrences import Occurrence
from controllers.setters.globs import matches_any
from controllers.setters.targets import Names, Unnameable, find_places, is_json, read_tree
from controllers.update.targets import to_targets

TOO_MANY: Final = f"an automation has at most {MAX_TARGETS} targets: name this one in another automation"
ODD_NAME: Final = "no glob means this file alone: give it a shorter name, without * ? ["
_MAX_FILE: Final = 256
_HEAD: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*|---[^\n]*)?\r?\n){0,20}")
_GENERATED: Final = re.compile(
    rb"@generated\b|\bcode generated\b|\b(?:auto-?|automatically )?generated (?:by|from|with)\b|\bdo not edit\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class NewTarget:
    """An item of `spec.update.targets` that is proposed."""

    file: str
    """Relative to the folder that is adopted."""
    path: str
    policy: str
    part: str

    def to_item(self, relative: str) -> dict[str, str]:
        """Return the item. relative: the file as seen from the automation's update path."""
        file = relative if "/" in relative else f"/{relative}"  # without a slash it would mean files of any folder
        return {"file": file, "path": self.path, "policy": self.policy, "part": self.part}


def loses_comments(path: str, data: bytes, globs: Sequence[str]) -> bool:
    """Return whether the values of a file are to be named by targets. globs: of files for which the user wants that."""
    if is_json(path) or matches_any(path, globs):
        return True
    head = _HEAD.match(data)
    assert head is not None
    return _GENERATED.search(head[0]) is not None and not setters.has_marker(data)


class TargetNames:
    """Names the values of one file."""

    def __init__(self, path: str, data: bytes) -> None:
        self._path = path
        self._fault = ODD_NAME if re.search(r"[*?\[]", path) or len(path) >= _MAX_FILE else ""
        self._names: Names | None = None
        try:
            self._names = Names(read_tree(path, data))
        except setters.Unparsable as error:
            self._fault = f"targets are not followed in this file: {error}"

    def name(self, occurrence: Occurrence) -> Occurrence:
        """Return an occurrence with paths to its slots, or with the reason why there are none."""
        if self._fault or self._names is None:
            return replace(occurrence, slots=(), obstacle=self._fault)
        try:
            paths = tuple(self._names.path_of(slot.start) for slot in occurrence.slots)
        except Unnameable as error:
            return replace(occurrence, slots=(), obstacle=f"no path names this value alone: {error}")
        return replace(occurrence, targets=paths)


def new_targets(occurrence: Occurrence, policy: str) -> list[NewTarget]:
    """Return the targets of an occurrence that has paths."""
    return [
        NewTarget(occurrence.file, path, policy, slot.part or WHOLE_IMAGE)
        for slot, path in zip(occurrence.slots, occurrence.targets, strict=True)
    ]


def without_named(
    occurrences: Iterable[Occurrence],
    contents: Mapping[str, bytes],
    automations: Sequence[ImageUpdateAutomation],
    folder: str,
) -> list[Occurrence]:
    """Return the occurrences that no automation names by a target.

    contents: of the files with occurrences; folder: the one that is adopted, as seen from the root of the repository.
    """
    targets = [(automation, to_targets(automation)) for automation in automations if automation.spec.update.targets]
    if not targets:
        return list(occurrences)
    named: dict[str, set[tuple[int, int]]] = {}
    kept = []
    for occurrence in occurrences:
        file = occurrence.file
        if file not in named:
            named[file] = {
                place for one, found in targets for place in _places(one, found, file, contents[file], folder)
            }
        if not any((slot.line, slot.column) in named[file] for slot in occurrence.slots):
            kept.append(occurrence)
    return kept


def relative_to_update_path(automation: ImageUpdateAutomation, file: str, folder: str) -> str | None:
    """Return a file of the adopted folder as seen from an automation's update path; None where it lies outside."""
    try:
        base = setters.resolve_update_path(automation.spec.update.path)
    except setters.UpdatePathOutside:  # lint reports it
        return None
    return setters.relative_to("/".join(filter(None, (folder, file))), base)


def _places(
    automation: ImageUpdateAutomation, targets: Sequence[setters.Target], file: str, data: bytes, folder: str
) -> list[tuple[int, int]]:
    relative = relative_to_update_path(automation, file, folder)
    meant = [one for one in targets if relative is not None and not one.fault and one.means(relative)]
    try:
        found: Any = find_places(file, data, meant) if meant else ()
    except setters.Unparsable:
        return []
    return [(place.marker.line, place.marker.column) for place in found]
