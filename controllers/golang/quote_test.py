"""Text in quotation marks as Go's strconv and time write it."""

import pytest

from controllers.golang.quote import quote, quote_bytes


def test_quote_escapes_what_is_not_printable() -> None:
    assert quote('a"b\\\n\x01\x7f\u2028é\U000e0001') == '"a\\"b\\\\\\n\\x01\\x7f\\u2028é\\U000e0001"'


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("\udc80", r"\x80", id="a-byte-that-is-not-utf-8"),
        pytest.param("\ud800", r"\ufffd", id="half-a-character"),
        pytest.param("\ufffd", "\ufffd", id="the-replacement-character-itself"),
    ],
)
def test_lone_surrogates(text: str, want: str) -> None:
    assert quote(text) == f'"{want}"'


def test_quote_to_ascii() -> None:
    assert quote("é\U0001f600\n", ascii_only=True) == r'"\u00e9\U0001f600\n"'


def test_only_the_delimiter_is_escaped() -> None:
    assert quote("""a"b'c""", delimiter="'") == r"""'a"b\'c'"""


def test_the_time_package_quotes_bytes() -> None:
    assert quote_bytes('1"\\\té\udc80\ud800\x7f') == r'"1\"\\\x09\xc3\xa9\x80\xef\xbf\xbd' + '\x7f"'
