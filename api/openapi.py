"""Structural OpenAPI schemas from msgspec Structs: pure, one Struct and one served version at a time.

Types give the shape, `api.schema.Schema` annotations the constraints, docstrings the descriptions (a field's is the
string below it). Only what the API types use is understood; anything else is an error rather than a guess.
Follows https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import ast
import inspect
import types
import typing
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.meta import ObjectMeta
from api.schema import UNSET, Schema

# Python's names of constraints to OpenAPI's, in the order they are written.
_KEYWORDS = {
    "enum": "enum",
    "pattern": "pattern",
    "format": "format",
    "minimum": "minimum",
    "maximum": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_items": "minItems",
    "max_items": "maxItems",
    "list_type": "x-kubernetes-list-type",
    "list_map_keys": "x-kubernetes-list-map-keys",
    "map_type": "x-kubernetes-map-type",
}
_SCALARS: dict[Any, dict[str, object]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
}

_COMMON_DOCSTRINGS = {
    "api_version": "Group and version that the object is written in.",
    "kind": "Kind of the object.",
}


class Unsupported(TypeError):
    """An API type uses something that has no schema yet."""


def struct_schema(struct: type[msgspec.Struct], version: str, *, describe: bool = True) -> dict[str, object]:
    """Return the schema of an object of type `struct` as served in `version`, without a description of its own.

    describe: with the descriptions of its fields; they are read from the source, which takes most of the time
    """
    described = field_docstrings(struct) if describe else {}
    properties: dict[str, object] = {}
    required: list[str] = []
    for info in msgspec.structs.fields(struct):
        inner, constraints = _unwrap(info.type, version)
        if constraints.required:
            required.append(info.encode_name)
        properties[info.encode_name] = _described(
            described.get(info.name) or _COMMON_DOCSTRINGS.get(info.name) or docstring(inner),
            _with_constraints(_type_schema(inner, version, describe=describe), constraints),
        )
    schema: dict[str, object] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = sorted(required)
    if rules := getattr(struct, "RULES", ()):
        schema["x-kubernetes-validations"] = [{"rule": rule.rule, "message": rule.message} for rule in rules]
    return schema


def field_docstrings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the docstring below each field by the field's name, in one line; fields without one are left out."""
    (definition,) = ast.parse(inspect.getsource(struct)).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found


def docstring(annotation: Any) -> str:
    """Return a Struct's docstring in one line; empty for other types and for metadata, which may have none."""
    if annotation is not ObjectMeta and isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return " ".join((annotation.__doc__ or "").split())
    return ""


def _unwrap(annotation: Any, version: str) -> tuple[Any, Schema]:
    """Return the bare type, and its constraints in `version` merged into one; None in a union only says optional."""
    constraints: dict[str, Any] = {}
    if typing.get_origin(annotation) is Annotated:
        annotation, *notes = typing.get_args(annotation)
        for note in notes:
            if isinstance(note, Schema) and (not note.versions or version in note.versions):
                constraints |= _stated(note)
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        bare = [arm for arm in typing.get_args(annotation) if arm is not types.NoneType]
        if len(bare) != 1:
            raise Unsupported(f"schema of {annotation}: the only union understood is one with None")
        annotation = bare[0]
        if typing.get_origin(annotation) is Annotated:
            annotation, inner = _unwrap(annotation, version)
            constraints = _stated(inner) | constraints
    return annotation, Schema(**constraints)


def _stated(schema: Schema) -> dict[str, Any]:
    """Return the fields of `schema` that differ from the defaults of its class."""
    unstated = Schema()
    values = {field.name: getattr(schema, field.name) for field in fields(schema) if field.name != "versions"}
    return {name: value for name, value in values.items() if value != getattr(unstated, name)}


def _with_constraints(schema: dict[str, object], constraints: Schema) -> dict[str, object]:
    """Return `schema` with the keywords of `constraints`; the default is written first, where readers look for it."""
    default = {} if constraints.default is UNSET else {"default": _plain(constraints.default)}
    stated = _stated(constraints)
    keywords = {word: _plain(stated[name]) for name, word in _KEYWORDS.items() if name in stated}
    return default | schema | keywords


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _type_schema(annotation: Any, version: str, *, describe: bool) -> dict[str, object]:
    if annotation in _SCALARS:
        return dict(_SCALARS[annotation])
    if annotation is ObjectMeta:
        return {"type": "object"}  # the API server has its own schema for metadata
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return struct_schema(annotation, version, describe=describe)
    match typing.get_origin(annotation), typing.get_args(annotation):
        case origin, (item, end) if origin is tuple and end is Ellipsis:
            return {"type": "array", "items": _item_schema(item, version, describe=describe)}
        case origin, (key, value) if origin is dict and key is str:
            return {"type": "object", "additionalProperties": _item_schema(value, version, describe=describe)}
    raise Unsupported(f"schema of {annotation}: add it to api/openapi.py or use a type that it knows")


def _item_schema(annotation: Any, version: str, *, describe: bool) -> dict[str, object]:
    inner, constraints = _unwrap(annotation, version)
    return _described(docstring(inner), _with_constraints(_type_schema(inner, version, describe=describe), constraints))


def _described(description: str, schema: dict[str, object]) -> dict[str, object]:
    return {"description": description} | schema if description else schema
