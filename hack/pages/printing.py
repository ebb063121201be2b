"""Tables and values as kubectl prints them, for the stand-in."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from api.schema import Column

GAP = 3


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns. The last column is not padded."""
    widths = [max(map(len, column)) + GAP for column in zip(*rows, strict=True)]
    lines = ("".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def format_row(obj: dict[str, Any], columns: Sequence[Column], *, now: datetime) -> list[str]:
    """Return the cells of an object: its name, then the columns of its CRD."""
    return [obj["metadata"]["name"], *(_cell(obj, column, now=now) for column in columns)]


def _cell(obj: dict[str, Any], column: Column, *, now: datetime) -> str:
    value = jsonpath(obj, f"{{{column.path}}}")
    if column.type == "date" and value:
        return format_age(int((now - datetime.fromisoformat(value)).total_seconds()))
    return value


def format_age(seconds: int) -> str:
    """Return an age of less than ten minutes as kubectl shows it."""
    return f"{seconds}s" if seconds < 120 else f"{seconds // 60}m{seconds % 60}s"


def jsonpath(obj: Any, template: str) -> str:
    """Return what a path like `{.status.conditions[?(@.type=="Ready")].status}` leads to, "" for nothing."""
    for name, kind, wanted, index in re.findall(
        r"\.(\w+)|\[\?\(@\.(\w+)==[\"'](\w+)[\"']\)\]|\[(\d+)\]", template.strip("{}")
    ):
        if name:
            obj = obj.get(name) if isinstance(obj, dict) else None
        elif kind:
            obj = next((one for one in obj or () if one.get(kind) == wanted), None)
        else:
            obj = obj[int(index)] if isinstance(obj, list) and len(obj) > int(index) else None
    if obj is None:
        return ""
    return obj if isinstance(obj, str) else json.dumps(obj, separators=(",", ":"))
