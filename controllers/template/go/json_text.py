"""Go's `encoding/json` for template values, both ways.

Encoding refuses what Go refuses (maps with struct keys, NaN). Decoding makes every number a float64.
"""

import json
import math

from controllers.golang.floats import SHORTEST, format_float
from controllers.template.errors import FunctionFailure, LimitExceeded
from controllers.template.go import gotext, json_syntax
from controllers.template.go.types import Kind
from controllers.template.go.values import Map, Slice, Struct, any_map, any_slice, is_exported, sorted_items, type_of
from controllers.template.limits import MAX_NESTING, RenderBudget

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


class Encoder:
    """Writes one value; pays for every element and byte."""

    def __init__(self, budget: RenderBudget, *, indent: str = "", escape_html: bool = True) -> None:
        self._budget = budget
        self._indent = indent
        self._special = "<>&\u2028\u2029" if escape_html else "\u2028\u2029"

    def encode(self, value: object, depth: int = 0) -> str:
        """Return the JSON text. Raises FunctionFailure with Go's text."""
        self._budget.spend(3)
        if depth > MAX_NESTING:
            raise LimitExceeded(f"values are nested more than {MAX_NESTING} deep")
        text = self._text(value, depth)
        self._budget.grow(len(text) if depth == 0 else len(text) // 8)
        return text

    def _text(self, value: object, depth: int) -> str:
        text_of = type_of(value).json
        if text_of is not None:
            return self._string(text_of(value))
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case int():
                return str(int(value))
            case float():
                return _number(value)
            case str():
                return self._string(value)
            case Slice(is_nil=True) | Map(is_nil=True):
                return "null"
            case Slice():
                return self._group("[]", [self.encode(item, depth + 1) for item in value.items], depth)
            case Map():
                return self._map(value, depth)
            case Struct():
                return self._group("{}", self._fields(value, depth), depth)
        raise FunctionFailure(f"json: unsupported type: {type_of(value).name}")

    def _map(self, value: Map, depth: int) -> str:
        if value.go_type.key is None or value.go_type.key.kind is not Kind.STRING:
            raise FunctionFailure(f"json: unsupported type: {value.go_type.name}")
        colon = ": " if self._indent else ":"
        members = [self._string(str(key)) + colon + self.encode(item, depth + 1) for key, item in sorted_items(value)]
        return self._group("{}", members, depth)

    def _fields(self, value: Struct, depth: int) -> list[str]:
        colon = ": " if self._indent else ":"
        members: list[str] = []
        for name, item in zip(value.go_type.fields, value.values, strict=True):
            json_name = value.go_type.json_names.get(name)
            if not is_exported(name):
                continue
            if isinstance(item, Struct) and name in value.go_type.embedded:
                members += self._fields(item, depth)
            elif item != "" or json_name is None:
                members.append(self._string(json_name or name) + colon + self.encode(item, depth + 1))
        return members

    def _group(self, brackets: str, members: list[str], depth: int) -> str:
        if not self._indent or not members:
            return brackets[0] + ",".join(members) + brackets[1]
        outer = "\n" + self._indent * depth
        inner = outer + self._indent
        return brackets[0] + inner + ("," + inner).join(members) + outer + brackets[1]

    def _string(self, text: str) -> str:
        self._budget.spend(len(text) // 4)
        return '"' + "".join(self._char(char) for char in text) + '"'

    def _char(self, char: str) -> str:
        if char in _ESCAPES:
            return _ESCAPES[char]
        if "\ud800" <= char <= "\udfff":
            return "\\ufffd"
        return f"\\u{ord(char):04x}" if char < " " or char in self._special else char


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise FunctionFailure(f"json: unsupported value: {format_float(value, 'g', SHORTEST)}")
    if value and not 1e-6 <= abs(value) < 1e21:
        text = format_float(value, "e", SHORTEST)
        return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text
    return format_float(value, "f", SHORTEST)


def decode(text: str, budget: RenderBudget) -> object:
    """Return the value of a JSON text. Raises FunctionFailure."""
    budget.spend(len(text) // 4)
    try:
        return _value(json.loads(text, parse_int=_float, parse_float=_float, parse_constant=_constant), budget, 0)
    except ValueError:
        raise FunctionFailure(json_syntax.syntax_error(text)) from None
    except RecursionError:
        raise FunctionFailure("exceeded max depth") from None


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise FunctionFailure(f"json: cannot unmarshal number {text[:64]} into Go value of type float64")
    return value


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _value(value: object, budget: RenderBudget, depth: int) -> object:
    budget.spend()
    if depth > MAX_NESTING:
        raise LimitExceeded(f"values are nested more than {MAX_NESTING} deep")
    if isinstance(value, str):
        return gotext.to_valid_utf8(value)
    if isinstance(value, list):
        return any_slice(_value(item, budget, depth + 1) for item in value)
    if isinstance(value, dict):
        return any_map({gotext.to_valid_utf8(key): _value(item, budget, depth + 1) for key, item in value.items()})
    return value
