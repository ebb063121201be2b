"""Go's types, as far as templates can distinguish them.

Template errors, `printf "%T"`, `kindOf`, `eq` and argument checks all depend on the Go type of a value, so each value
knows one. Reflection ends here: what a template can reach of a value is exactly what is listed in its type's `fields`
and `methods`; Python attributes are out of reach by construction.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Go's `reflect.Kind`, spelled as `kindOf` prints it."""

    INVALID = "invalid"
    BOOL = "bool"
    INT = "int"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT64 = "uint64"
    FLOAT64 = "float64"
    COMPLEX128 = "complex128"
    STRING = "string"
    INTERFACE = "interface"
    SLICE = "slice"
    MAP = "map"
    STRUCT = "struct"
    PTR = "ptr"


SIGNED = frozenset({Kind.INT, Kind.INT64})
UNSIGNED = frozenset({Kind.UINT8, Kind.UINT64})


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function or method callable from a template: its name, Go parameter types and Python body.

    `call` gets the `RenderContext` first, a method then its receiver, then the arguments, already checked against
    `params`.
    """

    name: str
    params: tuple["Type", ...]
    call: Callable[..., object]
    variadic: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """A Go type. Two types are the same when their names are."""

    name: str
    kind: Kind
    elem: "Type | None" = None
    key: "Type | None" = None
    fields: tuple[str, ...] = ()
    promoted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields of embedded structs: name → path through `fields`."""
    embedded: frozenset[str] = frozenset()
    """Names of the fields that are embedded structs."""
    methods: Mapping[str, Function] = field(default_factory=dict)
    text: Callable[[object], str] | None = None
    """The type's `String()` as `fmt` uses it; None when it has none."""
    json: Callable[[object], str] | None = None
    """Text that stands for the value in JSON, as a string."""
    json_names: Mapping[str, str] = field(default_factory=dict)
    """Names of fields in JSON that differ; such fields are left out when empty."""
    zero: object = None
    """The zero value of a struct type that occurs as an element of a map."""
    reported_name: str = ""
    """Interface type through which templates reach the value; named in errors about fields."""

    def accepts(self, other: "Type") -> bool:
        """Return True when a value of type `other` may be passed for this type."""
        return self.kind is Kind.INTERFACE or self.name == other.name


ANY = Type("interface {}", Kind.INTERFACE)
VALUE = Type("reflect.Value", Kind.STRUCT)
"""Parameters of built-in functions, which accept even missing values."""
BOOL = Type("bool", Kind.BOOL)
INT = Type("int", Kind.INT)
INT64 = Type("int64", Kind.INT64)
UINT8 = Type("uint8", Kind.UINT8)
UINT64 = Type("uint64", Kind.UINT64)
FLOAT64 = Type("float64", Kind.FLOAT64)
COMPLEX128 = Type("complex128", Kind.COMPLEX128)
STRING = Type("string", Kind.STRING)


def slice_of(elem: Type) -> Type:
    """Return the type `[]elem`."""
    return Type(f"[]{elem.name}", Kind.SLICE, elem=elem)


def map_of(key: Type, elem: Type, *, name: str = "") -> Type:
    """Return the type `map[key]elem`, or a named type of that shape."""
    return Type(name or f"map[{key.name}]{elem.name}", Kind.MAP, key=key, elem=elem)


ANY_SLICE = slice_of(ANY)
STRING_SLICE = slice_of(STRING)
INT_SLICE = slice_of(INT)
ANY_MAP = map_of(STRING, ANY)
STRING_MAP = map_of(STRING, STRING)
