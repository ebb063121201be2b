"""YAML as Go's library writes it: its choice of styles, and that it reads back as what it was."""

from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints
from hypothesis import example, given
from hypothesis import strategies as st

from cli.yaml_documents import load_documents
from cli.yaml_text import to_documents, to_yaml
from cli.yaml_words import sorted_keys

LONG = "{{range .Updated.Images}}{{println .}}{{end}} " * 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain words", "plain words"),
        ("", '""'),
        ("1.0", '"1.0"'),
        ("5", '"5"'),
        ("1e999", "1e999"),
        ("0x1F", '"0x1F"'),
        ("0b", "0b"),
        ("1_000", '"1_000"'),
        ("08", '"08"'),
        (".5", '".5"'),
        ("1:30", '"1:30"'),
        ("1:60", "1:60"),
        ("2001-1-1", '"2001-1-1"'),
        ("2001-13-01", "2001-13-01"),
        ("2001-12-14T21:59:43", "2001-12-14T21:59:43"),
        ("2001-12-14T21:59:43Z", '"2001-12-14T21:59:43Z"'),
        ("true", '"true"'),
        ("Off", '"Off"'),
        ("nULL", "nULL"),
        ("y", '"y"'),
        ("~", '"~"'),
        ("-.inf", '"-.inf"'),
        ("*", "'*'"),
        (">=1.0.0", "'>=1.0.0'"),
        ("-a", "-a"),
        ("- a", "'- a'"),
        ("---", "'---'"),
        ("a: b", "'a: b'"),
        ("a #b", "'a #b'"),
        (" a", "' a'"),
        ("it's: so", "'it''s: so'"),
        ("a{", "a{"),
        ("Zoë", "Zoë"),
        ("\xa0a", "\xa0a"),
        ("\U0001f600", '"\\U0001F600"'),
        ("a\tb", '"a\\tb"'),
        ("\x1b[1m", '"\\e[1m"'),
        ("\x7f", '"\\x7F"'),
        ("a\nb", "|-\n  a\n  b"),
        ("a\n", "|\n  a"),
        ("a\n\n", "|+\n  a\n"),
        (" a\nb\n", "|2\n   a\n  b"),
        ("\n", "|2+\n"),
        ("a \nb", '"a \\nb"'),
        ("a\n ", '"a\\n "'),
        ("a\r\nb", '"a\\r\\nb"'),
        ("x\n\u2028y", "|-\n  x\n\u2028  y"),
        ("\u2028a", "'\u2028  a'"),
        ("x" * 90 + " y", "x" * 90 + "\n  y"),
        (LONG, f"'{LONG.rpartition(' .}}')[0]}\n  .}}}}{{{{end}}}} '"),
        ("'" * 41 + ": a b", "'" + "''" * 41 + ":\n  a b'"),
        ("\x00" + "a" * 80 + "  b", '"\\0' + "a" * 80 + '\n  \\ b"'),
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (1.5, "1.5"),
        ({}, "{}"),
        ([], "[]"),
    ],
)
def test_style_of_a_value(value: Any, text: str) -> None:
    assert to_yaml(value) == f"{text}\n"


def test_lists_and_mappings_are_nested_as_kubectl_shows_them() -> None:
    value = {"b": [{"z": 1, "x": [[1, 2], []]}, "s\nt"], "a": {"c": {}}}
    text = "a:\n  c: {}\nb:\n- x:\n  - - 1\n    - 2\n  - []\n  z: 1\n- |-\n  s\n  t\n"
    assert to_yaml(value) == text


def test_a_key_of_more_than_128_bytes_stands_on_a_line_of_its_own() -> None:
    assert to_yaml({"k" * 129: {"a": 1}}) == f"? {'k' * 129}\n: a: 1\n"


def test_numbers_in_keys_are_sorted_by_value_and_letters_behind_other_signs() -> None:
    assert sorted_keys(["a10", "a9", "ab", "a-b", "a.b", "a"]) == ["a", "a-b", "a.b", "a9", "a10", "ab"]
    assert sorted_keys(["x1z", "x10z", "X", "b", "B"]) == ["B", "X", "b", "x10z", "x1z"]


def test_bytes_that_are_no_characters_are_replaced_as_json_does() -> None:
    assert to_yaml("a\udc80\ud83d") == "a\ufffd\ufffd\n"


def test_each_object_begins_with_three_dashes() -> None:
    assert to_documents([{"a": 1}, {"a": 2}]) == "---\na: 1\n---\na: 2\n"


SIGNS = st.sampled_from(" \n\t:#-?.,[]{}&*!|>'\"%@`~=<+_/\\019aeyYnNxTZé\u2028\x85\xa0\U0001f600\r\x1b")
TEXTS = st.one_of(
    st.text(SIGNS, max_size=12),
    st.text(max_size=20),
    st.text(st.sampled_from("0123456789.-+_:eExob TZ"), max_size=12),
    st.lists(st.sampled_from(["\n", " ", "ab", "c: d", "- x", "#", "\n\n", "word ", "'" * 30]), max_size=30).map(
        "".join
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS.filter(bool), inner, max_size=4)),
    max_leaves=12,
)


@given(VALUES)
@example({"? ": " \n"})
def test_what_is_written_reads_back_as_what_it_was(value: Any) -> None:
    read = [document for _, document in load_documents(to_documents([{"value": value}]).encode())]
    assert read == [{"value": value}]


class _Styled(yaml.CSafeDumper):  # type: ignore[misc]  # an untyped base class
    """libyaml's emitter, which Go's is a translation of, with the style that ours chose for each string."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- nothing is quoted but by its style


def _represent(dumper: Any, text: str) -> Any:
    first = to_yaml(text)[:1]
    style = "|" if "\n" in text else '"' if first == '"' and not text.startswith('"') else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Styled.add_representer(str, _represent)


# libyaml indents the closing quote behind a line separator, Go's library does not.
FOLDED = TEXTS.filter(lambda text: not text.endswith(("\u2028", "\u2029")))


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), FOLDED, max_size=3))
def test_lines_are_folded_and_broken_as_libyaml_does(value: dict[str, str]) -> None:
    theirs = yaml.dump({"k": value}, Dumper=_Styled, allow_unicode=True, default_flow_style=False)
    assert to_yaml({"k": value}) == theirs.removesuffix("...\n")
