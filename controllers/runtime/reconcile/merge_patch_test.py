from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.runtime.reconcile.merge_patch import diff, merge

SCALARS = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "b"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        pytest.param({"a": 1}, {"a": 1}, {}, id="equal"),
        pytest.param({"a": 1}, {"a": 2}, {"a": 2}, id="changed"),
        pytest.param({"a": 1, "b": 1}, {"a": 1}, {"b": None}, id="removed"),
        pytest.param({"a": {"x": 1, "y": 1}}, {"a": {"x": 2, "y": 1}}, {"a": {"x": 2}}, id="only-what-differs-inside"),
        pytest.param({"a": {"x": 1}}, {"a": {}}, {"a": {"x": None}}, id="removed-inside"),
        pytest.param({"a": [1, 2]}, {"a": [1]}, {"a": [1]}, id="lists-are-replaced"),
        pytest.param({}, {"a": {}}, {"a": {}}, id="empty-object-appears"),
    ],
)
def test_diff(old: dict[str, object], new: dict[str, object], want: dict[str, object]) -> None:
    assert diff(old, new) == want


@given(old=DOCUMENTS, new=DOCUMENTS)
def test_a_diff_applied_to_the_old_document_gives_the_new_one(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merge(old, diff(old, new)) == new


@given(document=DOCUMENTS)
def test_a_document_does_not_differ_from_itself(document: dict[str, Any]) -> None:
    assert diff(document, document) == {}


def test_merge_leaves_its_arguments_alone() -> None:
    document = {"a": {"x": 1}}
    assert merge(document, {"a": {"y": 2}}) == {"a": {"x": 1, "y": 2}}
    assert document == {"a": {"x": 1}}
