"""A tree of objects, drawn or as a document, in the forms that `flux tree` has."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from controllers.net.foreign_text import escape

NOT_FOUND: Final = " (not found)"


@dataclass(slots=True)
class Node:
    """An object and what belongs to it."""

    group: str
    kind: str
    namespace: str
    """Empty for what has none."""
    name: str
    is_missing: bool = False
    """Something names it, and it is not in the cluster."""
    children: "list[Node]" = field(default_factory=list)

    @property
    def label(self) -> str:
        """What stands in a drawing."""
        parts = (self.kind, self.namespace, self.name)
        return escape("/".join(part for part in parts if part)) + (NOT_FOUND if self.is_missing else "")


def draw(node: Node) -> Iterator[str]:
    """Yield the lines of a drawing."""
    yield node.label
    yield from _branches(node, "")


def _branches(node: Node, before: str) -> Iterator[str]:
    for at, child in enumerate(node.children, 1):
        is_last = at == len(node.children)
        yield f"{before}{'└── ' if is_last else '├── '}{child.label}"
        yield from _branches(child, before + ("    " if is_last else "│   "))


def to_value(node: Node) -> dict[str, Any]:
    """Return the tree as a JSON value."""
    place = {
        "Namespace": node.namespace,
        "Name": node.name,
        "GroupKind": {"Group": node.group, "Kind": node.kind},
    }
    value: dict[str, Any] = {"resource": place}
    if node.is_missing:
        value["missing"] = True
    if node.children:
        value["resources"] = [to_value(child) for child in node.children]
    return value


def format_tree(node: Node, output: str) -> str:
    """Return the tree as text; output: `json`, `yaml`, or empty for a drawing."""
    if output == "json":
        import json  # noqa: PLC0415

        return json.dumps(to_value(node), indent=2) + "\n"
    if output == "yaml":
        from cli.yaml_text import to_yaml  # noqa: PLC0415

        return to_yaml(to_value(node))
    return "".join(f"{line}\n" for line in draw(node)) + "\n"
