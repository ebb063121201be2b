"""How objects of tagline's kinds hang together: what one is made from, and what is made from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from api.resource import Resource
from cli import fields
from cli.kinds import KINDS
from cli.kinds.kind import CliKind, Object
from cli.trees.tree import Node

if TYPE_CHECKING:
    from cli.kube.client import Cluster

Id = tuple[str, str, str]
"""Kind, namespace, name."""


@dataclass(slots=True)
class Relations:
    """All objects of tagline's kinds, and the edges between them."""

    made_from: dict[Id, list[Id]] = field(default_factory=dict)
    used_by: dict[Id, list[Id]] = field(default_factory=dict)
    _objects: dict[Id, tuple[CliKind, Object]] = field(default_factory=dict)
    _places: dict[tuple[str, str], list[Object]] = field(default_factory=dict)
    """Objects by kind and namespace."""
    _unread: set[str] = field(default_factory=set)
    """Kinds of which not all objects could be read: one that is not known may be there."""

    @classmethod
    def read(cls, cluster: "Cluster", namespace: str) -> "Relations":
        """Read the objects of all namespaces, or of the one where only that is allowed. Raises ApiError."""
        found = cls()
        for kind in KINDS:
            found._add(kind, found._list(cluster, kind, namespace))
        for own, (kind, obj) in found._objects.items():
            edges = list(dict.fromkeys(found._edges(kind, obj)))
            found.made_from[own] = edges
            for edge in edges:
                found.used_by.setdefault(edge, []).append(own)
        return found

    def tree(self, root: Id, *, direct_only: bool) -> Node:
        """Return an object with what it is made from, and what that is, and with what is made from it, and so on.

        direct_only: without what is more than one step away.
        """
        node = self._node(root)
        for edges in (self.made_from, self.used_by):
            for neighbour in edges.get(root, ()):
                node.children.append(self._node(neighbour))
                if not direct_only:
                    self._grow(node.children[-1], neighbour, edges, seen=(root, neighbour))
        return node

    def _grow(self, node: Node, own: Id, edges: dict[Id, list[Id]], *, seen: tuple[Id, ...]) -> None:
        for neighbour in edges.get(own, ()):
            if neighbour not in seen:
                node.children.append(self._node(neighbour))
                self._grow(node.children[-1], neighbour, edges, seen=(*seen, neighbour))

    def _node(self, own: Id) -> Node:
        kind, namespace, name = own
        group = next((one.resource.group for one in KINDS if one.kind == kind), "")
        is_missing = own not in self._objects and kind not in self._unread
        return Node(group, kind, namespace, name, is_missing=is_missing)

    def _list(self, cluster: "Cluster", kind: CliKind, namespace: str) -> list[Object]:
        from controllers.runtime.kube.errors import Forbidden, NotFound  # noqa: PLC0415 -- loaded with the cluster

        try:
            return list(cluster.list(kind.resource, page_size=0))
        except NotFound:  # no such kind
            return []
        except Forbidden:
            self._unread.add(kind.kind)
        try:
            return list(cluster.list(kind.resource, namespace, page_size=0))
        except Forbidden:
            return []

    def _add(self, kind: CliKind, objects: list[Object]) -> None:
        for obj in objects:
            own = id_of(kind.resource, obj)
            self._objects[own] = (kind, obj)
            self._places.setdefault(own[:2], []).append(obj)

    def _edges(self, kind: CliKind, obj: Object) -> Iterator[Id]:
        for ref in kind.references(obj):
            yield ref.resource.kind, ref.namespace, ref.name
        for selector in kind.selectors:
            wanted = fields.field(obj, "spec", selector.field)
            place = (selector.resource.kind, obj["metadata"].get("namespace", ""))
            yield from (id_of(selector.resource, one) for one in self._places.get(place, ()) if _selects(wanted, one))


def id_of(resource: Resource, obj: Object) -> Id:
    """Return what an object is known by."""
    return resource.kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _selects(selector: object, obj: Object) -> bool:
    """Return whether labels are selected. A selector that is wrong selects nothing: the automation's status says so."""
    if selector is None:
        return True
    import msgspec  # noqa: PLC0415 -- only for objects that select

    from api.meta import LabelSelector  # noqa: PLC0415
    from api.selectors import BadSelector, matches  # noqa: PLC0415

    try:
        return matches(msgspec.convert(selector, LabelSelector), fields.mapping(obj, "metadata", "labels"))
    except (BadSelector, msgspec.ValidationError):
        return False
