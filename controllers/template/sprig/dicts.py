"""Sprig's functions on dictionaries, which are shared by reference: `set`, `unset` and `merge` change their argument.

Reference: https://masterminds.github.io/sprig/dicts.html. `keys` and `values` are in the order in which the keys were
set: one of the orders that Go, which begins anywhere, gives of a small map.
"""

from controllers.template.errors import FunctionFailure, LimitExceeded
from controllers.template.eval.runs import Library, Run
from controllers.template.go.types import ANY, DICT, STRING
from controllers.template.go.values import Map, Slice, anys, dictionary, strings, type_of
from controllers.template.limits import MAX_NESTING
from controllers.template.sprig.lists import is_empty
from controllers.template.sprig.strings import text_of

LIBRARY = Library()


@LIBRARY.add("dict", ANY, variadic=True)
def _dict(run: Run, *words: object) -> Map:
    items: dict[str, object] = {}
    for position in range(0, len(words), 2):
        key = "<nil>" if words[position] is None else text_of(run, words[position])
        items[key] = words[position + 1] if position + 1 < len(words) else ""
    return dictionary(items)


@LIBRARY.add("get", DICT, STRING)
def _get(run: Run, items: Map, key: str) -> object:
    return items.items.get(key, "")


@LIBRARY.add("set", DICT, STRING, ANY)
def _set(run: Run, items: Map, key: str, value: object) -> Map:
    if items.is_nil:
        raise FunctionFailure("assignment to entry in nil map")
    items.items[key] = value
    return items


@LIBRARY.add("unset", DICT, STRING)
def _unset(run: Run, items: Map, key: str) -> Map:
    items.items.pop(key, None)
    return items


@LIBRARY.add("hasKey", DICT, STRING)
def _has_key(run: Run, items: Map, key: str) -> bool:
    return key in items.items


@LIBRARY.add("pluck", STRING, DICT, variadic=True)
def _pluck(run: Run, key: str, *maps: Map) -> Slice:
    return anys(items.items[key] for items in maps if key in items.items)


@LIBRARY.add("keys", DICT, variadic=True)
def _keys(run: Run, *maps: Map) -> Slice:
    return strings(str(key) for items in maps for key in items.items)


@LIBRARY.add("values", DICT)
def _values(run: Run, items: Map) -> Slice:
    return anys(items.items.values())


@LIBRARY.add("pick", DICT, STRING, variadic=True)
def _pick(run: Run, items: Map, *keys: str) -> Map:
    return dictionary({key: items.items[key] for key in keys if key in items.items})


@LIBRARY.add("omit", DICT, STRING, variadic=True)
def _omit(run: Run, items: Map, *keys: str) -> Map:
    return dictionary({str(key): value for key, value in items.items.items() if key not in keys})


@LIBRARY.add("dig", ANY, variadic=True)
def _dig(run: Run, *words: object) -> object:
    if len(words) < 3:
        raise FunctionFailure("dig needs at least three arguments")
    *path, default, found = words
    for key in path:
        run.budget.spend()
        if not isinstance(found, Map) or found.go_type.name != DICT.name:
            raise FunctionFailure(_bad_conversion(found, DICT.name))
        if not isinstance(key, str):
            raise FunctionFailure(_bad_conversion(key, "string"))
        if key not in found.items:
            return default
        found = found.items[key]
    return found


def _bad_conversion(value: object, wanted: str) -> str:
    got = "nil" if value is None else type_of(value).name
    return f"interface conversion: interface {{}} is {got}, not {wanted}"


# Merging


@LIBRARY.add("merge mustMerge", DICT, DICT, variadic=True)
def _merge(run: Run, target: Map, *sources: Map) -> Map:
    for source in sources:
        _merge_into(run, target, source, overwrite=False)
    return target


@LIBRARY.add("mergeOverwrite mustMergeOverwrite", DICT, DICT, variadic=True)
def _merge_overwrite(run: Run, target: Map, *sources: Map) -> Map:
    for source in sources:
        _merge_into(run, target, source, overwrite=True)
    return target


def _merge_into(run: Run, target: Map, source: Map, *, overwrite: bool, depth: int = 0) -> None:
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
def _deep_copy(run: Run, value: object) -> object:
    if value is None:
        raise FunctionFailure("reflect: call of reflect.Value.Type on zero Value")
    return _copied(run, value, 0)


def _copied(run: Run, value: object, depth: int) -> object:
    run.budget.spend()
    if depth > MAX_NESTING:
        raise LimitExceeded(f"values are nested more than {MAX_NESTING} deep")
    if isinstance(value, Slice):
        return Slice(value.go_type, [_copied(run, item, depth + 1) for item in value.items], value.is_nil)
    if isinstance(value, Map):
        items = {key: _copied(run, item, depth + 1) for key, item in value.items.items()}
        return Map(value.go_type, items, value.is_nil)
    return value
