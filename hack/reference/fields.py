"""The fields of a schema, and what the API server enforces on them, in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from api.openapi import struct_schema
from hack.reference.markdown import cell, escape, join_names

JSONSchema: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One field: its path from the object's root, and its schema."""

    path: str
    schema: JSONSchema
    required: bool

    @property
    def description(self) -> str:
        """What the field means, as Markdown."""
        return escape(self.schema.get("description", ""))


def rows(schema: JSONSchema, path: str) -> Iterator[Row]:
    """Return the fields of an object's schema, each followed by the fields inside it."""
    for name, field in schema.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        suffix, inner = _inside(field)
        yield Row(place + suffix, field, name in schema.get("required", ()))
        if name != "conditions":  # the same everywhere: a section of their own
            yield from rows(inner, place + suffix)


def _inside(schema: JSONSchema) -> tuple[str, JSONSchema]:
    """Return what a path through a field of this schema has after its name, and the schema that it leads to."""
    if schema["type"] == "array":
        return "[]", schema["items"]
    if "additionalProperties" in schema:
        return "{}", schema["additionalProperties"]
    return "", schema


def table(found: Iterable[Row]) -> Iterator[str]:
    """Yield a table with a row for each field."""
    yield "| Field | Meaning | Type | Constraints |\n|---|---|---|---|\n"
    for row in found:
        yield f"| `{row.path}` | {row.description} | {type_of(row.schema)} | {cell(constraints(row))} |\n"


def differences(struct: type[msgspec.Struct], version: str, newest: str) -> Iterator[str]:
    """Yield what the API server enforces in an older version of a kind otherwise than in the newest."""
    older, newer = ({row.path: row for row in rows(struct_schema(struct, v), "")} for v in (version, newest))
    found = [path for path, row in newer.items() if constraints(row) != constraints(older[path])]
    if found:
        yield f"\nIn `{version}` the API server enforces less or other things for:\n\n"
        yield from (f"- `{path}`: {constraints(older[path]) or 'nothing'}\n" for path in found)


def type_of(schema: JSONSchema) -> str:
    """Return the type of a field in a word or two."""
    if schema["type"] == "array":
        return f"list of {type_of(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map to {type_of(schema['additionalProperties'])}"
    return "time" if schema.get("format") == "date-time" else str(schema["type"])


def constraints(row: Row) -> str:
    """Return what the API server fills in and enforces."""
    schema = row.schema
    found = ["**required**"] if row.required else []
    if "default" in schema:
        found.append(f"default `{_literal(schema['default'])}`")
    if "enum" in schema:
        found.append(f"one of {join_names(schema['enum'])}")
    for keyword, words in (
        ("pattern", "matches `{}`"),
        ("minimum", "at least {}"),
        ("maximum", "at most {}"),
        ("minLength", "at least {} characters"),
        ("maxLength", "at most {} characters"),
        ("maxItems", "at most {} items"),
    ):
        if keyword in schema:
            found.append(words.format(schema[keyword]))
    return "; ".join(found)


def _literal(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
