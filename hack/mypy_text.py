"""A mypy plugin: no text of the product shows a value as only Python writes it: `['b']`, `None`, `True`, `b'x'`.

Conditions, events and the command line are read by people who know YAML and Go. mypy knows the type of each value that
an f-string, `str.format` or `str()` gets, so it reports the types below. What is `Any` or `object` to mypy passes.
"""

from collections.abc import Callable

from mypy.plugin import FunctionContext, MethodContext, Plugin
from mypy.types import Instance, LiteralType, NoneType, ProperType, TupleType, Type, UnionType, get_proper_type

PRODUCT = ("api", "cli", "controllers")
PYTHONS_OWN = {
    *("builtins.bool", "builtins.bytes", "builtins.bytearray", "builtins.memoryview", "datetime.timedelta"),
    *("builtins.list", "builtins.tuple", "builtins.dict", "builtins.set", "builtins.frozenset"),
    *("typing.Mapping", "typing.Sequence", "typing.AbstractSet"),
}
"""Types whose text is Python's. A string is a sequence, too, but has its own; so do classes with a `__str__`."""


class TextPlugin(Plugin):
    """Checks f-strings, `str.format` and `str()`."""

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        return check_first_argument if fullname == "builtins.str.format" else None

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        return check_first_argument if fullname == "builtins.str" else None


def check_first_argument(context: FunctionContext | MethodContext) -> Type:
    """Check one field of an f-string, which mypy reads as `'{:{}}'.format(value, spec)`, or the argument of `str()`."""
    path = context.api.path.replace("\\", "/")
    is_product = any(path.startswith(f"{folder}/") or f"/{folder}/" in path for folder in PRODUCT)
    kinds = context.arg_kinds[0] if context.arg_kinds else []
    if not is_product or path.endswith("_test.py") or not kinds or kinds[0].is_star():
        return context.default_return_type
    if name := pythons_own(get_proper_type(context.arg_types[0][0])):
        context.api.fail(f"this text would show a value of type {name} as Python writes it", context.context)
    return context.default_return_type


def pythons_own(value: ProperType) -> str:
    """Return the name of the type whose text would be Python's; empty when there is none."""
    match value:
        case UnionType():
            return next((name for item in value.items if (name := pythons_own(get_proper_type(item)))), "")
        case LiteralType():
            return pythons_own(value.fallback)
        case TupleType():
            return pythons_own(value.partial_fallback)
        case NoneType():
            return "None"
        case Instance():
            for base in value.type.mro:
                if base.fullname in PYTHONS_OWN:
                    return value.type.fullname
                if base.fullname == "builtins.str" or "__str__" in base.names:
                    return ""
    return ""


def plugin(_version: str) -> type[Plugin]:
    """Return the plugin, as mypy asks for it."""
    return TextPlugin
