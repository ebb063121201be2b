"""Pruning and defaulting of objects by a structural schema, as the API server does before it validates.

Follows https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning
and #defaulting. Values are changed in place.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controllers.runtime.embedded.served import Json

_ROOT_FIELDS = ("apiVersion", "kind", "metadata")


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A field that the schema does not name."""

    path: str
    """`spec.intervall`, `spec.a[0].b`. For people: names may hold dots and brackets themselves."""
    name: str
    known: tuple[str, ...]
    """The fields that may be in its place."""


def prune(obj: Json, schema: Json) -> list[UnknownField]:
    """Remove the fields that the schema does not name, and return them."""
    removed: list[UnknownField] = []
    for name in list(obj):
        if name in _ROOT_FIELDS:
            continue
        child = schema["properties"].get(name)
        if child is None:
            del obj[name]
            removed.append(UnknownField(str(name), str(name), tuple(schema["properties"])))
        else:
            removed += _prune(obj[name], child, name)
    return removed


def _prune(value: Any, schema: Json, path: str) -> list[UnknownField]:
    removed: list[UnknownField] = []
    properties = schema.get("properties")
    if isinstance(value, dict) and properties is not None:
        for name in [name for name in value if name not in properties]:
            del value[name]
            removed.append(UnknownField(f"{path}.{name}", str(name), tuple(properties)))
    for child, child_schema, child_path in _children(value, schema, path):
        removed += _prune(child, child_schema, child_path)
    return removed


def apply_defaults(obj: Json, schema: Json) -> None:
    """Add the defaults of fields that are missing, and drop nulls, which no field of ours may hold."""
    properties = schema.get("properties")
    if properties is not None:
        for name, child in properties.items():
            if obj.get(name) is None and "default" in child:
                obj[name] = copy.deepcopy(child["default"])
            elif name in obj and obj[name] is None:
                del obj[name]
    for child, child_schema, _ in _children(obj, schema, ""):
        _default_within(child, child_schema)


def _default_within(value: Any, schema: Json) -> None:
    if isinstance(value, dict):
        apply_defaults(value, schema)
        return
    for child, child_schema, _ in _children(value, schema, ""):
        _default_within(child, child_schema)


def _children(value: Any, schema: Json, path: str) -> Iterator[tuple[Any, Json, str]]:
    """Yield what is directly in an object or array, with its schema and path."""
    if isinstance(value, dict):
        properties, others = schema.get("properties"), schema.get("additionalProperties")
        for name, child in value.items():
            if properties is not None and name in properties:
                yield child, properties[name], f"{path}.{name}" if path else name
            elif others is not None:
                yield child, others, f"{path}.{name}"
    elif isinstance(value, list) and "items" in schema:
        for number, child in enumerate(value):
            yield child, schema["items"], f"{path}[{number}]"
