"""Targets put into an automation that a file holds already, and nothing else.

As with markers, whether it works is tried: the file is read again, and has to hold the same objects but for targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints
from msgspec import structs

from api.imageupdateautomation import MAX_TARGETS, ImageUpdateAutomation, UpdateTarget
from controllers.adoption.targets import NewTarget, relative_to_update_path
from controllers.documents.manifests import ObjectInFile, find_manifests
from controllers.documents.nodes import Mapping as MappingNode
from controllers.documents.nodes import Node, Scalar, Unparsable, pairs
from controllers.documents.nodes import Sequence as SequenceNode

Item = dict[str, str]


@dataclass(slots=True)
class Placement:
    """Where targets went."""

    edits: dict[str, bytes] = field(default_factory=dict)
    """New content of files with automations."""
    by_hand: list[tuple[str, Item]] = field(default_factory=list)
    """Automations, and what somebody has to add to the targets of each."""
    nowhere: list[NewTarget] = field(default_factory=list)
    """Those of files that no automation looks into."""


def place_targets(
    targets: Sequence[NewTarget],
    automations: Sequence[ImageUpdateAutomation],
    files: Mapping[str, bytes],
    edits: Mapping[str, bytes],
    *,
    folder: str,
) -> Placement:
    """Put targets into the first automation that looks into their file.

    files: those with automations that can be edited, by path; edits: what some of them are to become anyway.
    folder: the one that is adopted, as seen from the root of the repository. Never raises.
    """
    placed = Placement()
    wanted: dict[tuple[str, str], list[Item]] = {}
    for target in targets:
        for automation in automations:
            if (relative := relative_to_update_path(automation, target.file, folder)) is not None:
                key = (automation.metadata.namespace, automation.metadata.name)
                wanted.setdefault(key, []).append(target.to_item(relative))
                break
        else:
            placed.nowhere.append(target)
    for (namespace, name), items in wanted.items():
        contents: MutableMapping[str, bytes] = {**files, **{path: edits[path] for path in files if path in edits}}
        contents.update(placed.edits)
        if (edited := _edit(contents, namespace, name, items)) is None:
            placed.by_hand += [("/".join(filter(None, (namespace, name))), item) for item in items]
        else:
            placed.edits |= edited
    return placed


def _edit(files: Mapping[str, bytes], namespace: str, name: str, items: Sequence[Item]) -> dict[str, bytes] | None:
    """Return the file of an automation with more targets; None where it is not found or cannot be edited soundly."""
    for path, data in files.items():
        found = _find(path, data)
        at = next((number for number, one in enumerate(found) if _is(one, namespace, name)), None)
        if at is not None:
            edited = _insert(data, found[at], items)
            is_sound = edited is not None and _holds(found, _find(path, edited), at, items)
            return {path: edited} if edited is not None and is_sound else None
    return None


def _find(path: str, data: bytes) -> list[ObjectInFile]:
    try:
        return find_manifests(path, data)
    except Unparsable:
        return []


def _is(manifest: ObjectInFile, namespace: str, name: str) -> bool:
    one = manifest.object
    return isinstance(one, ImageUpdateAutomation) and (one.metadata.namespace, one.metadata.name) == (namespace, name)


def _insert(data: bytes, manifest: ObjectInFile, items: Sequence[Item]) -> bytes | None:
    """Return the file with items before the first target, or behind a value of one line in `spec.update`."""
    spec = manifest.node.get("spec")
    update = spec.get("update") if isinstance(spec, MappingNode) else None
    if not isinstance(update, MappingNode) or not update.items or _is_flow(update.items[0][0]):
        return None
    targets = update.get("targets")
    lines = data.splitlines(keepends=True)
    if isinstance(targets, SequenceNode) and targets.items:
        at, indent, head = targets.line - 1, targets.column - 1, ""
    elif targets is None and (last := max(_one_line_values(update), default=0)):
        at, indent, head = last, update.column - 1, "targets:"
    else:
        return None
    if at and not lines[at - 1].endswith((b"\n", b"\r")):
        lines[at - 1] += b"\n"
    end = "\r\n" if lines[0].endswith(b"\r\n") else "\n"
    text = yaml.safe_dump(list(items), sort_keys=False, width=10_000, allow_unicode=True)
    new = [*([head] if head else []), *text.splitlines()]
    block = "".join(f"{' ' * indent}{line}{end}" for line in new).encode()
    return b"".join((*lines[:at], block, *lines[at:]))


def _is_flow(node: Node) -> bool:
    return isinstance(node, Scalar) and node.in_flow


def _one_line_values(update: MappingNode) -> Iterator[int]:
    for _, value in pairs(update):
        if isinstance(value, Scalar) and not value.is_block and value.line == value.end_line:
            yield value.line


def _holds(before: Sequence[ObjectInFile], after: Sequence[ObjectInFile], at: int, items: Sequence[Item]) -> bool:
    """Return whether the objects are the same, but for an automation with more targets."""
    expected: list[Any] = [one.object for one in before]
    automation = expected[at]
    new = tuple(UpdateTarget(**item) for item in items)
    update = structs.replace(automation.spec.update, targets=(*new, *automation.spec.update.targets))
    expected[at] = structs.replace(automation, spec=structs.replace(automation.spec, update=update))
    return len(expected[at].spec.update.targets) <= MAX_TARGETS and [one.object for one in after] == expected
