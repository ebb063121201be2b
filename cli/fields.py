"""Fields of objects that others wrote: a schema may be older, looser or missing, so any field may hold anything.

What is not of the type that is asked for is as good as missing: a table has an empty cell there.
"""

from collections.abc import Mapping
from typing import Any


def field(value: object, *path: str) -> Any:
    """Return what is at a path of mappings, None where there is nothing, or something else on the way."""
    for name in path:
        if not isinstance(value, dict):  # as JSON has it; a check for Mapping takes several times as long
            return None
        value = value.get(name)
    return value


def text(value: object, *path: str) -> str:
    """Return the text at a path, of a number or a boolean what Python prints; "" for all else."""
    found = field(value, *path)
    return found if isinstance(found, str) else str(found) if isinstance(found, int | float) else ""


def number(value: object, *path: str) -> int:
    """Return the whole number at a path, 0 for all else."""
    found = field(value, *path)
    return found if isinstance(found, int) else 0


def mapping(value: object, *path: str) -> Mapping[str, Any]:
    """Return the mapping at a path, an empty one for all else."""
    found = field(value, *path)
    return found if isinstance(found, dict) else {}


def mappings(value: object, *path: str) -> list[Mapping[str, Any]]:
    """Return the mappings in the list at a path, none for all else."""
    found = field(value, *path)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
