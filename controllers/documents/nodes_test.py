"""Documents as trees."""

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints
from hypothesis import given
from hypothesis import strategies as st

from controllers.documents.manifests import find_manifests
from controllers.documents.nodes import Alias, Mapping, Scalar, Unparsable, items, load, mappings, to_value


def test_nodes_know_where_they_are() -> None:
    [root] = load("\ufeffü: &x 'é'\nlist:\n- {a: *x, b: [c]}\n".encode())
    assert isinstance(root, Mapping)
    value = root.get("ü")
    assert isinstance(value, Scalar)
    assert (value.line, value.column, value.start, value.end, value.in_flow) == (1, 4, 3, 9, False)
    inner = root.get("list")
    assert inner is not None
    assert to_value(inner) == [{"a": "é", "b": ["c"]}]
    [item] = mappings(inner)
    alias, flow = item.get("a"), item.get("b")
    assert isinstance(alias, Alias)
    assert (alias.line, alias.column) == (3, 7)
    assert [one.in_flow for one in items(flow) if isinstance(one, Scalar)] == [True]


def test_an_alias_to_itself_ends() -> None:
    assert [to_value(root) for root in load(b"a: &x\n  b: *x\n  c: [*x]\n")] == [{"a": {"b": None, "c": [None]}}]


def test_empty_documents_are_left_out() -> None:
    assert [to_value(root) for root in load(b"---\n---\na: b\n---\n# nothing\n")] == [{"a": "b"}]


@pytest.mark.parametrize("data", [b"a: [", b"\xff", b"[" * 600])
def test_what_cannot_be_read(data: bytes) -> None:
    with pytest.raises(Unparsable):
        load(data)


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**6) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(values.filter(lambda value: value is not None), st.booleans())
def test_values_are_those_of_yaml(value: object, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    assert [to_value(root) for root in load(text.encode())] == [value]


def test_objects_of_lists_and_of_all_versions() -> None:
    text = b"""\
apiVersion: v1
kind: List
items:
- {apiVersion: image.toolkit.fluxcd.io/v1beta1, kind: ImagePolicy, metadata: {name: a}, spec: {policy: null}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
---
{apiVersion: image.toolkit.fluxcd.io/v1, kind: ImageRepository, metadata: {name: c}, spec: {image: [x]}}
"""
    first, second = find_manifests("a.yaml", text)
    assert first.object is not None
    assert first.object.metadata.name == "a"
    assert (second.object, second.fault) == (None, "Expected `str`, got `array` - at `$.spec.image`")
