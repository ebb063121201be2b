"""Sprig's functions on lists. None of them changes a list; those with `must` differ only in how Go reports the error.

Reference: https://masterminds.github.io/sprig/lists.html.
"""

from controllers.template.errors import FunctionFailure
from controllers.template.eval.runs import Library, Run
from controllers.template.go.types import ANY, ANYS, INT, slice_of
from controllers.template.go.values import Slice, anys, deep_equal, kind_of, truth
from controllers.template.sprig.math import to_int

LIBRARY = Library()


def items_of(value: object, action: str) -> list[object]:
    """The elements of a list; FunctionFailure in sprig's words for anything else."""
    if isinstance(value, Slice):
        return value.items
    if value is None:
        raise FunctionFailure("runtime error: invalid memory address or nil pointer dereference")
    raise FunctionFailure(action.replace("%", kind_of(value)))


def is_empty(value: object) -> bool:
    """Is it sprig's idea of empty: nil or the zero of its type, structs never?"""
    return not truth(value)


def _nil_list() -> Slice:
    return Slice(ANYS, [], is_nil=True)


@LIBRARY.add("list tuple", ANY, variadic=True)
def _list(run: Run, *items: object) -> Slice:
    return anys(items)


@LIBRARY.add("append push mustAppend mustPush", ANY, ANY)
def _append(run: Run, value: object, item: object) -> Slice:
    return anys([*items_of(value, "Cannot push on type %"), item])


@LIBRARY.add("prepend mustPrepend", ANY, ANY)
def _prepend(run: Run, value: object, item: object) -> Slice:
    return anys([item, *items_of(value, "Cannot prepend on type %")])


@LIBRARY.add("concat", ANY, variadic=True)
def _concat(run: Run, *values: object) -> Slice:
    items: list[object] = []
    for value in values:
        items += items_of(value, "Cannot concat type % as list")
    return anys(items) if items else _nil_list()


@LIBRARY.add("first mustFirst", ANY)
def _first(run: Run, value: object) -> object:
    items = items_of(value, "Cannot find first on type %")
    return items[0] if items else None


@LIBRARY.add("last mustLast", ANY)
def _last(run: Run, value: object) -> object:
    items = items_of(value, "Cannot find last on type %")
    return items[-1] if items else None


@LIBRARY.add("rest mustRest", ANY)
def _rest(run: Run, value: object) -> Slice:
    items = items_of(value, "Cannot find rest on type %")
    return anys(items[1:]) if items else _nil_list()


@LIBRARY.add("initial mustInitial", ANY)
def _initial(run: Run, value: object) -> Slice:
    items = items_of(value, "Cannot find initial on type %")
    return anys(items[:-1]) if items else _nil_list()


@LIBRARY.add("reverse mustReverse", ANY)
def _reverse(run: Run, value: object) -> Slice:
    return anys(reversed(items_of(value, "Cannot find reverse on type %")))


@LIBRARY.add("compact mustCompact", ANY)
def _compact(run: Run, value: object) -> Slice:
    return anys(item for item in items_of(value, "Cannot compact on type %") if not is_empty(item))


@LIBRARY.add("uniq mustUniq", ANY)
def _uniq(run: Run, value: object) -> Slice:
    kept: list[object] = []
    for item in items_of(value, "Cannot find uniq on type %"):
        if not any(deep_equal(item, other, run.budget) for other in kept):
            kept.append(item)
    return anys(kept)


@LIBRARY.add("without mustWithout", ANY, ANY, variadic=True)
def _without(run: Run, value: object, *unwanted: object) -> Slice:
    items = items_of(value, "Cannot find without on type %")
    return anys(item for item in items if not any(deep_equal(item, other, run.budget) for other in unwanted))


@LIBRARY.add("has mustHas", ANY, ANY)
def _has(run: Run, needle: object, value: object) -> bool:
    if value is None:
        return False
    return any(deep_equal(needle, item, run.budget) for item in items_of(value, "Cannot find has on type %"))


@LIBRARY.add("slice mustSlice", ANY, ANY, variadic=True)
def _slice(run: Run, value: object, *bounds: object) -> object:
    items = items_of(value, "list should be type of slice or array but %")
    if not items or not isinstance(value, Slice):
        return None
    start = to_int(bounds[0]) if bounds else 0
    stop = to_int(bounds[1]) if len(bounds) > 1 else len(items)
    if not 0 <= start <= stop <= len(items):
        raise FunctionFailure("reflect.Value.Slice: slice index out of bounds")
    return Slice(value.go_type, items[start:stop])


@LIBRARY.add("chunk mustChunk", INT, ANY)
def _chunk(run: Run, size: int, value: object) -> Slice:
    items = items_of(value, "Cannot chunk type %")
    if size < 1:
        return Slice(slice_of(ANYS), _chunks_of_odd_size(items, size))
    return Slice(slice_of(ANYS), [anys(items[at : at + size]) for at in range(0, len(items), size)])


def _chunks_of_odd_size(items: list[object], size: int) -> list[object]:
    """What is left of sprig's arithmetic where it does not end in a panic."""
    if size < -1 and len(items) == 1:
        return [anys(items)]
    if size < 0 and 1 < len(items) <= 1 - size:
        return []
    raise FunctionFailure("runtime error: makeslice: len out of range")
