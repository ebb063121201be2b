from typing import Any

import pytest

from api.openapi import struct_schema
from controllers.runtime.embedded.rules import BrokenRule, is_fulfilled
from controllers.runtime.embedded.structure import apply_defaults, prune
from controllers.runtime.embedded.validation import _UNCHECKED, find_problems, new_problems
from testing.gadget import Gadget, encode_gadget

SCHEMA: Any = struct_schema(Gadget, "v1", describe=False)
BIG = 1 << 70
NO_DURATION = r"spec.interval in body should match '^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$'"


def problems(**spec: Any) -> list[str]:
    obj = encode_gadget(**spec)
    apply_defaults(obj, SCHEMA)
    return [str(problem) for problem in find_problems(obj, SCHEMA)]


@pytest.mark.parametrize(
    ("spec", "texts"),
    [
        pytest.param({}, [], id="valid"),
        pytest.param({"interval": None}, ["spec.interval: Required value"], id="required"),
        pytest.param(
            {"size": 0},
            ["spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"],
            id="minimum",
        ),
        pytest.param(
            {"size": 101},
            ["spec.size: Invalid value: 101: spec.size in body should be less than or equal to 100"],
            id="maximum",
        ),
        pytest.param(
            {"size": "1"},
            ['spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'],
            id="type",
        ),
        pytest.param(
            {"size": True},
            ['spec.size: Invalid value: "boolean": spec.size in body must be of type integer: "boolean"'],
            id="true-is-no-number",
        ),
        pytest.param(
            {"size": BIG},
            ['spec.size: Invalid value: "integer": spec.size in body must be of type integer: "integer"'],
            id="beyond-int64",
        ),
        pytest.param(
            {"suspend": 1},
            ['spec.suspend: Invalid value: "integer": spec.suspend in body must be of type boolean: "integer"'],
            id="one-is-not-true",
        ),
        pytest.param(
            {"colour": "green"}, ['spec.colour: Unsupported value: "green": supported values: "red", "blue"'], id="enum"
        ),
        pytest.param({"names": ["a", "b", "c"]}, ["spec.names: Too many: 3: must have at most 2 items"], id="items"),
        pytest.param({"names": ["a", "a"]}, ['spec.names[1]: Duplicate value: "a"'], id="set"),
        pytest.param(
            {"names": "a"},
            ['spec.names: Invalid value: "string": spec.names in body must be of type array: "string"'],
            id="list",
        ),
        pytest.param(
            {"names": [None]},
            ['spec.names[0]: Invalid value: "null": spec.names[0] in body must be of type string: "null"'],
            id="null-in-a-list",
        ),
        pytest.param(
            {"label": ""},
            ['spec.label: Invalid value: "": spec.label in body should be at least 1 chars long'],
            id="short",
        ),
        pytest.param({"label": "äöüß"}, ["spec.label: Too long: may not be more than 3 bytes"], id="long"),
        pytest.param({"label": "äöü"}, [], id="characters-count-not-bytes"),
        pytest.param(
            {"interval": "5d"},
            [f'spec.interval: Invalid value: "5d": {NO_DURATION}'],
            id="pattern",
        ),
        pytest.param(
            {"interval": "1m\n"},
            [f'spec.interval: Invalid value: "1m\\n": {NO_DURATION}'],
            id="pattern-ends-at-the-end",
        ),
        pytest.param({"size": 13}, ['spec: Invalid value: "object": size 13 brings bad luck'], id="rule"),
        pytest.param(
            {"size": 13, "colour": "x"},
            ['spec.colour: Unsupported value: "x": supported values: "red", "blue"'],
            id="rules-come-last",
        ),
    ],
)
def test_problems_in_the_servers_words(spec: dict[str, Any], texts: list[str]) -> None:
    assert [text for text in problems(**spec) if not text.startswith("<nil>")] == texts


def test_rules_are_asked_of_an_object_of_the_right_shape_only() -> None:
    bad_luck = 'spec: Invalid value: "object": size 13 brings bad luck'
    assert problems(size=13, interval="5d") == [f'spec.interval: Invalid value: "5d": {NO_DURATION}', bad_luck]
    shape, unchecked = problems(size=13, interval=5)
    assert "must be of type string" in shape
    assert unchecked.startswith("<nil>: Invalid value: null: some validation rules were not checked")


def test_a_spec_that_is_no_object() -> None:
    obj = encode_gadget() | {"spec": []}
    apply_defaults(obj, SCHEMA)
    assert [str(problem) for problem in find_problems(obj, SCHEMA)] == [
        'spec: Invalid value: "array": spec in body must be of type object: "array"',
        str(_UNCHECKED),
    ]


def test_a_change_is_not_blamed_for_what_it_leaves_as_it_was() -> None:
    before = encode_gadget(size=0, colour="green")
    after = encode_gadget(size=0, colour="green", label="x")
    assert new_problems(after, before, SCHEMA) == []
    worse = encode_gadget(size=-1, colour="green")
    assert [problem.path for problem in new_problems(worse, before, SCHEMA)] == ["spec.size"]


def test_unknown_fields_are_removed_and_named() -> None:
    obj = encode_gadget(intervall="1m") | {"unheardOf": 1, "status": {"done": "x", "more": []}}
    assert [field.path for field in prune(obj, SCHEMA)] == ["spec.intervall", "unheardOf", "status.more"]
    assert obj["spec"] == {"interval": "1m"}
    assert obj["status"] == {"done": "x"}


def test_nulls_become_defaults_or_nothing() -> None:
    obj = encode_gadget(colour=None, label=None)
    apply_defaults(obj, SCHEMA)
    assert obj["spec"] == {"interval": "1m", "colour": "red", "names": ["x"]}


def test_defaults_are_not_shared() -> None:
    one, two = encode_gadget(), encode_gadget()
    for obj in (one, two):
        apply_defaults(obj, SCHEMA)
    one["spec"]["names"].append("y")
    assert two["spec"]["names"] == ["x"]


@pytest.mark.parametrize("rule", ["self.a ==", "nobody(self)", "self.a", "self.b.c"])
def test_a_broken_rule_is_not_taken_for_a_broken_object(rule: str) -> None:
    with pytest.raises(BrokenRule):
        is_fulfilled(rule, {"a": 1})
