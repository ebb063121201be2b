"""Sprig's functions on lists. None of them changes a list; those with `must` differ only in how Go reports the error.

Reference: https://masterminds.github.io/sprig/lists.html.
"""

from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go.types import ANY, ANY_SLICE, INT, slice_of
from controllers.template.go.values import Slice, any_slice, deep_equal, is_true, kind_of
from controllers.template.sprig.math import to_int

LIBRARY = Library()


def list_items(value: object, action: str) -> list[object]:
    """Return the elements of a list. Raises FunctionFailure in sprig's words for anything else."""
    if isinstance(value, Slice):
        return value.items
    if value is None:
        raise FunctionFailure("runtime error: invalid memory address or nil pointer dereference")
    raise FunctionFailure(action.replace("%", kind_of(value)))


def is_empty(value: object) -> bool:
    """Return True for what sprig treats as empty: nil or the zero of its type, but no struct."""
    return not is_true(value)


def _nil_list() -> Slice:
    return Slice(ANY_SLICE, [], is_nil=True)


@LIBRARY.add("list tuple", ANY, variadic=True)
def _list(run: RenderContext, *items: object) -> Slice:
    return any_slice(items)


@LIBRARY.add("append push mustAppend mustPush", ANY, ANY)
def _append(run: RenderContext, value: object, item: object) -> Slice:
    return any_slice([*list_items(value, "Cannot push on type %"), item])


@LIBRARY.add("prepend mustPrepend", ANY, ANY)
def _prepend(run: RenderContext, value: object, item: object) -> Slice:
    return any_slice([item, *list_items(value, "Cannot prepend on type %")])


@LIBRARY.add("concat", ANY, variadic=True)
def _concat(run: RenderContext, *values: object) -> Slice:
    items: list[object] = []
    for value in values:
        items += list_items(value, "Cannot concat type % as list")
    return any_slice(items) if items else _nil_list()


@LIBRARY.add("first mustFirst", ANY)
def _first(run: RenderContext, value: object) -> object:
    items = list_items(value, "Cannot find first on type %")
    return items[0] if items else None


@LIBRARY.add("last mustLast", ANY)
def _last(run: RenderContext, value: object) -> object:
    items = list_items(value, "Cannot find last on type %")
    return items[-1] if items else None


@LIBRARY.add("rest mustRest", ANY)
def _rest(run: RenderContext, value: object) -> Slice:
    items = list_items(value, "Cannot find rest on type %")
    return any_slice(items[1:]) if items else _nil_list()


@LIBRARY.add("initial mustInitial", ANY)
def _initial(run: RenderContext, value: object) -> Slice:
    items = list_items(value, "Cannot find initial on type %")
    return any_slice(items[:-1]) if items else _nil_list()


@LIBRARY.add("reverse mustReverse", ANY)
def _reverse(run: RenderContext, value: object) -> Slice:
    return any_slice(reversed(list_items(value, "Cannot find reverse on type %")))


@LIBRARY.add("compact mustCompact", ANY)
def _compact(run: RenderContext, value: object) -> Slice:
    return any_slice(item for item in list_items(value, "Cannot compact on type %") if not is_empty(item))


@LIBRARY.add("uniq mustUniq", ANY)
def _uniq(run: RenderContext, value: object) -> Slice:
    kept: list[object] = []
    for item in list_items(value, "Cannot find uniq on type %"):
        if not any(deep_equal(item, other, run.budget) for other in kept):
            kept.append(item)
    return any_slice(kept)


@LIBRARY.add("without mustWithout", ANY, ANY, variadic=True)
def _without(run: RenderContext, value: object, *unwanted: object) -> Slice:
    items = list_items(value, "Cannot find without on type %")
    return any_slice(item for item in items if not any(deep_equal(item, other, run.budget) for other in unwanted))


@LIBRARY.add("has mustHas", ANY, ANY)
def _has(run: RenderContext, needle: object, value: object) -> bool:
    if value is None:
        return False
    return any(deep_equal(needle, item, run.budget) for item in list_items(value, "Cannot find has on type %"))


@LIBRARY.add("slice mustSlice", ANY, ANY, variadic=True)
def _slice(run: RenderContext, value: object, *bounds: object) -> object:
    items = list_items(value, "list should be type of slice or array but %")
    if not items or not isinstance(value, Slice):
        return None
    start = to_int(bounds[0]) if bounds else 0
    stop = to_int(bounds[1]) if len(bounds) > 1 else len(items)
    if not 0 <= start <= stop <= len(items):
        raise FunctionFailure("reflect.Value.Slice: slice index out of bounds")
    return Slice(value.go_type, items[start:stop])


@LIBRARY.add("chunk mustChunk", INT, ANY)
def _chunk(run: RenderContext, size: int, value: object) -> Slice:
    items = list_items(value, "Cannot chunk type %")
    if size < 1:
        return Slice(slice_of(ANY_SLICE), _chunks_of_odd_size(items, size))
    return Slice(slice_of(ANY_SLICE), [any_slice(items[at : at + size]) for at in range(0, len(items), size)])


def _chunks_of_odd_size(items: list[object], size: int) -> list[object]:
    """Follow sprig's arithmetic where it does not end in a panic."""
    if size < -1 and len(items) == 1:
        return [any_slice(items)]
    if size < 0 and 1 < len(items) <= 1 - size:
        return []
    raise FunctionFailure("runtime error: makeslice: len out of range")
