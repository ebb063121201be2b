"""The objects of image automation that files hold: which, where, and as values of the API.

All three versions of the API are read alike. Whether a field makes sense is for others to ask; here only what cannot be
read at all is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import msgspec

from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.imageupdateautomation import ImageUpdateAutomation
from api.names import (
    GIT_REPOSITORIES,
    IMAGE_GROUP,
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    IMAGE_UPDATE_AUTOMATIONS,
    SOURCE_GROUP,
)
from controllers.documents.nodes import Mapping, Node, items, load, to_value

ApiObject: TypeAlias = ImageRepository | ImagePolicy | ImageUpdateAutomation | GitRepository
KINDS: dict[str, tuple[str, type[ApiObject]]] = {
    resource.kind: (resource.group, kind)
    for resource, kind in (
        (IMAGE_REPOSITORIES, ImageRepository),
        (IMAGE_POLICIES, ImagePolicy),
        (IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation),
        (GIT_REPOSITORIES, GitRepository),
    )
}
T = TypeVar("T", ImageRepository, ImagePolicy, ImageUpdateAutomation, GitRepository)


@dataclass(frozen=True, slots=True)
class ObjectInFile:
    """One object in a file."""

    file: str
    node: Mapping
    kind: str
    object: ApiObject | None
    """None where the document does not fit the kind; `fault` says why."""
    fault: str = ""


def may_hold_objects(data: bytes) -> bool:
    """Return False, at the cost of a search, for a file without objects of image automation."""
    return IMAGE_GROUP.encode() in data or SOURCE_GROUP.encode() in data


def find_manifests(file: str, data: bytes) -> list[ObjectInFile]:
    """Return the objects of image automation in a file, those of `List`s included. Raises Unparsable."""
    return [manifest for root in load(data) for manifest in _from_root(file, root)]


def objects_of(manifests: Iterable[ObjectInFile], kind: type[T]) -> list[T]:
    """Return the readable objects of one kind."""
    return [manifest.object for manifest in manifests if isinstance(manifest.object, kind)]


def _from_root(file: str, root: Node) -> Iterator[ObjectInFile]:
    if not isinstance(root, Mapping):
        return
    kind = root.text("kind")
    if kind.endswith("List"):
        for item in items(root.get("items")):
            if isinstance(item, Mapping):
                yield from _from_mapping(file, item)
    else:
        yield from _from_mapping(file, root)


def _from_mapping(file: str, node: Mapping) -> Iterator[ObjectInFile]:
    kind = node.text("kind")
    known = KINDS.get(kind)
    if known is None or not node.text("apiVersion").startswith(f"{known[0]}/"):
        return
    value = to_value(node)
    value.pop("status", None)
    try:
        yield ObjectInFile(file, node, kind, msgspec.convert(_as_texts(value), known[1]))
    except msgspec.ValidationError as error:
        yield ObjectInFile(file, node, kind, None, str(error))


def _as_texts(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what an API server drops: nulls, which mean the default."""
    return {
        key: _as_texts(inner) if isinstance(inner, dict) else inner for key, inner in value.items() if inner is not None
    }
