"""Find the images that a file names, by their shape: workloads of any kind, Helm values, kustomizations, compose files.

No list of kinds: whatever looks like an image in a Kubernetes object is one, so custom resources need no row here.
Objects whose images are no deployments (definitions of kinds, image automation itself) are left out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from controllers.adoption import occurrences
from controllers.adoption.occurrences import Occurrence, is_reference
from controllers.adoption.shapes import Context, is_telling, match_kustomize, match_mapping, match_text, normalise
from controllers.documents.nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    Unparsable,
    items,
    load,
    load_text,
    mappings,
    pairs,
    resolve_alias,
)
from controllers.image.ref import split_image_ref

FOREIGN_GROUPS: Final = ("image.toolkit.fluxcd.io/", "argocd-image-updater.argoproj.io/")
FOREIGN_KINDS: Final = frozenset({"CustomResourceDefinition"})
COMPOSE: Final = "compose"
_KUSTOMIZE_KEYS: Final = frozenset({"newtag", "newname", "digest"})
_IMAGE_LINE: Final = re.compile(
    r"^[ \t]*(?:-[ \t]+)?[\"']?[A-Za-z_-]*[iI]mage[\"']?:[ \t]+(?P<value>\S.*)$", re.MULTILINE
)


def may_name_images(data: bytes) -> bool:
    """Return False, at the cost of a search or two, for a file that cannot name an image."""
    return b"mage" in data or b"repository" in data


def find_occurrences(file: str, data: bytes) -> list[Occurrence]:
    """Return the images that a file names, in its order. Raises Unparsable for a file that is not YAML.

    A file with Helm's template syntax that is not YAML is read line by line. file: a name for the occurrences.
    """
    context = Context(file, "")
    try:
        roots = load(data)
    except Unparsable:
        if b"{{" not in data:
            raise
        return list(_template_lines(file, data))
    found = [occurrence for root in roots for occurrence in _document(root, context)]
    return sorted(found, key=lambda occurrence: (occurrence.line, occurrence.column))


def _document(root: Node, context: Context) -> Iterator[Occurrence]:
    if not isinstance(root, Mapping):
        return
    kind, api_version = root.text("kind"), root.text("apiVersion")
    if kind in FOREIGN_KINDS or api_version.startswith(FOREIGN_GROUPS):
        return
    obstacle = context.obstacle or (occurrences.ENCRYPTED if _is_encrypted(root) else "")
    context = replace(context, form=describe_document(root, context.file), obstacle=obstacle)
    yield from _walk(root, context)


def _is_encrypted(root: Mapping) -> bool:
    sops = resolve_alias(root.get("sops"))
    return isinstance(sops, Mapping) and (sops.get("mac") is not None or sops.get("lastmodified") is not None)


def describe_document(root: Mapping, file: str) -> str:
    """Return what a document is, for people: `Deployment/web`, `Helm values`."""
    if kind := root.text("kind"):
        metadata = root.get("metadata")
        name = metadata.text("name") if isinstance(metadata, Mapping) else ""
        return f"{kind}/{name}" if name else kind
    if posixpath.basename(file).lower().startswith("kustomization"):
        return "Kustomization"
    return COMPOSE if isinstance(root.get("services"), Mapping) else "Helm values"


def _walk(root: Node, context: Context) -> Iterator[Occurrence]:
    """Yield the images below a node. Iterative: a file may nest deeper than Python calls."""
    certain = replace(context, untagged=True)
    stack: list[tuple[Node, str, bool]] = [(root, "", False)]
    while stack:
        node, parent, is_item = stack.pop()
        if isinstance(node, Mapping):
            leaves: dict[str, Node] = {}
            for key, value in pairs(node):
                leaves.setdefault(normalise(key.value), value)
            is_service = context.form == COMPOSE and parent == "services"
            is_container = is_item and ("name" in leaves or context.form == COMPOSE)
            if "image" in parent or parent == "helm" or any(map(is_telling, leaves)):
                yield from _mapping(leaves, parent, certain if is_container else context)
            stack += [(value, key, is_service) for key, value in leaves.items()]
        elif isinstance(node, Sequence):
            if parent == "images":
                yield from _texts(node.items, context)
            stack += [(item, parent, True) for item in node.items]
        elif isinstance(node, Scalar) and node.is_block:
            yield from _embedded(node, context)


def _mapping(leaves: dict[str, Node], parent: str, context: Context) -> Iterator[Occurrence]:
    if parent == "images" and not _KUSTOMIZE_KEYS.isdisjoint(leaves) and "name" in leaves:
        yield from match_kustomize(leaves, context)
        return
    yield from match_mapping(leaves, parent, context)
    if parent == "images":
        yield from _texts(leaves.values(), context)
    elif parent == "helm":
        yield from _parameters(leaves, context)


def _texts(nodes: Iterable[Node], context: Context) -> Iterator[Occurrence]:
    for node in nodes:
        if isinstance(node, Scalar):
            yield from match_text(node, context)


def _parameters(leaves: dict[str, Node], context: Context) -> Iterator[Occurrence]:
    """Yield the images of Argo CD's `helm.parameters`, in which `image.tag` is a name."""
    groups: dict[str, dict[str, Node]] = {}
    for entry in mappings(leaves.get("parameters")):
        name, value = entry.text("name"), entry.get("value")
        if name and value is not None:
            prefix, _, leaf = name.rpartition(".")
            groups.setdefault(prefix, {})[normalise(leaf)] = value
    for prefix, group in groups.items():
        yield from match_mapping(group, normalise(prefix.rpartition(".")[2]), context)


def _embedded(block: Scalar, context: Context) -> Iterator[Occurrence]:
    """Yield the images of YAML that is the text of a block scalar: no marker can stand there."""
    if "mage" not in block.value and "repository" not in block.value:
        return
    offset = context.line_offset + block.line
    inside = replace(context, obstacle=context.obstacle or _INSIDE_BLOCK, line_offset=offset)
    try:
        roots = load_text(block.value)
    except Unparsable:
        return
    for root in roots:
        for part in (root, *items(root)):
            if isinstance(part, Mapping):
                yield from (occurrence for occurrence in _walk(part, inside) if occurrence.image or occurrence.tag)


def _template_lines(file: str, data: bytes) -> Iterator[Occurrence]:
    text = data.decode("utf-8", "replace")
    for found in _IMAGE_LINE.finditer(text):
        value = found["value"].split(" #")[0].strip().strip("\"'")
        is_filled_in = "{{" in value
        if is_filled_in or is_reference(value, untagged=False):
            ref = split_image_ref("" if is_filled_in else value)
            line = text.count("\n", 0, found.start("value")) + 1
            column = found.start("value") - (text.rfind("\n", 0, found.start("value")) + 1) + 1
            obstacle = occurrences.TEMPLATE if is_filled_in else _IN_TEMPLATE
            yield Occurrence(file, line, column, "Helm template", ref.name, ref.tag, ref.digest, (), obstacle)


_INSIDE_BLOCK = "it is inside the text of a block scalar: use helm.valuesObject, inline values or a file of its own"
_IN_TEMPLATE = "the file is a Helm template, which is not YAML: move the image into the chart's values"
