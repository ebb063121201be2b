"""Foreign text in our messages: one short, printable line."""

import pytest

from controllers.net.foreign_text import sanitize


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param(b"a\x1b[31m\n\tb\xff", "a [31m b\ufffd", id="bytes"),
        pytest.param("a \n\u2028 b\r\n", "a b", id="lines"),
        pytest.param("\u202ea\u2066\x1bb\x1b", "a  b", id="marks-of-direction"),
        pytest.param("x" * 256, "x" * 256, id="just-short-enough"),
        pytest.param("x" * 10**7, "x" * 255 + "…", id="cut"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_one_short_printable_line(text: str | bytes, want: str) -> None:
    assert sanitize(text) == want
