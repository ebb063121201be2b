"""The page of a kind: fields and reasons are generated, example and work with it are written by hand between them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from api import kinds
from api.kinds import Kind
from api.meta import Condition
from api.openapi import docstring, struct_schema
from api.schema import Definition
from hack.reference.fields import Row, constraints, differences, rows, table, type_of
from hack.reference.markdown import join_names, part, replace_part
from hack.reference.reasons import EVERY_KIND, reasons_of

CONDITIONS = """\
`Ready` says how the last run ended. `Reconciling` is there while a failed run will be repeated. `Stalled` is there
while only a change of the spec helps.

"""


def page(kind: Kind, present: str) -> str:
    """Return the page of a kind. present: the page as it is, whose written parts stay; "" begins a new one."""
    text = present or _skeleton(kind)
    for name, content in parts(kind).items():
        text = replace_part(text, name, content)
    return text


def parts(kind: Kind) -> dict[str, str]:
    """Return the generated parts of a kind's page, by name."""
    return dict(_parts(kind.name))


@cache
def _parts(name: str) -> dict[str, str]:
    kind = next(kind for kind in kinds.EVERY_KIND if kind.name == name)
    found = {
        "about": "".join(_about(kind)),
        "spec": "".join(_section(kind, "spec")),
        "status": "".join(_section(kind, "status")),
    }
    if kind.reconciled:
        found["conditions"] = "".join(_conditions(kind))
    return found


def _skeleton(kind: Kind) -> str:
    """Return a page whose written parts are still to be written."""
    name = kind.resource.kind
    headings = {
        "about": f"# {name}",
        "spec": "## Writing the spec",
        "status": "## Status",
        "conditions": "## Conditions",
    }
    return "\n".join(f"{headings[key]}\n\n{part(key, '')}" for key in parts(kind))


def _about(kind: Kind) -> Iterator[str]:
    definition, resource = kind.definition, kind.resource
    newest = definition.versions[-1]
    yield f"{docstring(kind.type)}\n\n"
    yield f"- Group `{resource.group}`; served as {join_names(definition.versions)}; stored as `{newest}`.\n"
    if definition.short_names:
        yield f"- Short names: {join_names(definition.short_names)}.\n"
    by_columns: dict[str, list[str]] = {}
    for version in definition.versions:
        by_columns.setdefault(", ".join(_columns(definition, version)), []).append(version)
    for columns, versions in by_columns.items():
        yield f"- Columns of `kubectl get` in {join_names(versions)}: {columns}.\n"


def _columns(definition: Definition, version: str) -> Iterator[str]:
    for column in definition.columns[version]:
        yield f"{column.name.upper()}{' (with -o wide)' if column.priority else ''}"


def _section(kind: Kind, name: str) -> Iterator[str]:
    """Yield a heading for each field of the spec or status, and a table of what is inside of it."""
    newest = kind.definition.versions[-1]
    whole: Any = struct_schema(kind.type, newest)
    schema = whole["properties"][name]
    found = list(rows(schema, name))
    for number, field in enumerate(schema.get("properties", {})):
        row, *inside = [row for row in found if _belongs(row, f"{name}.{field}")]
        yield from _field(row, inside, first=not number)
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"\nRule: {rule['message']}.\n"
    if name == "spec":
        for version in kind.definition.versions[:-1]:
            yield from differences(kind.type, version, newest)


def _belongs(row: Row, path: str) -> bool:
    rest = row.path.removeprefix(path)
    return rest != row.path and (not rest or rest[0] in ".[{")


def _field(row: Row, inside: list[Row], *, first: bool) -> Iterator[str]:
    path = row.path.rstrip("[]{}")
    facts = "; ".join(fact for fact in (type_of(row.schema), constraints(row)) if fact)
    yield f"{'' if first else chr(10)}### {path}\n\n{row.description}\n\n{facts[:1].upper()}{facts[1:]}.\n"
    if inside:
        yield "\n"
        yield from table(inside)


def _conditions(kind: Kind) -> Iterator[str]:
    yield CONDITIONS
    yield "| Reason | With | Run again |\n|---|---|---|\n"
    for reason in (*reasons_of(kind), *EVERY_KIND):
        link = f"[`{reason.name}`](../troubleshooting.md#{reason.anchor})" if reason.is_failure else f"`{reason.name}`"
        yield f"| {link} | {reason.conditions} | {reason.again} |\n"
    yield "\n"
    yield from table(rows(struct_schema(Condition, "v1"), ""))
