"""Headers of answers as text."""

import pytest

from controllers.registry.answers import decode_headers, join_headers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(b"plain", "plain", id="ascii"),
        pytest.param("é".encode(), "é", id="utf-8"),
        pytest.param(b"\xe9\xff", "éÿ", id="anything-else"),
    ],
)
def test_headers_are_read_in_the_encoding_that_fits(value: bytes, text: str) -> None:
    assert decode_headers([(b"X-Word", value), (b"ETag", b'"1"')]) == [("x-word", text), ("etag", '"1"')]


def test_values_of_a_repeated_header_are_joined_in_order() -> None:
    assert join_headers([("link", "<a>"), ("etag", "1"), ("link", "<b>")]) == {"link": "<a>, <b>", "etag": "1"}
