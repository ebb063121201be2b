"""Filters: Go's Expand for templates, and which filters are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.policy.tag_filter import BadFilter, Filter, compile_filter, parse_template

PATTERN = r"^(?P<name>[a-z]+)-(?<ts>[0-9]+)(-rc)?"


def value(tag: str, pattern: str, extract: str = "") -> str | None:
    return compile_filter(Filter(pattern, extract)).value(tag)


@pytest.mark.parametrize(
    ("extract", "want"),
    [
        pytest.param("$ts", "16", id="name"),
        pytest.param("${ts}", "16", id="name-in-braces"),
        pytest.param("$1/$2", "main/16", id="numbers"),
        pytest.param("$0", "main-16", id="whole-match"),
        pytest.param("$$ts", "$ts", id="dollar"),
        pytest.param("$2x", "", id="longest-name"),
        pytest.param("${2}x", "16x", id="braces-end-a-name"),
        pytest.param("<$nope>", "<>", id="unknown-name"),
        pytest.param("<$9>", "<>", id="number-out-of-range"),
        pytest.param("<$3>", "<>", id="group-took-no-part"),
        pytest.param("<$02>", "<>", id="leading-zero-is-a-name"),
        pytest.param("<$4294967298>", "<>", id="great-number-is-a-name"),
        pytest.param("a$", "a$", id="dollar-at-the-end"),
        pytest.param("${2", "${2", id="open-brace"),
        pytest.param("${2 }", "${2 }", id="blank-in-braces"),
        pytest.param("${}", "${}", id="nothing-in-braces"),
        pytest.param("$-$2", "$-16", id="dollar-before-a-dash"),
        pytest.param("$²", "$²", id="superscript-is-no-digit"),
        pytest.param("$é$2", "16", id="letters-beyond-ascii-make-a-name"),
        pytest.param("", "main-16-beta", id="no-template-gives-the-tag"),
    ],
)
def test_templates(extract: str, want: str) -> None:
    assert value("main-16-beta", PATTERN, extract) == want


def test_a_name_given_twice_means_the_group_that_took_part() -> None:
    assert value("b1", r"a(?P<n>\d)|b(?P<n>\d)", "$n") == "1"


def test_an_unmatched_tag_has_no_value() -> None:
    assert value("1.2.3", PATTERN, "$ts") is None
    assert value("1.2.3", PATTERN) is None


@pytest.mark.parametrize("tag", ["", "anything"])
def test_the_empty_pattern_matches_everything(tag: str) -> None:
    assert value(tag, "") == tag


def test_a_bad_pattern_is_named_with_the_text_of_go() -> None:
    with pytest.raises(BadFilter) as caught:
        compile_filter(Filter("^(?!v)"))
    assert str(caught.value) == (
        "invalid regular expression pattern '^(?!v)': error parsing regexp: invalid or unsupported Perl syntax: `(?!`"
    )


def test_names_of_groups_are_no_difference() -> None:
    one, other = compile_filter(Filter(r"^(?P<a>\d+)", "$a")), compile_filter(Filter(r"^(?P<b>\d+)", "${b}"))
    assert one.cache_key == other.cache_key
    assert one.cache_key != compile_filter(Filter(r"^(?P<a>\d+)", "$a.")).cache_key
    assert one.cache_key != compile_filter(Filter(r"^(?P<a>\d+)")).cache_key


@given(st.text(alphabet=st.characters(exclude_characters="$"), max_size=20))
def test_text_without_dollars_stays(text: str) -> None:
    assert parse_template(text, ["", "n"]).expand(["whole", "group"]) == text


@given(st.text(alphabet="${}1n-é", max_size=12))
def test_reading_a_template_never_fails(text: str) -> None:
    assert isinstance(parse_template(text, ["", "n"]).expand(["whole", None]), str)
