"""Names and labels of chunks: valid for Kubernetes, and never shared by two repositories."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.imagetaglist import chunk_name, repository_label

DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL_VALUE = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

_labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?", fullmatch=True)
_names = st.lists(_labels, min_size=1, max_size=6).map(".".join).filter(lambda name: len(name) <= 253)
_indexes = st.integers(min_value=0, max_value=10_000)


@pytest.mark.parametrize(
    ("name", "index", "want"),
    [
        pytest.param("app", 0, "app-tags-0", id="first"),
        pytest.param("app", 12, "app-tags-12", id="later"),
        pytest.param("a" * 246, 0, "a" * 246 + "-tags-0", id="longest-that-fits"),
    ],
)
def test_short_names_are_readable(name: str, index: int, want: str) -> None:
    assert chunk_name(name, index) == want


def test_long_names_are_shortened_at_a_label_border() -> None:
    name = chunk_name("a" * 180 + "." + "b" * 72, 3)
    assert re.fullmatch(r"a{180}-[0-9a-f]{64}-long-3|a{180}\.b+-[0-9a-f]{64}-long-3", name)
    assert len(name) <= 253


@given(_names, _indexes)
def test_chunk_names_are_valid(name: str, index: int) -> None:
    chunk = chunk_name(name, index)
    assert DNS_SUBDOMAIN.fullmatch(chunk)
    assert len(chunk) <= 253
    assert chunk == chunk_name(name, index)


@given(_names, _indexes, _names, _indexes)
def test_two_chunks_never_share_a_name(name: str, index: int, other: str, other_index: int) -> None:
    assume((name, index) != (other, other_index))
    assert chunk_name(name, index) != chunk_name(other, other_index)


def test_a_repository_named_like_a_chunk_does_not_meet_it() -> None:
    long = "x" * 253
    assert chunk_name("app", 1) != chunk_name("app-tags-1", 0)
    assert chunk_name(long, 0) != chunk_name(chunk_name(long, 0), 0)
    assert chunk_name(long, 0) not in {chunk_name(chunk_name(long, 0)[: -len("-long-0")], index) for index in range(3)}


@given(_names)
def test_repository_labels_are_valid(name: str) -> None:
    label = repository_label(name)
    assert LABEL_VALUE.fullmatch(label)
    assert len(label) <= 63
    assert (label == name) == (len(name) <= 63)


def test_a_hashed_label_is_not_an_object_name() -> None:
    assert not DNS_SUBDOMAIN.fullmatch(repository_label("x" * 64))
    assert repository_label("x" * 64) != repository_label("x" * 65)
