"""Foreign text in our messages: one short, printable line."""

import pytest

from controllers.net.foreign_text import escape, escape_all, escape_lines, sanitize


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


@pytest.mark.parametrize(
    ("text", "name", "lines"),
    [
        pytest.param("grün/日本 1.yaml", "grün/日本 1.yaml", "grün/日本 1.yaml", id="as-it-is"),
        pytest.param("bad\udcff\n\x1b[31m.yaml", "bad\\xff\\n\\x1b[31m.yaml", "bad\\xff\n\\x1b[31m.yaml", id="bytes"),
        pytest.param("a\tb\r\nc", "a\\tb\\r\\nc", "a\tb\nc", id="lines"),
        pytest.param("\u202etxt\u2028\ud800", "\\u202etxt\\u2028\\ud800", "\\u202etxt\\u2028\\ud800", id="marks"),
        pytest.param("x" * 1000 + "\0", "x" * 1000 + "\\x00", "x" * 1000 + "\\x00", id="in-full"),
        pytest.param("a\u00a0b", "a\u00a0b", "a\u00a0b", id="other-blanks"),
    ],
)
def test_escapes(text: str, name: str, lines: str) -> None:
    assert (escape(text), escape_lines(text)) == (name, lines)
    assert escape_all({"a": [text, 1, None], "b": (text,)}) == {"a": [lines, 1, None], "b": (lines,)}
