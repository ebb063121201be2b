"""What the API would drop of an object of a file, and what it would refuse."""

import base64
import difflib
from collections.abc import Sequence
from typing import Any

from controllers.runtime.embedded.served import Kind
from controllers.runtime.embedded.structure import apply_defaults, prune
from controllers.runtime.embedded.validation import find_problems


def find_all(served: Kind, version: str, body: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the fields that the API would drop without a word, and what it would refuse."""
    if not served.is_custom:
        return [], _of_secret(served.resource.kind, body)
    schema = served.schema(version)
    pruned = copy_plain(body)
    unknown = [f"unknown field {one.path}{suggest(one.name, one.known)}" for one in prune(pruned, schema)]
    apply_defaults(pruned, schema)
    invalid = [str(problem) for problem in find_problems(pruned, schema) if problem.path]
    return unknown, invalid


def _of_secret(kind: str, body: dict[str, Any]) -> list[str]:
    """Return what is wrong with the values of a Secret, without them."""
    if kind != "Secret":
        return []
    found = []
    for field_name in ("data", "stringData"):
        values = body.get(field_name) or {}
        if not isinstance(values, dict):
            found.append(f"{field_name} is not a map")
            continue
        for key, value in values.items():
            if not isinstance(value, str):
                found.append(f"{field_name}.{key} is not a text: write it in quotes")
            elif field_name == "data" and not _is_base64(value):
                found.append(f"data.{key} is not base64: put a plain value into stringData")
    return found


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return False
    return True


def copy_plain(value: Any) -> Any:
    """Return a copy in which whatever JSON does not know, such as a date, is text."""
    match value:
        case dict():
            return {name: copy_plain(child) for name, child in value.items()}
        case list():
            return [copy_plain(child) for child in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def suggest(word: str, known: Sequence[str]) -> str:
    """Return `; is x meant?` for the nearest known word, or an empty text."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; is {near[0]} meant?" if near else ""
