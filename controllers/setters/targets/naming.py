"""Paths for values: what a target has to say to name one.

An item of a list is named by its `name` where it has one, since numbers change with the order. Each path is followed
before it is given out: it leads to the value that was meant, and to no other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controllers.setters.targets.nodes import Node, NodeKind, Tree
from controllers.setters.targets.paths import BadPath, follow, format_key, format_text, parse_path

_NAME = "name"


class Unnameable(Exception):
    """A value that no path leads to alone; the text says why."""


@dataclass(frozen=True, slots=True)
class _Link:
    """A node, and the way to it."""

    node: Node
    above: "_Link | None" = None
    key: str | None = None
    number: int = 0


class Names:
    """Finds paths for the values of one file. Building it takes time linear in the size of the file."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._links: dict[int, _Link] = {}
        waiting = [_Link(root) for root in tree.roots]
        while waiting:
            link = waiting.pop()
            if link.node.kind is NodeKind.SCALAR:
                self._links[link.node.start] = link
            waiting += (_Link(inner, link, key, number) for number, (key, inner) in enumerate(link.node.inner))

    def path_of(self, start: int) -> str:
        """Return a JSONPath to the scalar that begins at an offset, in code points. Raises Unnameable."""
        link = self._links.get(start)
        if link is None:
            raise Unnameable("no value is read there")
        by_name, by_number = _format(link, by_name=True), _format(link, by_name=False)
        if by_name is None or by_number is None:
            raise Unnameable("a key on the way to it is no text")
        if self._why_unfit(by_name, link.node):
            if reason := self._why_unfit(by_number, link.node):
                raise Unnameable(reason)
            return by_number
        return by_name

    def _why_unfit(self, path: str, node: Node) -> str:
        """Return why a path does not lead to a scalar alone; empty where it does."""
        try:
            found = follow(parse_path(path), self._tree.roots)
        except BadPath as error:
            return str(error)
        if found.obstacles:
            return f"the way to it leads to {found.obstacles[0]}"
        if [one.start for one in found.nodes] == [node.start]:
            return ""
        lines = ", ".join(str(one.line) for one in found.nodes[:5])
        return f"{path} leads to {len(found.nodes)} values (lines {lines}), and a target names one"


def _format(link: _Link, *, by_name: bool) -> str | None:
    """Return the way to a node as a path; None where a key on it is no scalar."""
    steps = list(_steps(link, by_name=by_name))
    return None if None in steps else "$" + "".join(step or "" for step in reversed(steps))


def _steps(link: _Link | None, *, by_name: bool) -> Iterator[str | None]:
    """Yield the steps to a node, the last one first."""
    while link is not None and link.above is not None:
        if link.above.node.kind is NodeKind.MAP:
            yield None if link.key is None else format_key(link.key)
        else:
            name = next((one for one in link.node.values(_NAME) if one.kind is NodeKind.SCALAR), None)
            named = f"[?(@.{_NAME}=={format_text(name.value)})]" if name and by_name else ""
            yield named or f"[{link.number}]"
        link = link.above
