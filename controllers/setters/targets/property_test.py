"""`controllers.setters.targets`: one scalar changes, what is read back was meant, a second run does nothing."""

import json
import re
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
        assert (old if isinstance(old, str) else json.dumps(old)) == tag
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
