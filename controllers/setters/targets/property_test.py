"""`controllers.setters.targets`: one scalar changes, what is read back was meant, a second run does nothing."""

import json
import re
from functools import reduce
from typing import Any

import yaml  # type: ignore[import-untyped]
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controllers.setters import ImageRef, Target
from controllers.setters.update import update

KEYS = st.text(min_size=1, max_size=6).map(lambda text: text.encode("utf-16", "replace").decode("utf-16"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)),
    min_size=1,
    max_size=4,
)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\s{}\[\],:]|[^\s{}\[\],:"]+')
"""Of JSON, white space included."""
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}", fullmatch=True) | st.sampled_from(
    ["1.10", "1e3", "no", "007"]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to the scalars of a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        return [path]
    return [place for key, item in inner for place in places(item, (*path, key))]


def pointer(path: tuple[Any, ...]) -> str:
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)


def replaced(value: Any, path: tuple[Any, ...], new: str) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@settings(deadline=None)
@given(st.data(), DOCUMENTS, TAGS, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_json(data: st.DataObject, document: Any, tag: str, indent: Any, is_ascii: bool) -> None:
    ways = [way for way in places(document) if way]
    if not ways:
        return
    way = data.draw(st.sampled_from(ways))
    text = json.dumps(document, indent=indent, ensure_ascii=is_ascii)
    target = Target("f.json", pointer(way), "a:b:tag")
    made = update([("f.json", text.encode())], {"a:b": ImageRef("x", tag)}, targets=[target])
    assert made.findings == ()
    old = at(document, way)
    if not made.edits:
        assert old == tag
        return
    after = made.edits["f.json"].data.decode()
    assert json.loads(after) == replaced(document, way, tag)
    differing = [pair for pair in zip(TOKEN.findall(text), TOKEN.findall(after), strict=True) if pair[0] != pair[1]]
    assert [new for _, new in differing] == [json.dumps(tag)]
    assert not update([("f.json", after.encode())], {"a:b": ImageRef("x", tag)}, targets=[target]).edits


@settings(deadline=None)
@given(st.data(), DOCUMENTS, TAGS, st.booleans())
def test_yaml(data: st.DataObject, document: Any, tag: str, is_flow: bool) -> None:
    text = yaml.safe_dump(document, default_flow_style=is_flow, allow_unicode=True)
    assume(yaml.safe_load(text) == document)  # PyYAML writes U+0085 as it is, which is read back as a line break
    ways = [way for way in places(document) if way]
    if not ways:
        return
    way = data.draw(st.sampled_from(ways))
    target = Target("f.yaml", pointer(way), "a:b:tag")
    made = update([("f.yaml", text.encode())], {"a:b": ImageRef("x", tag)}, targets=[target])
    assert made.findings == ()
    if made.edits:
        after = made.edits["f.yaml"].data.decode()
        assert yaml.safe_load(after) == replaced(yaml.safe_load(text), way, tag)
        assert not update([("f.yaml", after.encode())], {"a:b": ImageRef("x", tag)}, targets=[target]).edits


def quoted(key: str, quote: str, *, is_ascii: bool) -> str:
    """Return a key as a JSONPath names it."""
    inner = json.dumps(key, ensure_ascii=is_ascii)[1:-1]
    return f'["{inner}"]' if quote == '"' else "['" + inner.replace('\\"', '"').replace("'", "\\'") + "']"


@settings(deadline=None)
@given(st.data(), DOCUMENTS, TAGS, st.sampled_from("'\""), st.booleans())
def test_jsonpath_of_any_key(data: st.DataObject, document: Any, tag: str, quote: str, is_ascii: bool) -> None:
    way = data.draw(st.sampled_from([way for way in places(document) if way] or [()]))
    path = "$" + "".join(f"[{k}]" if isinstance(k, int) else quoted(k, quote, is_ascii=is_ascii) for k in way)
    target = Target("f.json", path, "a:b:tag")
    made = update([("f.json", json.dumps(document).encode())], {"a:b": ImageRef("x", tag)}, targets=[target])
    assert not way or [finding.message for finding in made.findings] == []
    if made.edits:
        assert json.loads(made.edits["f.json"].data) == replaced(document, way, tag)


NAMES = st.sampled_from(["a", "b"])
LEAVES = st.sampled_from(["x", "y", "'x'", '"y"', "1", "~", "&p x", "&q y", "*p", "*q", "*m"])
STEPS = st.lists(
    st.sampled_from(
        [".a", ".b", "['a']", "[0]", "[1]", "[-1]", "[*]", ".*", "[?(@.a=='x')]", "[?(@.b=='y')]", "[?(@.a.b=='x')]"]
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def yaml_nodes(draw: st.DrawFn, depth: int = 3) -> str:
    """Return a node of YAML in flow style, with anchors, aliases, merge keys and keys that repeat."""
    kind = draw(st.sampled_from(["leaf", "map", "list"] if depth else ["leaf"]))
    if kind == "leaf":
        return draw(LEAVES)
    anchor = draw(st.sampled_from(["", "", "", "&m "]))
    if kind == "list":
        return anchor + "[" + ", ".join(draw(st.lists(yaml_nodes(depth - 1), max_size=3))) + "]"
    pairs = [f"{key}: {value}" for key, value in draw(st.lists(st.tuples(NAMES, yaml_nodes(depth - 1)), max_size=3))]
    merged = draw(st.sampled_from(["", "", "<<: *m", "<<: [*m, {b: y}]", "<<: {a: x}"]))
    return anchor + "{" + ", ".join([*pairs, *([merged] if merged else [])]) + "}"


def differing(old: Any, new: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to the scalars in which two values differ."""
    if type(old) is type(new) and isinstance(old, dict | list) and len(old) == len(new):
        keys = list(old) if isinstance(old, dict) else range(len(old))
        if not isinstance(old, dict) or list(old) == list(new):
            return [place for key in keys for place in differing(old[key], new[key], (*path, key))]
    return [] if (type(old), old) == (type(new), new) else [path]


def selected(steps: list[str], document: Any) -> list[tuple[Any, ...]]:
    """Return the ways to what a path names, by what YAML's own reader makes of a file."""
    ways: list[tuple[Any, ...]] = [()]
    for step in steps:
        ways = [(*way, key) for way in ways for key in taken(step, at(document, way))]
    return ways


def taken(step: str, value: Any) -> list[Any]:
    keys: list[Any] = (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )
    if found := re.fullmatch(r"\.(a|b)|\['(a|b)'\]", step):
        name = found[1] or found[2]
        return [name] if isinstance(value, dict) and name in value else []
    if found := re.fullmatch(r"\[(-?[0-9]+)\]", step):
        number = int(found[1])
        return [number % len(value)] if isinstance(value, list) and -len(value) <= number < len(value) else []
    if step in {"[*]", ".*"}:
        return keys
    names, wanted = re.findall(r"\.(a|b)", step), step[-4]
    return [
        key
        for key in keys
        if wanted == reduce(lambda one, name: one.get(name) if isinstance(one, dict) else None, names, value[key])
    ]


@settings(deadline=None, max_examples=400)
@given(st.lists(yaml_nodes(), min_size=1, max_size=3), STEPS)
def test_what_changes_is_the_one_value_that_a_reader_of_yaml_finds(nodes: list[str], steps: list[str]) -> None:
    text = "".join(f"{'ab'[number] if number < 2 else 'c'}: {node}\n" for number, node in enumerate(nodes))
    try:
        before = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return
    assume("..." not in repr(before))  # it contains itself
    made = update(
        [("f.yaml", text.encode())],
        {"a:b": ImageRef("x", "new")},
        targets=[Target("f.yaml", "$" + "".join(steps), "a:b:tag")],
    )
    if made.edits:
        after = yaml.safe_load(made.edits["f.yaml"].data)
        assert [at(after, way) for way in differing(before, after)] == ["new"]
        assert differing(before, after) == selected(steps, before)
    else:
        assert made.findings
