"""An object of the manifests with everything that components make of it, each part with its condition.

kustomize applies a component's patches to what is there. A chart has to hold both, the object with the component and
the one without. So a patch changes nothing here: what it takes away gets the condition "without this component", what
it puts there "only with it". A component's paths count positions in lists as if no other component were there; that is
how they are written, and what it means to use several.

https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/patches/ and RFC 6902.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias


class PatchFailed(ValueError):
    """A patch does not fit the object; the text says which operation."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Which components have to be there, and which must not; empty: always."""

    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    def and_only(self, component: str) -> "Condition":
        """Return the condition with one more component that has to be there."""
        return replace(self, only=self.only | {component}) if component else self

    def and_without(self, component: str) -> "Condition":
        """Return the condition with one more component that must not be there."""
        return replace(self, without=self.without | {component})


ALWAYS = Condition()


@dataclass(frozen=True, slots=True)
class Text:
    """Template text in the place of a scalar."""

    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A part that a value of the chart gives as a whole."""

    expression: str
    is_optional: bool = True
    """Left out, with its key, where the value is empty."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """What a value of the chart gives, and where it is empty what manifests and components have."""

    test: str
    """Expression that holds where the value is not empty."""
    given: "Text | Setting"
    otherwise: "tuple[Alternative, ...]"


@dataclass(slots=True)
class Branch:
    """A map or a list."""

    kind: Literal["map", "list"]
    slots: "list[Slot]" = field(default_factory=list)
    appended: "list[str]" = field(default_factory=list)
    """Lines of template text behind the last part, at its indentation."""


Scalar: TypeAlias = str | int | float | bool | None
Node: TypeAlias = Branch | Text | Setting | Fallback | Scalar


@dataclass(slots=True)
class Alternative:
    """One of the parts that can stand in a slot."""

    node: Node
    condition: Condition = ALWAYS


@dataclass(slots=True)
class Slot:
    """A key of a map, or a position of a list, with what can stand there."""

    key: str
    """Empty in a list."""
    alternatives: list[Alternative]
    origin: str = ""
    """The component whose patch has made it."""


def plant(value: Any) -> Node:
    """Return the tree of an object, or of a part of one; all of it without conditions."""
    if isinstance(value, Mapping):
        return Branch("map", [Slot(str(key), [Alternative(plant(one))]) for key, one in value.items()])
    if isinstance(value, list):
        return Branch("list", [Slot("", [Alternative(plant(one))]) for one in value])
    scalar: Scalar = value
    return scalar


def patch(root: Node, operation: Mapping[str, Any], component: str) -> None:
    """Apply an operation of RFC 6902 (add, remove, replace, test), under the condition of its component.

    Raises PatchFailed when there is nothing to apply it to, or a test does not hold.
    """
    *parents, last = (key.replace("~1", "/").replace("~0", "~") for key in operation["path"][1:].split("/"))
    holders = [root]
    for key in parents:
        holders = [one.node for holder in holders for one in _visible(_find(holder, key, component), component)]
    branches = [holder for holder in holders if isinstance(holder, Branch)]
    try:
        if not branches:
            raise PatchFailed
        for branch in branches:
            _change(branch, last, operation, component)
    except PatchFailed as error:
        raise PatchFailed(f"{component}: cannot {operation['op']} {operation['path']}") from error


def _change(branch: Branch, key: str, operation: Mapping[str, Any], component: str) -> None:
    slot = _find(branch, key, component)
    match operation["op"]:
        case "add" if branch.kind == "list" or slot is None:
            if branch.kind == "list" and key != "-":
                raise PatchFailed
            name = key if branch.kind == "map" else ""
            made = Alternative(plant(operation["value"]), ALWAYS.and_only(component))
            branch.slots.append(Slot(name, [made], origin=component))
        case "add" | "replace" if slot is not None:
            _take_away(slot, component)
            made = Alternative(plant(operation["value"]), ALWAYS.and_only(component))
            slot.alternatives.append(made)
        case "remove" if slot is not None:
            _take_away(slot, component)
        case "test" if slot is not None:
            if not any(value_of(one.node) == operation["value"] for one in _visible(slot, component)):
                raise PatchFailed
        case _:
            raise PatchFailed


def _take_away(slot: Slot, component: str) -> None:
    for one in _visible(slot, component):
        one.condition = one.condition.and_without(component)
    # What only this component has made and takes away itself is never there.
    slot.alternatives = [one for one in slot.alternatives if not one.condition.only & one.condition.without]


def _find(holder: Node, key: str, component: str) -> Slot | None:
    if not isinstance(holder, Branch):
        return None
    if holder.kind == "map":
        return next((slot for slot in holder.slots if slot.key == key and any(_visible(slot, component))), None)
    mine = [slot for slot in holder.slots if slot.origin in ("", component) and any(_visible(slot, component))]
    return mine[int(key)] if key.isdecimal() and int(key) < len(mine) else None


def _visible(slot: Slot | None, component: str) -> Iterator[Alternative]:
    """Yield what can be in a slot where the component is."""
    if slot is not None:
        yield from [one for one in slot.alternatives if component not in one.condition.without]


def get(node: Node, *keys: str | int) -> Node:
    """Return the first alternative at a path; None where there is nothing."""
    for key in keys:
        if not isinstance(node, Branch):
            return None
        if isinstance(key, int):
            node = node.slots[key].alternatives[0].node
        else:
            node = next((slot.alternatives[0].node for slot in node.slots if slot.key == key), None)
    return node


def branch_at(node: Node, *keys: str | int) -> Branch:
    """Return the map or list at a path. Raises KeyError."""
    found = get(node, *keys)
    if not isinstance(found, Branch):
        raise KeyError("/".join(map(str, keys)))
    return found


def alternatives(branch: Branch, key: str) -> tuple[Alternative, ...]:
    """Return what can stand at a key of a map; empty where there is nothing."""
    return next((tuple(slot.alternatives) for slot in branch.slots if slot.key == key), ())


def put(branch: Branch, key: str, node: Node) -> None:
    """Set a key of a map, whatever was there under whatever condition."""
    for slot in branch.slots:
        if slot.key == key:
            slot.alternatives = [Alternative(node)]
            return
    branch.slots.append(Slot(key, [Alternative(node)]))


def value_of(node: Node) -> Any:
    """Return the plain value of a tree: of each slot the first alternative."""
    if not isinstance(node, Branch):
        return node
    if node.kind == "map":
        return {slot.key: value_of(slot.alternatives[0].node) for slot in node.slots}
    return [value_of(slot.alternatives[0].node) for slot in node.slots]


def change_scalars(node: Node, change: Callable[[tuple[str, ...], Scalar], Node], *path: str) -> None:
    """Replace each scalar by what `change` returns for it and the keys on the way to it."""
    if not isinstance(node, Branch):
        return
    for slot in node.slots:
        for one in slot.alternatives:
            here = (*path, slot.key)
            if isinstance(one.node, Branch):
                change_scalars(one.node, change, *here)
            elif not isinstance(one.node, Text | Setting | Fallback):
                one.node = change(here, one.node)
