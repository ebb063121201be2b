"""Sprig's functions on dictionaries, which are shared by reference: `set`, `unset` and `merge` change their argument.

Reference: https://masterminds.github.io/sprig/dicts.html. `keys` and `values` are in the order in which the keys were
set: one of the orders that Go, which begins anywhere, may use for a small map.
"""

from controllers.template.errors import FunctionFailure, LimitExceeded
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go.types import ANY, ANY_MAP, STRING
from controllers.template.go.values import Map, Slice, any_map, any_slice, string_slice, type_of
from controllers.template.limits import MAX_NESTING
from controllers.template.sprig.lists import is_empty
from controllers.template.sprig.strings import to_string

LIBRARY = Library()


@LIBRARY.add("dict", ANY, variadic=True)
def _dict(run: RenderContext, *words: object) -> Map:
    items: dict[str, object] = {}
    for position in range(0, len(words), 2):
        key = "<nil>" if words[position] is None else to_string(run, words[position])
        items[key] = words[position + 1] if position + 1 < len(words) else ""
    return any_map(items)


@LIBRARY.add("get", ANY_MAP, STRING)
def _get(run: RenderContext, items: Map, key: str) -> object:
    return items.items.get(key, "")


@LIBRARY.add("set", ANY_MAP, STRING, ANY)
def _set(run: RenderContext, items: Map, key: str, value: object) -> Map:
    if items.is_nil:
        raise FunctionFailure("assignment to entry in nil map")
    items.items[key] = value
    return items


@LIBRARY.add("unset", ANY_MAP, STRING)
def _unset(run: RenderContext, items: Map, key: str) -> Map:
    items.items.pop(key, None)
    return items


@LIBRARY.add("hasKey", ANY_MAP, STRING)
def _has_key(run: RenderContext, items: Map, key: str) -> bool:
    return key in items.items


@LIBRARY.add("pluck", STRING, ANY_MAP, variadic=True)
def _pluck(run: RenderContext, key: str, *maps: Map) -> Slice:
    return any_slice(items.items[key] for items in maps if key in items.items)


@LIBRARY.add("keys", ANY_MAP, variadic=True)
def _keys(run: RenderContext, *maps: Map) -> Slice:
    return string_slice(str(key) for items in maps for key in items.items)


@LIBRARY.add("values", ANY_MAP)
def _values(run: RenderContext, items: Map) -> Slice:
    return any_slice(items.items.values())


@LIBRARY.add("pick", ANY_MAP, STRING, variadic=True)
def _pick(run: RenderContext, items: Map, *keys: str) -> Map:
    return any_map({key: items.items[key] for key in keys if key in items.items})


@LIBRARY.add("omit", ANY_MAP, STRING, variadic=True)
def _omit(run: RenderContext, items: Map, *keys: str) -> Map:
    return any_map({str(key): value for key, value in items.items.items() if key not in keys})


@LIBRARY.add("dig", ANY, variadic=True)
def _dig(run: RenderContext, *words: object) -> object:
    if len(words) < 3:
        raise FunctionFailure("dig needs at least three arguments")
    *path, default, value = words
    for key in path:
        run.budget.spend()
        if not isinstance(value, Map) or value.go_type.name != ANY_MAP.name:
            raise FunctionFailure(_bad_conversion(value, ANY_MAP.name))
        if not isinstance(key, str):
            raise FunctionFailure(_bad_conversion(key, "string"))
        if key not in value.items:
            return default
        value = value.items[key]
    return value


def _bad_conversion(value: object, wanted: str) -> str:
    got = "nil" if value is None else type_of(value).name
    return f"interface conversion: interface {{}} is {got}, not {wanted}"


# Merging


@LIBRARY.add("merge mustMerge", ANY_MAP, ANY_MAP, variadic=True)
def _merge(run: RenderContext, target: Map, *sources: Map) -> Map:
    for source in sources:
        _merge_into(run, target, source, overwrite=False)
    return target


@LIBRARY.add("mergeOverwrite mustMergeOverwrite", ANY_MAP, ANY_MAP, variadic=True)
def _merge_overwrite(run: RenderContext, target: Map, *sources: Map) -> Map:
    for source in sources:
        _merge_into(run, target, source, overwrite=True)
    return target


def _merge_into(run: RenderContext, target: Map, source: Map, *, overwrite: bool, depth: int = 0) -> None:
    if depth > MAX_NESTING:
        raise LimitExceeded(f"values are nested more than {MAX_NESTING} deep")
    for key, value in list(source.items.items()):
        run.budget.spend()
        present = target.items.get(key)
        if value is None:
            if overwrite:
                target.items[key] = None
        elif isinstance(value, Map) and isinstance(present, Map) and present.items:
            _merge_into(run, present, value, overwrite=overwrite, depth=depth + 1)
        elif overwrite or is_empty(present):
            target.items[key] = value


@LIBRARY.add("deepCopy mustDeepCopy", ANY)
def _deep_copy(run: RenderContext, value: object) -> object:
    if value is None:
        raise FunctionFailure("reflect: call of reflect.Value.Type on zero Value")
    return _copied(run, value, 0)


def _copied(run: RenderContext, value: object, depth: int) -> object:
    run.budget.spend()
    if depth > MAX_NESTING:
        raise LimitExceeded(f"values are nested more than {MAX_NESTING} deep")
    if isinstance(value, Slice):
        return Slice(value.go_type, [_copied(run, item, depth + 1) for item in value.items], value.is_nil)
    if isinstance(value, Map):
        items = {key: _copied(run, item, depth + 1) for key, item in value.items.items()}
        return Map(value.go_type, items, value.is_nil)
    return value
