"""Go's values in Python, and what templates can ask about them.

`bool`, `int`, `float`, `complex` and `str` stand for Go's bool, int, float64, complex128 and string. Other integer
types are subclasses of `int`; everything else carries its type in `go_type`. `None` is a nil interface; MISSING is Go's
zero `reflect.Value`, as for a missing map key. Arithmetic is in `sprig.math`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, cast

from controllers.template.errors import LimitExceeded
from controllers.template.go import gotext, types
from controllers.template.go.types import SIGNED, UNSIGNED, Kind, Type
from controllers.template.limits import MAX_NESTING, RenderBudget


class Typed(Protocol):
    """A value that carries its Go type."""

    @property
    def go_type(self) -> Type: ...


class Missing:
    """The type of MISSING, Go's zero `reflect.Value`."""

    go_type: ClassVar[Type] = Type("<nil>", Kind.INVALID)


MISSING: Final = Missing()


class Int64(int):
    """A Go int64."""

    go_type: ClassVar[Type] = types.INT64


class Uint8(int):
    """A Go uint8: a byte of a string."""

    go_type: ClassVar[Type] = types.UINT8


class Uint64(int):
    """A Go uint64."""

    go_type: ClassVar[Type] = types.UINT64


@dataclass(slots=True, eq=False)
class Slice:
    """A Go slice. Never changed after it was made; `is_nil` marks a nil slice."""

    go_type: Type
    items: list[object]
    is_nil: bool = False


@dataclass(slots=True, eq=False)
class Map:
    """A Go map, shared by reference; `set` and `unset` change it. Keys are `str` or `Struct`."""

    go_type: Type
    items: dict[object, object]
    is_nil: bool = False


@dataclass(frozen=True, slots=True)
class Struct:
    """A Go struct: values in the order of `go_type.fields`. Equal and hashable as Go's comparable structs are."""

    go_type: Type
    values: tuple[object, ...]


_PLAIN: Final[dict[type, Type]] = {
    bool: types.BOOL,
    int: types.INT,
    float: types.FLOAT64,
    complex: types.COMPLEX128,
    str: types.STRING,
    type(None): types.ANY,
}


def type_of(value: object) -> Type:
    """Return the Go type of a value; a nil interface has the type `interface {}`."""
    plain = _PLAIN.get(type(value))
    return plain if plain is not None else cast(Typed, value).go_type


def kind_of(value: object) -> Kind:
    """Return the Go kind of a value, seen through interfaces: a nil interface is `invalid`."""
    return Kind.INVALID if value is None else type_of(value).kind


def has_interface_elements(value: Slice | Map) -> bool:
    """Return True for a list or map of `interface {}`."""
    elem = value.go_type.elem
    return elem is not None and elem.kind is Kind.INTERFACE


def is_nil(value: object) -> bool:
    """Return True for what is nil in any of Go's senses."""
    return value is None or value is MISSING or (isinstance(value, Slice | Map) and value.is_nil)


def any_slice(items: Iterable[object]) -> Slice:
    """Return a `[]interface {}`."""
    return Slice(types.ANY_SLICE, list(items))


def string_slice(items: Iterable[str]) -> Slice:
    """Return a `[]string`."""
    return Slice(types.STRING_SLICE, list(items))


def any_map(items: dict[str, object]) -> Map:
    """Return a `map[string]interface {}` that shares `items`."""
    return Map(types.ANY_MAP, cast(dict[object, object], items))


def is_true(value: object) -> bool:
    """Return True for what `if` treats as true: anything but the zero of its type, and every struct."""
    if isinstance(value, Slice | Map):
        return bool(value.items)
    if value is None or value is MISSING:
        return False
    if isinstance(value, str | int | float | complex):
        return bool(value)
    return True


def length(value: object) -> int | None:
    """Return what Go's `len` does: bytes of a string, elements of a list or map; None for other kinds."""
    if isinstance(value, str):
        return gotext.byte_length(value)
    return len(value.items) if isinstance(value, Slice | Map) else None


def weight(value: object) -> int:
    """Return roughly the bytes or elements directly in the value, to charge for handling it."""
    if isinstance(value, str):
        return len(value)
    return 8 * len(value.items) if isinstance(value, Slice | Map) else 0


def is_exported(name: str) -> bool:
    """Return True when templates and JSON may read a field of that name."""
    return name[:1].isupper()


def field_of(value: Struct, name: str) -> object:
    """Return the field `name`, promoted ones included; MISSING when there is none."""
    kind = value.go_type
    if name in kind.fields:
        return value.values[kind.fields.index(name)]
    path = kind.promoted.get(name)
    if path is None:
        return MISSING
    inner: object = value
    for step in path:
        inner = field_of(cast(Struct, inner), step)
    return inner


def sort_key(key: object) -> tuple[object, ...]:
    """Return the key that sorts map keys as Go does: strings bytewise, structs field by field."""
    if isinstance(key, Struct):
        return tuple(part for value in key.values for part in sort_key(value))
    if isinstance(key, str):
        return (gotext.encode(key),)
    return (key,)


def sorted_items(value: Map) -> list[tuple[object, object]]:
    """Return keys and values in Go's order."""
    return sorted(value.items.items(), key=lambda item: sort_key(item[0]))


def basic_kind(value: object) -> str:
    """Return the class of kinds that compare: bool, int, uint, float, complex, string, or "" for the rest."""
    kind = kind_of(value)
    if kind in SIGNED:
        return "int"
    if kind in UNSIGNED:
        return "uint"
    return {Kind.BOOL: "bool", Kind.FLOAT64: "float", Kind.COMPLEX128: "complex", Kind.STRING: "string"}.get(kind, "")


def deep_equal(left: object, right: object, budget: RenderBudget, *, depth: int = 0) -> bool:
    """Compare as Go's `reflect.DeepEqual`: same type and same content, so int 1 and int64 1 differ."""
    budget.spend()
    if depth > MAX_NESTING:
        raise LimitExceeded(f"values are nested more than {MAX_NESTING} deep")
    if type_of(left).name != type_of(right).name:
        return False
    if isinstance(left, Slice) and isinstance(right, Slice):
        return (
            left.is_nil == right.is_nil
            and len(left.items) == len(right.items)
            and all(deep_equal(a, b, budget, depth=depth + 1) for a, b in zip(left.items, right.items, strict=True))
        )
    if isinstance(left, Map) and isinstance(right, Map):
        return (
            left.is_nil == right.is_nil
            and left.items.keys() == right.items.keys()
            and all(deep_equal(value, right.items[key], budget, depth=depth + 1) for key, value in left.items.items())
        )
    return bool(left == right)


def zero_of(kind: Type) -> object:
    """Return the zero value of a type, which a map has for a missing key."""
    match kind.kind:
        case Kind.STRING:
            return ""
        case Kind.SLICE:
            return Slice(kind, [], is_nil=True)
        case Kind.MAP:
            return Map(kind, {}, is_nil=True)
        case Kind.INT:
            return 0
    return kind.zero


def is_comparable(value: object) -> bool:
    """Return True when Go's `==` accepts the value: not lists and maps, nor structs that hold them."""
    if isinstance(value, Struct):
        return all(is_comparable(part) for part in value.values)
    return not isinstance(value, Slice | Map)
