"""Sprig's defaults, flow control and reflection.

Reference: https://masterminds.github.io/sprig/defaults.html, …/flow_control.html, …/reflection.html.
"""

from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go.types import ANY, BOOL, STRING
from controllers.template.go.values import deep_equal, kind_of, type_of
from controllers.template.sprig.lists import is_empty

LIBRARY = Library()


@LIBRARY.add("default", ANY, ANY, variadic=True)
def _default(run: RenderContext, default: object, *given: object) -> object:
    return given[0] if given and not is_empty(given[0]) else default


@LIBRARY.add("empty", ANY)
def _empty(run: RenderContext, value: object) -> bool:
    return is_empty(value)


@LIBRARY.add("coalesce", ANY, variadic=True)
def _coalesce(run: RenderContext, *values: object) -> object:
    return next((value for value in values if not is_empty(value)), None)


@LIBRARY.add("all", ANY, variadic=True)
def _all(run: RenderContext, *values: object) -> bool:
    return not any(is_empty(value) for value in values)


@LIBRARY.add("any", ANY, variadic=True)
def _any(run: RenderContext, *values: object) -> bool:
    return not all(is_empty(value) for value in values)


@LIBRARY.add("ternary", ANY, ANY, BOOL)
def _ternary(run: RenderContext, yes: object, no: object, condition: bool) -> object:
    return yes if condition else no


@LIBRARY.add("fail", STRING)
def _fail(run: RenderContext, message: str) -> str:
    raise FunctionFailure(message)


def _type_name(value: object) -> str:
    return "<nil>" if value is None else type_of(value).name


@LIBRARY.add("typeOf", ANY)
def _type_of(run: RenderContext, value: object) -> str:
    return _type_name(value)


@LIBRARY.add("typeIs", STRING, ANY)
def _type_is(run: RenderContext, name: str, value: object) -> bool:
    return name == _type_name(value)


@LIBRARY.add("typeIsLike", STRING, ANY)
def _type_is_like(run: RenderContext, name: str, value: object) -> bool:
    return _type_name(value) in (name, "*" + name)


@LIBRARY.add("kindOf", ANY)
def _kind_of(run: RenderContext, value: object) -> str:
    return str(kind_of(value))


@LIBRARY.add("kindIs", STRING, ANY)
def _kind_is(run: RenderContext, name: str, value: object) -> bool:
    return name == kind_of(value)


@LIBRARY.add("deepEqual", ANY, ANY)
def _deep_equal(run: RenderContext, left: object, right: object) -> bool:
    return deep_equal(left, right, run.budget)
