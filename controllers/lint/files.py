"""The files that lint looks at: their markers, their objects, and where in them something is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from controllers import setters
from controllers.documents.manifests import ObjectInFile, find_manifests, may_hold_objects
from controllers.documents.nodes import Mapping, Node, Scalar, Sequence, load, resolve_alias
from controllers.image.ref import ImageRef
from controllers.setters.line_markers import apply_lines
from controllers.setters.marker import Marker

_SPELLINGS = (b"imagepolicy", b"imagePolicy", b"IMAGEPOLICY")


@dataclass(frozen=True, slots=True)
class LintedFile:
    """A file that has markers, or comments that were meant as some."""

    path: str
    data: bytes
    is_yaml: bool
    """By its name; any other file is edited line by line."""
    markers: tuple[Marker, ...]
    """Those that count; none for a file that is not YAML."""
    findings: tuple[setters.FileFinding, ...]
    """Without those on policies, which are not known at this point."""
    is_encrypted: bool


@dataclass(slots=True)
class Files:
    """What the files of a repository say about image automation."""

    marked: list[LintedFile] = field(default_factory=list)
    manifests: list[ObjectInFile] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    """Of all files."""


class _AnyPolicy(dict[str, ImageRef]):
    """Has an image for every policy."""

    def get(self, key: str, default: ImageRef | None = None) -> ImageRef:  # type: ignore[override]
        return ImageRef("image", "tag", "digest")


def read_all(files: Iterable[tuple[str, bytes]]) -> Files:
    """Return what files say. Most cost three searches in their bytes. Never raises."""
    found = Files()
    for path, data in files:
        is_yaml = setters.is_candidate(path)
        found.paths.append(path)
        if is_yaml and may_hold_objects(data):
            with suppress(setters.Unparsable):  # that a file is not YAML counts where it has markers
                found.manifests += find_manifests(path, data)
        if any(spelling in data for spelling in _SPELLINGS):
            marked = _read_markers(path, data, is_yaml=is_yaml)
            if marked.markers or marked.findings:
                found.marked.append(marked)
    return found


def _read_markers(path: str, data: bytes, *, is_yaml: bool) -> LintedFile:
    edit = setters.apply(path, data, {}) if is_yaml else apply_lines(path, data, {})
    findings = edit.findings
    if any(finding.reason is setters.FindingReason.MORE for finding in findings):
        findings = (setters.apply if is_yaml else apply_lines)(path, data, _AnyPolicy()).findings
    markers: tuple[Marker, ...] = ()
    is_encrypted = False
    if is_yaml:
        with suppress(setters.Unparsable):
            markers = setters.find_markers(data).markers
            is_encrypted = bool(markers) and b"sops" in data and _has_sops(data)
        findings = tuple(one for one in findings if one.reason is not setters.FindingReason.UNKNOWN_POLICY)
    return LintedFile(path, data, is_yaml, markers, findings, is_encrypted)


def _has_sops(data: bytes) -> bool:
    return any(isinstance(root, Mapping) and isinstance(root.get("sops"), Mapping) for root in load(data))


def find_comment(data: bytes, line: int) -> tuple[int, int, int]:
    """Return where on a line a comment about markers begins: its column, and start and end as offsets in bytes.

    The column is 0 where there is none.
    """
    lines = data.split(b"\n")
    if not 0 < line <= len(lines):
        return 0, 0, 0
    text = lines[line - 1].rstrip(b"\r")
    found = re.search(rb"(?:#|//)[^#]*?imagepolicy", text, re.IGNORECASE)
    if not found:
        return 0, 0, 0
    offset = sum(map(len, lines[: line - 1])) + line - 1
    return len(text[: found.start()].decode("utf-8", "replace")) + 1, offset + found.start(), offset + len(text)


def locate(node: Node, path: str) -> tuple[int, int]:
    """Return line and column of what a path of keys leads to, or of as much of it as exists; items are numbers."""
    at: Node = node
    for key in path.split(".") if path else ():
        inner: Node | None = None
        if isinstance(at, Mapping):
            inner = resolve_alias(at.get(key))
        elif isinstance(at, Sequence) and key.isdecimal() and int(key) < len(at.items):
            inner = at.items[int(key)]
        if inner is None:
            break
        at = inner
    return at.line, at.column


def locate_key(node: Mapping, path: str) -> tuple[int, int]:
    """Return line and column of the last key of a path that exists."""
    parent, _, name = path.rpartition(".")
    at: Node | None = node
    for key in parent.split(".") if parent else ():
        if isinstance(at, Mapping):
            at = resolve_alias(at.get(key))
        elif isinstance(at, Sequence) and key.isdecimal() and int(key) < len(at.items):
            at = at.items[int(key)]
    if isinstance(at, Mapping):
        for found, _ in at.items:
            if isinstance(found, Scalar) and found.value == name:
                return found.line, found.column
    return locate(node, path)
