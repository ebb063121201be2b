"""Trees hold an object with and without each component."""

from typing import Any

import pytest

from hack.chart.tree import Branch, PatchFailed, patch, plant, value_of

ROLE = {"kind": "ClusterRole", "rules": [{"resources": ["a"]}, {"resources": ["b"]}, {"resources": ["c"]}]}


def planted(value: Any, *operations: tuple[str, dict[str, Any]]) -> Branch:
    tree = plant(value)
    assert isinstance(tree, Branch)
    for component, operation in operations:
        patch(tree, operation, component)
    return tree


def given(tree: Any, *components: str) -> Any:
    """Return the object that a tree stands for where these components are."""
    if not isinstance(tree, Branch):
        return tree
    shown = [
        (slot.key, given(one.node, *components))
        for slot in tree.slots
        for one in slot.alternatives
        if one.condition.only <= set(components) and not one.condition.without & set(components)
    ]
    return dict(shown) if tree.kind == "map" else [value for _, value in shown]


def resources(tree: Branch, *components: str) -> list[str]:
    return [rule["resources"][0] for rule in given(tree, *components)["rules"]]


def remove(position: int, was: str) -> list[dict[str, Any]]:
    path = f"/rules/{position}"
    return [{"op": "test", "path": f"{path}/resources/0", "value": was}, {"op": "remove", "path": path}]


def test_what_one_component_removes_moves_nothing_for_another() -> None:
    tree = planted(ROLE, *(("x", one) for one in remove(0, "a")), *(("y", one) for one in remove(2, "c")))
    assert resources(tree) == ["a", "b", "c"]
    assert resources(tree, "x") == ["b", "c"]
    assert resources(tree, "y") == ["a", "b"]
    assert resources(tree, "x", "y") == ["b"]


def test_positions_behind_what_the_same_component_has_removed_move() -> None:
    tree = planted(ROLE, *(("x", one) for one in [*remove(0, "a"), *remove(0, "b")]))
    assert resources(tree, "x") == ["c"]


def test_what_another_component_has_added_is_not_counted() -> None:
    add = {"op": "add", "path": "/rules/-", "value": {"resources": ["d"]}}
    tree = planted(ROLE, ("x", add), ("y", {"op": "replace", "path": "/rules/2/resources/0", "value": "e"}), ("y", add))
    assert resources(tree, "x", "y") == ["a", "b", "e", "d", "d"]
    tree = planted(ROLE, ("x", add), ("x", {"op": "replace", "path": "/rules/3/resources/0", "value": "e"}))
    assert (resources(tree), resources(tree, "x")) == (["a", "b", "c"], ["a", "b", "c", "e"])


def test_of_two_that_replace_the_same_the_later_one_counts() -> None:
    tree = planted(ROLE, *((name, {"op": "replace", "path": "/kind", "value": name}) for name in ("x", "y")))
    kinds = {names: given(tree, *names)["kind"] for names in ((), ("x",), ("y",), ("x", "y"))}
    assert kinds == {(): "ClusterRole", ("x",): "x", ("y",): "y", ("x", "y"): "y"}


def test_a_key_is_added_with_its_component_and_replaced_where_it_is() -> None:
    tree = planted(
        ROLE, ("x", {"op": "add", "path": "/a~1b", "value": 1}), ("x", {"op": "add", "path": "/kind", "value": "Role"})
    )
    assert "a/b" not in given(tree)
    assert given(tree, "x")["a/b"] == 1
    assert (given(tree)["kind"], given(tree, "x")["kind"]) == ("ClusterRole", "Role")


def test_what_is_given_stays_as_it_is() -> None:
    assert value_of(planted(ROLE)) == ROLE


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param({"op": "test", "path": "/kind", "value": "Role"}, id="test-that-fails"),
        pytest.param({"op": "remove", "path": "/rules/3"}, id="no-such-position"),
        pytest.param({"op": "replace", "path": "/metadata", "value": {}}, id="no-such-key"),
        pytest.param({"op": "add", "path": "/metadata/labels", "value": {}}, id="no-such-parent"),
        pytest.param({"op": "add", "path": "/kind/x", "value": {}}, id="parent-is-text"),
        pytest.param({"op": "add", "path": "/rules/0", "value": {}}, id="in-the-middle"),
        pytest.param({"op": "move", "path": "/kind", "from": "/x"}, id="not-understood"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchFailed, match=f"x: cannot {operation['op']} {operation['path']}"):
        planted(ROLE, ("x", operation))
