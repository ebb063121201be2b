"""Patterns: what is accepted, what is refused and with which text, what matches."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.golang import regexp
from testing.costs import costs_less_than

REFUSED = [
    pytest.param("(unclosed", "missing closing ): `(unclosed`", id="open-group"),
    pytest.param("a)", "unexpected ): `a)`", id="closed-twice"),
    pytest.param("[a", "missing closing ]: `[a`", id="open-bracket"),
    pytest.param("[z-a]", "invalid character class range: `z-a`", id="range-backwards"),
    pytest.param("[[:foo:]]", "invalid character class range: `[:foo:]`", id="unknown-posix-class"),
    pytest.param("\\p{Foo}", "invalid character class range: `\\p{Foo}`", id="unknown-unicode-class"),
    pytest.param("\\p{Foo", "invalid character class range: `\\p{Foo`", id="open-unicode-class"),
    pytest.param("a**", "invalid nested repetition operator: `**`", id="nested-repeat"),
    pytest.param("a*+b", "invalid nested repetition operator: `*+`", id="possessive"),
    pytest.param("a{2}{3}?", "invalid nested repetition operator: `{2}{3}?`", id="nested-counts"),
    pytest.param("|*", "missing argument to repetition operator: `*`", id="nothing-to-repeat"),
    pytest.param("(?i)+?", "missing argument to repetition operator: `+?`", id="flags-are-nothing-to-repeat"),
    pytest.param("a{1001}", "invalid repeat count: `{1001}`", id="count-over-1000"),
    pytest.param("a{2,1}", "invalid repeat count: `{2,1}`", id="count-backwards"),
    pytest.param("a{99999999999}", "invalid repeat count: `{99999999999}`", id="count-beyond-integers"),
    pytest.param("((a{10}){10}){11}", "invalid repeat count: `{11}`", id="counts-multiply"),
    pytest.param("(?=a)", "invalid or unsupported Perl syntax: `(?=`", id="lookahead"),
    pytest.param("(?<=a)b", "invalid named capture: `(?<=a)b`", id="lookbehind"),
    pytest.param("(?<!a>)b", "invalid named capture: `(?<!a>`", id="negative-lookbehind"),
    pytest.param("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`", id="minus-without-flag"),
    pytest.param("(?P<n", "invalid named capture: `(?P<n`", id="open-name"),
    pytest.param("(?P<é>a)", "invalid named capture: `(?P<é>`", id="name-not-ascii"),
    pytest.param("(a)\\1", "invalid escape sequence: `\\1`", id="backreference"),
    pytest.param("a\\Z", "invalid escape sequence: `\\Z`", id="python-end-of-text"),
    pytest.param("\\C", "invalid escape sequence: `\\C`", id="single-byte"),
    pytest.param("\\x{110000}", "invalid escape sequence: `\\x{110000`", id="beyond-unicode"),
    pytest.param("a\\", "trailing backslash at end of expression: ``", id="trailing-backslash"),
    pytest.param("\udc80", "invalid UTF-8: `?`", id="not-utf8"),
    pytest.param("(" * 1001 + ")" * 1001, "expression nests too deeply: `" + "(" * 1001 + ")" * 1001 + "`", id="deep"),
]


@pytest.mark.parametrize(("pattern", "reason"), REFUSED)
def test_refused_in_the_words_of_go(pattern: str, reason: str) -> None:
    with pytest.raises(regexp.BadPattern) as caught:
        regexp.compile(pattern)
    assert str(caught.value) == f"error parsing regexp: {reason}"


@pytest.mark.parametrize(
    ("pattern", "text", "groups"),
    [
        pytest.param("^v(?<major>[0-9]+)", "v12.1", ("v12", "12"), id="dotnet-name"),
        pytest.param("(?P<n>a)|(?P<n>b)", "b", ("b", None, "b"), id="name-twice"),
        pytest.param("(?P<1n>a)", "a", ("a", "a"), id="name-starts-with-digit"),
        pytest.param("\\pN\\p{^L}", "x7-", ("7-",), id="unicode-classes"),
        pytest.param("\\p{uppercase letter}", "aB", ("B",), id="long-category-name"),
        pytest.param("[\\P{ascii}-]", "é", ("é",), id="ascii-negated"),
        pytest.param("[\\p{LC}\\d]+", "12aé", ("12aé",), id="computed-class"),
        pytest.param("\\Qv1.2\\E+", "v1.22", ("v1.22",), id="quoted"),
        pytest.param("a{,3}", "a{,3}", ("a{,3}",), id="brace-is-literal"),
        pytest.param("rc$", "rc\n", None, id="dollar-is-end-of-text"),
        pytest.param("(a|ab)(c|bcd)", "abcd", ("abcd", "a", "bcd"), id="leftmost-first"),
        pytest.param("(?U)a+", "aaa", ("a",), id="ungreedy"),
    ],
)
def test_search_gives_the_groups(pattern: str, text: str, groups: tuple[str | None, ...] | None) -> None:
    assert regexp.compile(pattern).search(text) == groups


def test_names_are_kept_beside_the_groups() -> None:
    assert regexp.compile("(?P<n>a)(b)(?<n>c)").group_names == ("", "n", "", "n")


@pytest.mark.parametrize("pattern", ["\\pL{1000}", "a" * 40_000, "(.?)" * 1000], ids=["program", "text", "groups"])
def test_a_pattern_beyond_the_memory_bound_is_too_large(pattern: str) -> None:
    with pytest.raises(regexp.BadPattern, match="expression too large"):
        regexp.compile(pattern)


def test_any_of_keeps_the_flags_of_each_pattern_to_itself() -> None:
    matches = regexp.any_of([regexp.compile("(?i)^MAIN"), regexp.compile("rc$|^b")])
    assert [matches(tag) for tag in ("main-1", "1.0-rc", "1.0-RC", "beta", "x")] == [True, True, False, True, False]


def test_any_of_nothing_matches_nothing() -> None:
    assert not regexp.any_of([])("")


def test_any_of_falls_back_when_the_sum_is_too_large() -> None:
    parts = [regexp.compile(f"\\pL{{40}}{digit}") for digit in range(9)]
    assert regexp.any_of(parts)("é" * 40 + "8")


def test_hostile_patterns_cost_no_exponential_time() -> None:
    pattern = regexp.compile("(a*)*(a|aa)+$")
    with costs_less_than(2):
        assert not pattern.matches("a" * 5000 + "b")


@given(st.text(alphabet=string.ascii_lowercase + "\\.*+?(){}[]|^$-:<>=!PQEdpx01,é", max_size=14))
def test_any_text_is_a_pattern_or_a_bad_pattern(pattern: str) -> None:
    try:
        compiled = regexp.compile(pattern)
    except regexp.BadPattern as error:
        assert str(error).startswith("error parsing regexp: ")  # noqa: PT017 - either end is right
    else:
        assert compiled.matches("v1.0") == (compiled.search("v1.0") is not None)


ENDINGS = [r"^.*\.sig$", r"^.*-arm64$", r"^.*\+build$"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("sha256-abc.sig", id="ends-so"),
        pytest.param(".sig", id="nothing-before"),
        pytest.param("xsig", id="the-dot-is-a-dot"),
        pytest.param("a.sig.att", id="not-at-the-end"),
        pytest.param("a\n.sig", id="a-line-feed-is-no-dot"),
        pytest.param("a.sig\n", id="the-end-is-not-before-a-line-feed"),
        pytest.param("é.sig", id="beyond-ascii"),
        pytest.param("\udc80.sig", id="no-character"),
        pytest.param("1.0-arm64", id="the-second"),
        pytest.param("1.0+build", id="the-third"),
        pytest.param("main-1", id="only-the-other"),
        pytest.param("", id="empty"),
    ],
)
def test_any_of_answers_for_endings_as_each_pattern_does(text: str) -> None:
    patterns = [regexp.compile(pattern) for pattern in (*ENDINGS, "^main")]
    assert regexp.any_of(patterns)(text) == any(pattern.matches(text) for pattern in patterns)


@given(st.text(alphabet="a.sig-m\né\ud800", max_size=8), st.sampled_from([*ENDINGS, "^.*a$", "^.*sig", "(?i)^.*SIG$"]))
def test_any_of_one_is_that_one(text: str, pattern: str) -> None:
    compiled = regexp.compile(pattern)
    assert regexp.any_of([compiled])(text) == compiled.matches(text)
