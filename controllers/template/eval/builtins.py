"""The functions every Go template has: logic, comparison, printing, escaping, `index` and `len`.

`slice` is missing: sprig's replaces it. Reference: https://pkg.go.dev/text/template#hdr-Functions.
"""

import html as _html
from typing import cast
from urllib.parse import quote_plus

from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go import gotext, printf, printing
from controllers.template.go.types import ANY, STRING, VALUE, Kind
from controllers.template.go.values import (
    MISSING,
    Map,
    Slice,
    Uint8,
    basic_kind,
    is_comparable,
    is_nil,
    is_true,
    kind_of,
    length,
    type_of,
    zero_of,
)

LIBRARY = Library()
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


@LIBRARY.add("and or", VALUE, VALUE, variadic=True)
def _logic(run: RenderContext, *values: object) -> object:
    raise AssertionError("the evaluation handles these itself, since they skip arguments")


@LIBRARY.add("not", VALUE)
def _not(run: RenderContext, value: object) -> bool:
    return not is_true(value)


@LIBRARY.add("len", VALUE)
def _len(run: RenderContext, value: object) -> int:
    if value is None:
        raise FunctionFailure("len of nil pointer")
    if value is MISSING:
        raise FunctionFailure("reflect: call of reflect.Value.Type on zero Value")
    size = length(value)
    if size is None:
        raise FunctionFailure(f"len of type {type_of(value).name}")
    return size


@LIBRARY.add("index", VALUE, VALUE, variadic=True)
def _index(run: RenderContext, item: object, *indexes: object) -> object:
    if is_nil(item) and not isinstance(item, Slice | Map):
        raise FunctionFailure("index of untyped nil")
    for index in indexes:
        if item is None:
            raise FunctionFailure("index of nil pointer")
        if isinstance(item, Map):
            item = _entry(item, index)
        elif isinstance(item, Slice):
            item = item.items[_position(index, len(item.items), "slice")]
        elif isinstance(item, str):
            raw = gotext.encode(item)
            item = Uint8(raw[_position(index, len(raw), "string")])
        else:
            raise FunctionFailure(f"can't index item of type {type_of(item).name}")
    return item


def _entry(item: Map, key: object) -> object:
    wanted, elem = item.go_type.key, item.go_type.elem
    assert wanted is not None
    assert elem is not None
    if key is None or key is MISSING:
        raise FunctionFailure(f"value is nil; should be of type {wanted.name}")
    if not wanted.accepts(type_of(key)):
        raise FunctionFailure(f"value has type {type_of(key).name}; should be {wanted.name}")
    return item.items[key] if key in item.items else zero_of(elem)


def _position(index: object, size: int, what: str) -> int:
    if index is None or index is MISSING:
        raise FunctionFailure("cannot index slice/array with nil")
    if not isinstance(index, int) or isinstance(index, bool):
        raise FunctionFailure(f"cannot index slice/array with type {type_of(index).name}")
    if not 0 <= index <= size:
        raise FunctionFailure(f"index out of range: {int(index)}")
    if index == size:
        raise FunctionFailure(f"reflect: {what} index out of range")
    return int(index)


@LIBRARY.add("call", VALUE, VALUE, variadic=True)
def _call(run: RenderContext, name: str, function: object, *arguments: object) -> object:
    if function is None or function is MISSING:
        raise FunctionFailure("call of nil")
    raise FunctionFailure(f"non-function {name} of type {type_of(function).name}")


# Comparison


@LIBRARY.add("eq", VALUE, VALUE, variadic=True)
def _eq(run: RenderContext, first: object, *others: object) -> bool:
    if not others:
        raise FunctionFailure("missing argument for comparison")
    return any(_equal(run, first, other) for other in others)


@LIBRARY.add("ne", VALUE, VALUE)
def _ne(run: RenderContext, left: object, right: object) -> bool:
    return not _equal(run, left, right)


@LIBRARY.add("lt", VALUE, VALUE)
def _lt(run: RenderContext, left: object, right: object) -> bool:
    return _less(left, right)


@LIBRARY.add("le", VALUE, VALUE)
def _le(run: RenderContext, left: object, right: object) -> bool:
    return _less(left, right) or _equal(run, left, right)


@LIBRARY.add("gt", VALUE, VALUE)
def _gt(run: RenderContext, left: object, right: object) -> bool:
    return not (_less(left, right) or _equal(run, left, right))


@LIBRARY.add("ge", VALUE, VALUE)
def _ge(run: RenderContext, left: object, right: object) -> bool:
    return not _less(left, right)


def _equal(run: RenderContext, left: object, right: object) -> bool:
    left_kind, right_kind = basic_kind(left), basic_kind(right)
    if left_kind == right_kind and left_kind:
        return left == right
    if {left_kind, right_kind} == {"int", "uint"}:
        return left == right
    nothing = kind_of(left) is Kind.INVALID or kind_of(right) is Kind.INVALID
    if left_kind != right_kind:
        if nothing:
            return False
        raise FunctionFailure(_incompatible(left, right))
    if kind_of(left) is not kind_of(right) and not nothing:
        texts = [printf.sprintf(verb, (value,), run.budget) for verb, value in (("%s", left), ("%v", right))]
        names = [type_of(value).name for value in (left, right)]
        raise FunctionFailure(f"non-comparable types {texts[0]}: {names[0]}, {names[1]}: {texts[1]}")
    if is_nil(left) or is_nil(right):
        return is_nil(left) == is_nil(right)
    if not is_comparable(right):
        text = printf.sprintf("%s", (right,), run.budget)
        raise FunctionFailure(f"non-comparable type {text}: {type_of(right).name}")
    return type_of(left).name == type_of(right).name and left == right


def _less(left: object, right: object) -> bool:
    left_kind, right_kind = basic_kind(left), basic_kind(right)
    if not left_kind or not right_kind:
        raise FunctionFailure("invalid type for comparison")
    if left_kind != right_kind and {left_kind, right_kind} != {"int", "uint"}:
        raise FunctionFailure(_incompatible(left, right))
    if left_kind in ("bool", "complex"):
        raise FunctionFailure("invalid type for comparison")
    if isinstance(left, str) and isinstance(right, str):
        return gotext.encode(left) < gotext.encode(right)
    return cast(float, left) < cast(float, right)


def _incompatible(left: object, right: object) -> str:
    return f"incompatible types for comparison: {type_of(left).name} and {type_of(right).name}"


# Printing and escaping


@LIBRARY.add("print", ANY, variadic=True)
def _print(run: RenderContext, *values: object) -> str:
    return printing.sprint(values, run.budget)


@LIBRARY.add("println", ANY, variadic=True)
def _println(run: RenderContext, *values: object) -> str:
    return printing.sprintln(values, run.budget)


@LIBRARY.add("printf", STRING, ANY, variadic=True)
def _printf(run: RenderContext, template: str, *values: object) -> str:
    return printf.sprintf(template, values, run.budget)


@LIBRARY.add("html", ANY, variadic=True)
def _html_escape(run: RenderContext, *values: object) -> str:
    text = _joined(run, values)
    run.budget.grow(len(text))
    escaped = _html.escape(text, quote=False).replace('"', "&#34;").replace("'", "&#39;")
    return escaped.replace("\0", gotext.REPLACEMENT)


@LIBRARY.add("js", ANY, variadic=True)
def _js_escape(run: RenderContext, *values: object) -> str:
    text = _joined(run, values)
    run.budget.spend(len(text))
    return "".join(_js_char(char) for char in text)


def _js_char(char: str) -> str:
    if char in _JS:
        return _JS[char]
    if char < " ":
        return f"\\u00{ord(char):02X}"
    if char < "\x80" or char.isprintable() or gotext.to_valid_utf8(char) != char:
        return char
    return f"\\u{ord(char):04X}"


@LIBRARY.add("urlquery", ANY, variadic=True)
def _urlquery(run: RenderContext, *values: object) -> str:
    text = _joined(run, values)
    run.budget.spend(len(text))
    return quote_plus(gotext.encode(text), safe="")


def _joined(run: RenderContext, values: tuple[object, ...]) -> str:
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return printing.sprint(tuple("<no value>" if value is None else value for value in values), run.budget)
