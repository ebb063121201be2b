"""`controllers.template.sprig`: functions where Go's text or arithmetic surprises; others are in `golden_test`."""

from datetime import UTC, datetime

import pytest

from controllers.template import TemplateData, TemplateError, render

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DATA = TemplateData("ns", "name", [], None)


def answer(template: str) -> str:
    """Return the message, or what the error says behind the function's name."""
    try:
        return render(template, DATA, now=NOW)
    except TemplateError as error:
        return str(error).rpartition(">: error calling ")[2].partition(": ")[2]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ('"a', "unexpected end of JSON input"),
        ("01", "invalid character '1' after top-level value"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{a", "invalid character 'a' looking for beginning of object key string"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        ("-", "invalid character ' ' in numeric literal"),
        ("-Infinity", "invalid character 'I' in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1e", "invalid character ' ' in exponent of numeric literal"),
        ("nul", "invalid character ' ' in literal null (expecting 'l')"),
        ("NaN", "invalid character 'N' looking for beginning of value"),
        ("tru'", "invalid character '\\'' in literal true (expecting 'e')"),
        ('"\t"', "invalid character '\\t' in string literal"),
        ('"\\x"', "invalid character 'x' in string escape code"),
        ('"\\u12"', "invalid character '\"' in \\u hexadecimal character escape"),
        ("é", "invalid character 'Ã' looking for beginning of value"),
        ('{"a":[1,{"b":null}],"c":-1.5e+3}', "map[a:[1 map[b:<nil>]] c:-1500]"),
    ],
)
def test_what_is_wrong_with_json(text: str, want: str) -> None:
    assert answer(f"{{{{ mustFromJson `{text}` }}}}") == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("aGVbG8=", "illegal base64 data at input byte 7"),
        ("aGVs!", "illegal base64 data at input byte 4"),
        ("aG", "illegal base64 data at input byte 0"),
        ("a=", "illegal base64 data at input byte 1"),
        ("aG=", "illegal base64 data at input byte 3"),
        ("aG=x", "illegal base64 data at input byte 2"),
        ("aGk=\\nx", "illegal base64 data at input byte 5"),
        ("aG\\nk=\\n", "hi"),
    ],
)
def test_where_base64_is_wrong(text: str, want: str) -> None:
    assert answer(f'{{{{ b64dec "{text}" }}}}') == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("NBUQ====", "hi"),
        ("NBUQ\\n====", "hi"),
        ("NBUQ=", "illegal base32 data at input byte 5"),
        ("NBUQ===x", "illegal base32 data at input byte 6"),
        ("NBUQA===", "hi\x00"),
        ("NBU=====", "illegal base32 data at input byte 3"),
        ("NB1", "illegal base32 data at input byte 2"),
        ("NBU", "illegal base32 data at input byte 0"),
    ],
)
def test_where_base32_is_wrong(text: str, want: str) -> None:
    assert answer(f'{{{{ b32dec "{text}" }}}}') == want


@pytest.mark.parametrize(
    ("url", "want"),
    [
        ("ht{tp://h#f", 'parse "ht{tp://h": first path segment in URL cannot contain colon'),
        ("http://h#%", 'parse "http://h#%": invalid URL escape "%"'),
        ("http://h/%xé", 'parse "http://h/%xé": invalid URL escape "%x\\xc3"'),
        ("http://a b@h", 'parse "http://a b@h": net/url: invalid userinfo'),
        ("http://a b", 'parse "http://a b": invalid character " " in host name'),
        ("http://%41", 'parse "http://%41": invalid URL escape "%41"'),
        ("http://h:1:2", 'parse "http://h:1:2": invalid port ":1:2" after host'),
        ("http://x[::1]", 'parse "http://x[::1]": invalid IP-literal'),
        ("http://[1.2.3.4]", 'parse "http://[1.2.3.4]": invalid IP-literal'),
    ],
)
def test_what_is_wrong_with_a_url(url: str, want: str) -> None:
    assert answer(f"{{{{ urlParse `{url}` }}}}") == f"unable to parse url: {want}"


def test_parts_of_a_url() -> None:
    assert answer("{{ (urlParse `pg://a:1,b:2/x`).hostname }}") == "a:1,b"
    assert answer("{{ (urlParse `http://[::1]:80/x`).hostname }}") == "::1"
    assert answer("{{ urlJoin (dict `scheme` `a` `userinfo` `b/c`) }}") == "a:"
    assert answer("{{ urlJoin (dict `userinfo` `b c`) }}") == (
        'unable to parse userinfo in dict: parse "proto://b c@host": net/url: invalid userinfo'
    )


def test_keys_and_values_are_in_the_order_in_which_they_were_set() -> None:
    assert answer("{{ $d := dict `b` 1 `a` 2 }}{{ keys (set $d `0` 3) }}{{ values $d }}") == "[b a 0][1 2 3]"
    assert answer("{{ keys (urlParse `x`) }}") == "[scheme host hostname path query opaque fragment userinfo]"


@pytest.mark.parametrize(
    ("size", "items", "want"),
    [
        (2, "1 2 3", "[[1 2] [3]]"),
        (0, "1", "runtime error: makeslice: len out of range"),
        (0, "", "runtime error: makeslice: len out of range"),
        (-1, "1", "runtime error: makeslice: len out of range"),
        (-2, "1", "[[1]]"),
        (-2, "1 2 3", "[]"),
        (-2, "1 2 3 4", "runtime error: makeslice: len out of range"),
    ],
)
def test_chunks_of_any_size(size: int, items: str, want: str) -> None:
    assert answer(f"{{{{ chunk {size} (list {items}) }}}}") == want


def test_what_durations_and_patterns_are_quoted_as() -> None:
    when = "(toDate `2006` `2020`)"
    assert answer(f"{{{{ mustDateModify `é` {when} }}}}") == 'time: invalid duration "\\xc3\\xa9"'
    assert answer('{{ regexFind "(\\n" "" }}') == (
        'regexp: Compile("(\\n"): error parsing regexp: missing closing ): `(\n`'
    )
    assert answer("{{ printf `%#U %#U` -1 65 }}") == "U+FFFFFFFFFFFFFFFF U+0041 'A'"
