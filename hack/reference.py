"""`python -m hack.reference`: writes docs/reference.md, every field of the API, or checks that it is fresh.

The types in `api/` are the source, read through the same schemas as the CRDs, so page, CRDs and code cannot differ.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from api.meta import Condition
from api.schema import Definition
from hack.crds.definition import KINDS
from hack.crds.openapi import docstring, struct_schema

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"

HEAD = """\
<!-- Generated from the types in api/ by `python -m hack.reference`; do not edit. -->
# API reference

Every field of every kind. Names ending in `[]` are lists, names with `{}` are maps. **required** means that the API
server refuses an object without the field. Defaults are filled in by the API server.

How the kinds are used is in the [guide](guide.md). How they differ from Flux's is in
[compatibility](compatibility.md).
"""

CONDITIONS = """
## Conditions

Every status has `conditions`. `Ready` says how the last run ended. `Reconciling` is there while a failed run will be
repeated. `Stalled` is there while only a change of the spec helps.
"""

JSONSchema: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One field: its path from the object's root, and its schema."""

    path: str
    schema: JSONSchema
    required: bool


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 1 when --check finds the page stale, else 0."""
    parser = argparse.ArgumentParser(prog="python -m hack.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; print a diff and exit 1 when stale")
    options = parser.parse_args(arguments)
    wanted, present = page(), PAGE.read_text() if PAGE.exists() else ""
    if options.check:
        before, after = present.splitlines(keepends=True), wanted.splitlines(keepends=True)
        sys.stdout.writelines(difflib.unified_diff(before, after, "docs/reference.md", "docs/reference.md (generated)"))
        return int(present != wanted)
    if present != wanted:
        PAGE.write_text(wanted)
    return 0


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for kind, definition in KINDS.items():
        parts += _kind(kind, definition)
    parts += [CONDITIONS, *_table(rows(struct_schema(Condition, "v1"), ""))]
    return "".join(parts)


def rows(schema: JSONSchema, path: str) -> Iterator[Row]:
    """The fields of an object's schema, each followed by the fields inside it."""
    for name, field in schema.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        suffix, inner = _inside(field)
        yield Row(place + suffix, field, name in schema.get("required", ()))
        if name != "conditions":  # the same everywhere: a section of their own
            yield from rows(inner, place + suffix)


def _inside(schema: JSONSchema) -> tuple[str, JSONSchema]:
    """What a path through a field of this schema needs behind its name, and the schema that it leads to."""
    if schema["type"] == "array":
        return "[]", schema["items"]
    if "additionalProperties" in schema:
        return "{}", schema["additionalProperties"]
    return "", schema


def _kind(kind: type[msgspec.Struct], definition: Definition) -> Iterator[str]:
    newest = definition.versions[-1]
    schema: Any = struct_schema(kind, newest)
    yield f"\n## {definition.kind}\n\n{docstring(kind)}\n\n"
    yield f"- Group `{definition.group}`; served as {_words(definition.versions)}; stored as `{newest}`.\n"
    if definition.short_names:
        yield f"- Short names: {_words(definition.short_names)}.\n"
    for version in definition.versions:
        yield f"- Columns of `kubectl get` in `{version}`: {', '.join(_columns(definition, version))}.\n"
    for part in ("spec", "status"):
        yield f"\n### {definition.kind} {part}\n\n"
        yield from _table(rows(schema["properties"][part], part))
        for rule in schema["properties"][part].get("x-kubernetes-validations", ()):
            yield f"\nRule: {rule['message']}.\n"
    for version in definition.versions[:-1]:
        yield from _differences(kind, version, newest)


def _differences(kind: type[msgspec.Struct], version: str, newest: str) -> Iterator[str]:
    older, newer = ({row.path: row for row in rows(struct_schema(kind, v), "")} for v in (version, newest))
    found = [path for path, row in newer.items() if _constraints(row) != _constraints(older[path])]
    if found:
        yield f"\nIn `{version}` the API server enforces less or other things for:\n\n"
        yield from (f"- `{path}`: {_constraints(older[path]) or 'nothing'}\n" for path in found)


def _columns(definition: Definition, version: str) -> Iterator[str]:
    for column in definition.columns[version]:
        yield f"{column.name.upper()}{' (with -o wide)' if column.priority else ''}"


def _table(found: Iterator[Row]) -> Iterator[str]:
    yield "| Field | Type | Constraints | Meaning |\n|---|---|---|---|\n"
    for row in found:
        description = _prose(row.schema.get("description", ""))
        yield f"| `{row.path}` | {_type(row.schema)} | {_cell(_constraints(row))} | {description} |\n"


def _type(schema: JSONSchema) -> str:
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map to {_type(schema['additionalProperties'])}"
    return "time" if schema.get("format") == "date-time" else str(schema["type"])


def _constraints(row: Row) -> str:
    schema = row.schema
    found = ["**required**"] if row.required else []
    if "default" in schema:
        found.append(f"default `{_literal(schema['default'])}`")
    if "enum" in schema:
        found.append(f"one of {_words(schema['enum'])}")
    for keyword, words in (
        ("pattern", "matches `{}`"),
        ("minimum", "at least {}"),
        ("minLength", "at least {} characters"),
        ("maxLength", "at most {} characters"),
        ("maxItems", "at most {} items"),
    ):
        if keyword in schema:
            found.append(words.format(schema[keyword]))
    return "; ".join(found)


def _literal(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _words(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _prose(text: str) -> str:
    """Words that Markdown is to show as they are."""
    return _cell(re.sub(r"([\\*])", r"\\\1", text)).replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main())
