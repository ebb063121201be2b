"""How types, annotations and docstrings become schemas."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec
import pytest

from api.openapi import Unsupported, field_docstrings, struct_schema
from api.schema import Rule, Schema


class Inner(msgspec.Struct, rename="camel"):
    """A thing inside."""

    some_name: Annotated[str, Schema(required=True), Schema(pattern="a+", versions=("v1",))]
    r"""With a \d."""


class Outer(msgspec.Struct, rename="camel"):
    """A thing outside."""

    RULES: ClassVar[tuple[Rule, ...]] = (Rule("has(self.a)", "a is missing"),)

    a: Inner | None = None
    """Said at
    the field."""
    b: tuple[Inner, ...] = ()
    c: dict[str, int] = {}
    d: Annotated[tuple[str, ...], Schema(default=("x",), max_items=2)] = ()
    e: datetime | None = None
    f: Annotated[bool, Schema(default=False)] = False
    g: Annotated[Annotated[str, Schema(max_length=3)] | None, Schema(enum=("a", "b"))] = None


def test_types_become_shapes_and_annotations_constraints() -> None:
    inner = {
        "type": "object",
        "properties": {"someName": {"description": r"With a \d.", "type": "string", "pattern": "a+"}},
        "required": ["someName"],
    }
    assert struct_schema(Outer, "v1") == {
        "type": "object",
        "properties": {
            "a": {"description": "Said at the field."} | inner,
            "b": {"type": "array", "items": {"description": "A thing inside."} | inner},
            "c": {"type": "object", "additionalProperties": {"type": "integer"}},
            "d": {"default": ["x"], "type": "array", "items": {"type": "string"}, "maxItems": 2},
            "e": {"type": "string", "format": "date-time"},
            "f": {"default": False, "type": "boolean"},
            "g": {"type": "string", "enum": ["a", "b"], "maxLength": 3},
        },
        "x-kubernetes-validations": [{"rule": "has(self.a)", "message": "a is missing"}],
    }


def test_a_constraint_of_another_version_is_left_out() -> None:
    assert "pattern" not in struct_schema(Inner, "v1beta1")["properties"]["someName"]  # type: ignore[index]


def test_docstrings_are_joined_to_one_line() -> None:
    assert field_docstrings(Outer) == {"a": "Said at the field."}


class Union(msgspec.Struct):
    """Has a field of two types."""

    a: int | str = 0


class Unknown(msgspec.Struct):
    """Has a field of a type that JSON schema would have to guess."""

    a: frozenset[str] = frozenset()


@pytest.mark.parametrize("struct", [Union, Unknown])
def test_what_is_not_understood_is_an_error(struct: type[msgspec.Struct]) -> None:
    with pytest.raises(Unsupported):
        struct_schema(struct, "v1")
