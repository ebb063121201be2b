"""The new bytes of a file that targets name: as `splice` does for markers, for the scalars that paths lead to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from controllers.image.ref import ImageRef
from controllers.setters.attempts import mentions_marker
from controllers.setters.errors import Unparsable
from controllers.setters.findings import (
    MAX_QUOTED_CHARS,
    FileFinding,
    FindingReason,
    limit_findings,
    no_digest,
    refused,
    reverted,
    unresolved,
)
from controllers.setters.marker import EnclosingObject, Marker, MarkerScan
from controllers.setters.markers import BOM, decode, find_markers
from controllers.setters.refs import Unresolved, lacks_digest, resolve
from controllers.setters.scalars import PLAIN, STRING_TAG, reads_as_string
from controllers.setters.splice import FileEdit, Reverts, is_reverted, list_changes, write_values
from controllers.setters.targets.nodes import Node, NodeKind, Tree, read_json, read_yaml
from controllers.setters.targets.paths import BadPath, follow, parse_path
from controllers.setters.targets.target import Target

_IDENTITY = (("apiVersion", "api_version"), ("kind", "kind"))
_METADATA = (("namespace", "namespace"), ("name", "name"))


@dataclass(frozen=True, slots=True)
class TargetPlace:
    """The one value that a target names in a file, in the form of a marked one."""

    target: Target
    marker: Marker


@dataclass(frozen=True, slots=True)
class _Places:
    places: tuple[TargetPlace, ...]
    findings: tuple[FileFinding, ...]
    tree: Tree


def read_tree(path: str, data: bytes) -> Tree:
    """Return the documents of a file. Raises Unparsable."""
    text = decode(data)
    return read_json(text) if is_json(path) else read_yaml(text)


def is_json(path: str) -> bool:
    """Return True for files that are read as JSON: `*.json`. All others are read as YAML."""
    return path.endswith(".json")


def find_places(path: str, data: bytes, targets: Sequence[Target]) -> tuple[TargetPlace, ...]:
    """Return the values that targets name in a file, in its order. Raises Unparsable."""
    return _find(path, data, targets).places


def apply_targets(
    edit: FileEdit, targets: Sequence[Target], refs: Mapping[str, ImageRef], *, reverts: Reverts
) -> FileEdit:
    """Return what an edit becomes when the targets of its file are written, too. Never raises for what a file contains.

    targets: those that mean the file. Applying again to the result changes nothing.
    """
    path, data = edit.file, edit.data
    try:
        found = _find(path, data, targets)
    except Unparsable as error:
        reason = FindingReason.NOT_JSON if is_json(path) else FindingReason.UNPARSABLE
        message = f"left alone: {error}. The targets in it are not followed until that is mended"
        unread = FileFinding(path, error.line, "", reason, message)
        known = any(finding.reason is reason for finding in edit.findings)
        return edit if known else replace(edit, findings=limit_findings([*edit.findings, unread]))
    findings = list(found.findings)
    values: list[tuple[Marker, str]] = []
    for place in found.places:
        value = _value(path, place, refs, reverts=reverts, findings=findings)
        if value is not None and not _is_current(path, place.marker, value):
            values.append((place.marker, value))
    findings.sort(key=lambda finding: finding.line)
    before = edit.changes
    if not values:
        return replace(edit, findings=limit_findings([*edit.findings, *findings]))
    edited = _write(path, data, found.tree, values)
    if isinstance(edited, str):
        findings.append(refused(path, values[0][0].line, values[0][0].setter, edited))
        return replace(edit, findings=limit_findings([*edit.findings, *findings]))
    changes = sorted((*before, *list_changes(path, values)), key=lambda change: change.line)
    return FileEdit(path, edited, tuple(changes), limit_findings([*edit.findings, *findings]), edit.markers)


def _value(
    path: str, place: TargetPlace, refs: Mapping[str, ImageRef], *, reverts: Reverts, findings: list[FileFinding]
) -> str | None:
    """Return what a value is to be, None where it stays; findings: gets why."""
    marker, target = place.marker, place.target.path
    value = resolve(marker.setter, refs)
    if isinstance(value, Unresolved):
        findings.append(replace(unresolved(path, marker.line, marker.setter, value), target=target))
        return None
    if lacks_digest(marker.setter, value):
        findings.append(replace(no_digest(path, marker.line, marker.setter), target=target))
        return None  # an empty value could not be told from one that is missing
    if value != marker.value and is_reverted(reverts, path, marker.setter, old=marker.value, new=value):
        findings.append(replace(reverted(path, marker.line, marker.setter, old=marker.value, new=value), target=target))
        return None
    return value


def _is_current(path: str, marker: Marker, value: str) -> bool:
    """Return whether a value is there already, and as a string: readers make 1.1 of an unquoted 1.10."""
    is_string = marker.style != PLAIN or marker.tag == STRING_TAG or (not is_json(path) and reads_as_string(value))
    return value == marker.value and is_string


def _write(path: str, data: bytes, tree: Tree, values: list[tuple[Marker, str]]) -> bytes | str:
    if not is_json(path):
        return write_values(data, MarkerScan((), (), tree.signatures), values)
    pieces: list[bytes] = []
    at = 0
    for marker, value in values:
        pieces += (data[at : marker.start], json.dumps(value).encode())
        at = marker.end
    return b"".join((*pieces, data[at:]))


def _find(path: str, data: bytes, targets: Sequence[Target]) -> _Places:
    """Return the values that targets name, and why others name none. Raises Unparsable."""
    text = decode(data)
    tree = read_json(text) if is_json(path) else read_yaml(text)
    offset = _Offsets(text, data)
    marked = _marked_starts(path, data)
    findings: list[FileFinding] = []
    places: dict[int, TargetPlace] = {}
    for target in targets:
        node = _find_node(path, target, tree)
        if isinstance(node, FileFinding):
            findings.append(node)
            continue
        marker = _marker(node, target, tree, offset)
        if marker.start in marked:
            findings.append(_unfit(path, target, node.line, "the value has a marker already: remove one of the two"))
        elif marker.start in places:
            other = places[marker.start].target
            findings.append(_unfit(path, target, node.line, f"{other.path} of another target names the same value"))
        else:
            places[marker.start] = TargetPlace(target, marker)
    return _Places(tuple(places[start] for start in sorted(places)), tuple(findings), tree)


def _find_node(path: str, target: Target, tree: Tree) -> Node | FileFinding:
    """Return the one scalar that a target names, or why there is none."""
    try:
        found = follow(parse_path(target.path), tree.roots)
    except BadPath as error:
        return _finding(path, target, 0, FindingReason.TARGET_INVALID, str(error))
    if len(found.nodes) > 1:
        lines = ", ".join(str(node.line) for node in found.nodes[:5])
        message = (
            f"{len(found.nodes)} values are at this path (lines {lines}{', …' if len(found.nodes) > 5 else ''}): "
            "extend the path until it leads to one"
        )
        return _finding(path, target, found.nodes[0].line, FindingReason.TARGET_AMBIGUOUS, message)
    if found.obstacles:
        line = found.nodes[0].line if found.nodes else 0
        return _unfit(
            path, target, line, f"it leads to {found.obstacles[0]}: an edit would change other places, or none, as well"
        )
    if not found.nodes:
        return _finding(
            path, target, 0, FindingReason.TARGET_NOT_FOUND, "there is no value at this path: correct it, or add one"
        )
    (node,) = found.nodes
    if node.kind is not NodeKind.SCALAR:
        return _unfit(path, target, node.line, f"{node.kind.value} is at this path: extend it to one value in it")
    if node.is_missing:
        return _unfit(path, target, node.line, 'the value at this path is empty: write a first one, or ""')
    return node


def _marker(node: Node, target: Target, tree: Tree, offset: "_Offsets") -> Marker:
    return Marker(
        start=offset(node.start),
        end=offset(node.end),
        style=node.style,
        tag=node.tag,
        document=0,
        path=target.path,
        line=node.line,
        column=offset.column(node.start),
        value=node.value,
        setter=target.setter,
        owner=_owner(node, tree),
        ordinal=node.ordinal,
    )


def _owner(node: Node, tree: Tree) -> EnclosingObject:
    """Return the fields that name the object of the document that a node is in."""
    root = next((one for one in reversed(tree.roots) if one.start <= node.start), None)
    owner = EnclosingObject()
    if root is None:
        return owner
    metadata = next(root.values("metadata"), None)
    for holder, names in ((root, _IDENTITY), (metadata, _METADATA)):
        for key, name in names if holder else ():
            scalar = next(holder.values(key), None)  # type: ignore[union-attr]
            if scalar and scalar.kind is NodeKind.SCALAR:
                owner.fields[name] = (scalar.ordinal, scalar.value)
    return owner


def _marked_starts(path: str, data: bytes) -> set[int]:
    """Return where marked values begin: those are up to their markers."""
    if is_json(path) or not mentions_marker(data):
        return set()
    try:
        return {marker.start for marker in find_markers(data).markers}
    except Unparsable:
        return set()


class _Offsets:
    """Turns offsets in code points into offsets in bytes, the byte-order mark counted."""

    def __init__(self, text: str, data: bytes) -> None:
        self._text = text
        self._is_ascii = text.isascii()
        self._mark = len(BOM.encode()) if data.startswith(BOM.encode()) else 0

    def __call__(self, index: int) -> int:
        return self._mark + (index if self._is_ascii else len(self._text[:index].encode()))

    def column(self, index: int) -> int:
        return index - self._text.rfind("\n", 0, index)


def missing(targets: Sequence[Target], met: set[Target]) -> Iterator[FileFinding]:
    """Yield a finding for each target that is wrong by itself, or that no file was met for."""
    for target in targets:
        if fault := target.fault:
            yield _finding(target.file, target, 0, FindingReason.TARGET_INVALID, fault)
        elif target not in met:
            message = f"no file below spec.update.path is what '{target.file[:MAX_QUOTED_CHARS]}' means: correct it"
            yield _finding(target.file, target, 0, FindingReason.TARGET_NOT_FOUND, message)


def _unfit(path: str, target: Target, line: int, message: str) -> FileFinding:
    return _finding(path, target, line, FindingReason.TARGET_UNFIT, message)


def _finding(path: str, target: Target, line: int, reason: FindingReason, message: str) -> FileFinding:
    text = f"target {target.path[:MAX_QUOTED_CHARS]}: {message}"
    return FileFinding(path, line, target.setter[:MAX_QUOTED_CHARS], reason, text, target.path)
