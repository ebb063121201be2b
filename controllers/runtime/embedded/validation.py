"""What is wrong with an object, by a schema, in the API server's words.

Only the keywords that `api.openapi` writes are understood. Rules in CEL are asked once the object has the right shape,
as the server does it. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from controllers.golang import regexp
from controllers.net.url import redact_text
from controllers.runtime.embedded import rules
from controllers.runtime.embedded.served import Json

_MAX_INT64 = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one field."""

    path: str
    """`spec.policy.deny[0]`; empty for the object itself."""
    text: str
    is_blocking: bool = False
    """Whether rules cannot be evaluated on an object that has it."""

    def __str__(self) -> str:
        return f"{self.path or '<nil>'}: {self.text}"


_UNCHECKED: Final = Problem(
    "",
    "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing "
    "errors to complete validation",
)


def find_problems(obj: Json, schema: Json) -> list[Problem]:
    """Return what is wrong with an object whose fields are pruned and defaulted; empty when it is valid."""
    problems = list(_check(obj, schema, ""))
    if any(problem.is_blocking for problem in problems):
        return [*problems, _UNCHECKED] if _has_rules(schema) else problems
    return problems + list(_check_rules(obj, schema, ""))


def new_problems(obj: Json, before: Json, schema: Json) -> list[Problem]:
    """Return what is wrong with a changed object, without what was wrong before and has not been touched.

    What an older or laxer version accepted must not keep its status from being written.
    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting
    """
    problems = find_problems(obj, schema)
    if problems:
        known = set(find_problems(before, schema))
        problems = [problem for problem in problems if problem not in known]
    return problems


def _check(value: Any, schema: Json, path: str) -> Iterator[Problem]:
    expected = schema.get("type")
    if expected is not None and not _TYPES[expected](value):
        name = _type_name(value)
        yield Problem(
            path, f'Invalid value: "{name}": {path} in body must be of type {expected}: "{name}"', is_blocking=True
        )
        return
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(f'"{choice}"' for choice in schema["enum"])
        yield Problem(path, f"Unsupported value: {_quote(value)}: supported values: {supported}", is_blocking=True)
    match value:
        case str():
            yield from _check_text(value, schema, path)
        case bool() | None:
            return
        case int() | float():
            yield from _check_number(value, schema, path)
        case dict():
            yield from _check_object(value, schema, path)
        case list():
            yield from _check_list(value, schema, path)


def _check_text(value: str, schema: Json, path: str) -> Iterator[Problem]:
    if len(value) > schema.get("maxLength", len(value)):
        yield Problem(path, f"Too long: may not be more than {schema['maxLength']} bytes", is_blocking=True)
    if len(value) < schema.get("minLength", 0):
        yield Problem(path, f"{_invalid(value, path)} should be at least {schema['minLength']} chars long")
    if "pattern" in schema and not _pattern(schema["pattern"]).matches(value):
        yield Problem(path, f"{_invalid(value, path)} should match '{schema['pattern']}'")
    if schema.get("format") == "date-time" and not _is_time(value):
        yield Problem(path, f"{_invalid(value, path)} must be of type date-time: {_quote(value)}")


def _check_number(value: float, schema: Json, path: str) -> Iterator[Problem]:
    if value > schema.get("maximum", value):
        yield Problem(
            path, f"Invalid value: {value}: {path} in body should be less than or equal to {schema['maximum']}"
        )
    if value < schema.get("minimum", value):
        least = schema["minimum"]
        yield Problem(path, f"Invalid value: {value}: {path} in body should be greater than or equal to {least}")


def _check_object(value: Json, schema: Json, path: str) -> Iterator[Problem]:
    for name in schema.get("required", ()):
        if name not in value:
            yield Problem(_join(path, name), "Required value", is_blocking=True)
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, child in value.items():
        child_schema = properties.get(name, others)
        if child_schema is not None:
            yield from _check(child, child_schema, _join(path, name))


def _check_list(value: list[Any], schema: Json, path: str) -> Iterator[Problem]:
    if len(value) > schema.get("maxItems", len(value)):
        yield Problem(path, f"Too many: {len(value)}: must have at most {schema['maxItems']} items", is_blocking=True)
    seen: Counter[str] = Counter()
    for number, child in enumerate(value):
        yield from _check(child, schema["items"], f"{path}[{number}]")
        if (identity := _identity(child, schema)) is not None:
            seen[identity] += 1
            if seen[identity] == 2:
                yield Problem(f"{path}[{number}]", f"Duplicate value: {identity}")


def _identity(item: Any, schema: Json) -> str | None:
    """Return what may be in the list only once; None where everything may repeat."""
    match schema.get("x-kubernetes-list-type"):
        case "set":
            return json.dumps(item, sort_keys=True)
        case "map" if isinstance(item, Mapping):
            keys = {name: item[name] for name in schema["x-kubernetes-list-map-keys"] if name in item}
            return json.dumps(keys, sort_keys=True, separators=(",", ":"))
    return None


def _check_rules(value: Any, schema: Json, path: str) -> Iterator[Problem]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if not rules.is_fulfilled(rule["rule"], value):
            yield Problem(path, f'Invalid value: "{_type_name(value)}": {rule["message"]}')
    match value:
        case dict():
            properties, others = schema.get("properties", {}), schema.get("additionalProperties")
            for name, child in value.items():
                child_schema = properties.get(name, others)
                if child_schema is not None:
                    yield from _check_rules(child, child_schema, _join(path, name))
        case list():
            for number, child in enumerate(value):
                yield from _check_rules(child, schema["items"], f"{path}[{number}]")


def _has_rules(schema: Json) -> bool:
    """Return whether there are rules anywhere in a schema."""
    children = [*schema.get("properties", {}).values()]
    children += [schema[name] for name in ("items", "additionalProperties") if name in schema]
    return "x-kubernetes-validations" in schema or any(map(_has_rules, children))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_MAX_INT64 - 1 <= value <= _MAX_INT64


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}


def _type_name(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
    return "object"


@lru_cache(maxsize=64)
def _pattern(text: str) -> regexp.Pattern:
    return regexp.compile(text)


def _is_time(text: str) -> bool:
    """Return whether a text is a time by RFC 3339."""
    try:
        return "T" in text.upper() and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _invalid(value: str, path: str) -> str:
    return f"Invalid value: {_quote(value)}: {path} in body"


def _quote(value: Any) -> str:
    """Return a value as messages show it: the URL of a repository may hold a login."""
    return redact_text(json.dumps(value, ensure_ascii=False))
