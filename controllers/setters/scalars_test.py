import pytest
import yaml  # type: ignore[import-untyped]

from controllers.setters.scalars import DOUBLE, FOLDED, LITERAL, PLAIN, SINGLE, quote, reads_as_string, rewrite


@pytest.mark.parametrize(
    "value",
    [
        *("", "~", "null", "NULL", "true", "False", "yes", "NO", "on", "Off", "y", "N", "=", "<<", "..."),
        *("0", "42", "-1", "+1", "007", "08", "1_000", "0x1F", "0o17", "0b101", "20230101"),
        *("1.0", "1.10", "1.", ".5", "1e3", "1e+3", "1.5E-2", "6.8_5", ".inf", "-.INF", ".nan"),
        *("190:20:30", "1:30", "1:30.5", "2024-01-15", "2024-1-5", "2024-01-15T10:20:30Z", "2024-01-15 1:2:3"),
    ],
)
def test_other_types_need_quotes(value: str) -> None:
    assert not reads_as_string(value)


@pytest.mark.parametrize(
    "value",
    [
        *("1.2.3", "v1", "1.2.3-rc.1", "latest", "1.0-alpine", "main-0abc123-1700000000", "1e3a", "0x1G", "1:90x"),
        *("2024-01-15-1", "sha256:0123", "nginx:1.27", "localhost:5000/web:1", "yes-1", ".", "1.2.3.4"),
    ],
)
def test_strings_stay_plain(value: str) -> None:
    assert reads_as_string(value)
    assert rewrite("old", value, style=PLAIN, tag=None) in (value, quote(value))
    assert yaml.safe_load(rewrite("old", value, style=PLAIN, tag=None)) == value


@pytest.mark.parametrize("value", ["1.2.3", "ghcr.io/o/a:1@sha256:00", "localhost:5000/web:v1", "v1.0+build"])
def test_image_references_get_no_quotes(value: str) -> None:
    assert rewrite("old", value, style=PLAIN, tag=None) == value


STR, INT = "tag:yaml.org,2002:str", "tag:yaml.org,2002:int"


@pytest.mark.parametrize(
    ("source", "style", "tag", "value", "want"),
    [
        pytest.param("old", PLAIN, None, "1.10", '"1.10"', id="number-is-quoted"),
        pytest.param("old", PLAIN, None, "", '""', id="empty-is-quoted"),
        pytest.param("old", PLAIN, None, "a b", '"a b"', id="space-is-quoted"),
        pytest.param("old", PLAIN, None, "a: b", '"a: b"', id="looks-like-a-map"),
        pytest.param("old", PLAIN, None, "a:", '"a:"', id="colon-at-the-end"),
        pytest.param("old", PLAIN, None, "a,b", '"a,b"', id="flow-indicator"),
        pytest.param("old", PLAIN, None, "#x", '"#x"', id="hash"),
        pytest.param("old", PLAIN, None, "-x", '"-x"', id="leading-dash"),
        pytest.param("one\n  two", PLAIN, None, "v1", "v1", id="plain-on-several-lines"),
        pytest.param("&a old", PLAIN, None, "v1", "&a v1", id="anchor"),
        pytest.param("&a:x", PLAIN, None, "v1", "&a v1", id="anchor-without-space"),
        pytest.param("!!str 5", PLAIN, STR, "6", "!!str 6", id="string-tag-is-enough"),
        pytest.param("!!int 5", PLAIN, INT, "6", "!!str 6", id="contradictory-tag"),
        pytest.param("!<tag:yaml.org,2002:int> 5", PLAIN, INT, "6", "!!str 6", id="contradictory-verbatim-tag"),
        pytest.param("!!int &a 5", PLAIN, INT, "v", "!!str &a v", id="tag-before-anchor"),
        pytest.param("&a # !x\n  !!int 5", PLAIN, INT, "v", "&a # !x\n  !!str v", id="comment-between"),
        pytest.param("!own 5", PLAIN, "!own", "6", '!own "6"', id="own-tag"),
        pytest.param('"a\\tb"', DOUBLE, None, 'x"\\', '"x\\"\\\\"', id="double"),
        pytest.param(
            '"a"', DOUBLE, None, "é😀\x85\u2028\ufeff\x7f\n", '"é😀\\x85\\u2028\\ufeff\\x7f\\n"', id="escapes"
        ),
        pytest.param("'a''b'", SINGLE, None, "it's", "'it''s'", id="single"),
        pytest.param("'a'", SINGLE, None, "a\nb", '"a\\nb"', id="single-cannot-escape"),
        pytest.param("| # c\n  old\n", LITERAL, None, "v1", "|- # c\n  v1\n", id="literal"),
        pytest.param(">2+\n    old\n\n  text\n \n\n", FOLDED, None, "v1", ">-\n    v1\n \n\n", id="folded"),
        pytest.param("|+\r\n  old\r\n\r\n", LITERAL, None, "v1", "|-\r\n  v1\r\n\r\n", id="literal-crlf"),
        pytest.param("|\n  old", LITERAL, None, "v1", "|-\n  v1", id="literal-at-the-end-of-the-file"),
        pytest.param("|\n  old\n     \n", LITERAL, None, "v1", "|-\n  v1\n\n", id="trailing-line-with-content-spaces"),
        pytest.param("|\n\n  old\n", LITERAL, None, "#v", "|-\n  #v\n", id="hash-is-text-in-a-block"),
        pytest.param("&a !!int |\n  5\n", LITERAL, INT, "6", "&a !!str |-\n  6\n", id="literal-with-properties"),
        pytest.param("| # c\n", LITERAL, None, "v1", '"v1" # c\n', id="empty-literal-has-no-indentation"),
        pytest.param("| # c", LITERAL, None, "v1", '"v1" # c', id="empty-literal-without-newline"),
        pytest.param("| # c\n  old\n", LITERAL, None, "", '"" # c\n', id="literal-cannot-be-empty"),
        pytest.param("| # c\n  old\n\n", LITERAL, None, " v", '" v" # c\n\n', id="literal-cannot-begin-with-a-space"),
    ],
)
def test_rewriting(source: str, style: str, tag: str | None, value: str, want: str) -> None:
    got = rewrite(source, value, style=style, tag=tag)
    assert got == want
    if tag != "!own":
        (read,) = yaml.safe_load(f"- {got}")
        assert read == value
