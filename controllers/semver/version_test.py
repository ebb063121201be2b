"""Versions: what parses, with which error, and how they compare; semver.org's own rules by python-semver."""

import pytest
import semver as reference
from hypothesis import given
from hypothesis import strategies as st

from controllers.semver.version import (
    BadVersion,
    Version,
    compare,
    parse_strict_version,
    parse_tag,
    parse_version,
    tag_key,
)

NUMBERS = st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1)).map(str)
IDENTIFIERS = st.one_of(NUMBERS, st.from_regex(r"[0-9]{0,2}[a-cA-C-][0-9a-c-]{0,3}", fullmatch=True))
DOTTED = st.lists(IDENTIFIERS, min_size=1, max_size=3).map(".".join)
STRICT = st.builds(
    lambda numbers, prerelease, metadata: ".".join(numbers) + prerelease + metadata,
    st.lists(NUMBERS, min_size=3, max_size=3),
    st.one_of(st.just(""), DOTTED.map("-{}".format)),
    st.one_of(st.just(""), DOTTED.map("+{}".format)),
)
LOOSE = st.text(alphabet="v0123.-+abx", max_size=14)


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        pytest.param("1.2.3", "1.2.3", id="plain"),
        pytest.param("v1.2.3", "1.2.3", id="leading-v"),
        pytest.param("1", "1.0.0", id="major-only"),
        pytest.param("v1.2", "1.2.0", id="major-and-minor"),
        pytest.param("01.002.0", "1.2.0", id="leading-zeros"),
        pytest.param("1-rc.1", "1.0.0-rc.1", id="partial-with-prerelease"),
        pytest.param("1.2.3-a.1+b.01", "1.2.3-a.1+b.01", id="metadata-may-have-leading-zeros"),
        pytest.param("1.2.3--", "1.2.3--", id="prerelease-of-a-dash"),
        pytest.param("1.2.3-0a", "1.2.3-0a", id="alphanumeric-may-start-with-zero"),
        pytest.param("18446744073709551615.0.0", "18446744073709551615.0.0", id="uint64-maximum"),
        pytest.param("1.0.0-" + "a" * 250, "1.0.0-" + "a" * 250, id="256-bytes"),
    ],
)
def test_loose_versions(text: str, normalised: str) -> None:
    version = parse_version(text)
    assert str(version) == normalised
    assert version.original == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "invalid semantic version", id="empty"),
        pytest.param("V1.2.3", "invalid semantic version", id="upper-case-v"),
        pytest.param("1.2.3.4", "invalid semantic version", id="four-parts"),
        pytest.param("1.2.3\n", "invalid semantic version", id="newline-at-the-end"),
        pytest.param("1.2.٣", "invalid semantic version", id="digit-beyond-ascii"),
        pytest.param("1.2.3-", "invalid semantic version", id="empty-prerelease"),
        pytest.param("1.2.3-01", "version segment starts with 0", id="zero-padded-prerelease"),
        pytest.param("1.2.3-a.00.b", "version segment starts with 0", id="zero-padded-identifier"),
        pytest.param(
            "1.18446744073709551616.3-01",
            'error parsing version segment: strconv.ParseUint: parsing "18446744073709551616": value out of range',
            id="number-beyond-uint64-is-told-first",
        ),
        pytest.param("1.0.0-" + "a" * 251, "version string is too long (max 256 bytes)", id="257-bytes"),
        pytest.param("é" * 129, "version string is too long (max 256 bytes)", id="bytes-not-characters"),
    ],
)
def test_loose_refusals(text: str, message: str) -> None:
    with pytest.raises(BadVersion) as caught:
        parse_version(text)
    assert str(caught.value) == message
    assert tag_key(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "version string empty", id="empty"),
        pytest.param("1.2", "invalid semantic version", id="two-parts"),
        pytest.param("v1.2.3", "invalid characters in version", id="leading-v"),
        pytest.param("1.2.3.4", "invalid characters in version", id="four-parts"),
        pytest.param("1.02.3", "version segment starts with 0", id="leading-zero"),
        pytest.param("1..3", 'strconv.ParseUint: parsing "": invalid syntax', id="empty-part"),
        pytest.param(
            "18446744073709551616.0.0",
            'strconv.ParseUint: parsing "18446744073709551616": value out of range',
            id="beyond-uint64",
        ),
        pytest.param("x.2.3-a_b+c..d", "invalid metadata string", id="metadata-is-told-first"),
        pytest.param("x.2.3-a_b", "invalid prerelease string", id="prerelease-before-numbers"),
        pytest.param("1.2.3-", "invalid prerelease string", id="empty-prerelease"),
        pytest.param("1.2.3-01", "version segment starts with 0", id="zero-padded-prerelease"),
        pytest.param("1" * 257, "version string is too long (max 256 bytes)", id="257-bytes"),
    ],
)
def test_strict_refusals(text: str, message: str) -> None:
    with pytest.raises(BadVersion) as caught:
        parse_strict_version(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("tag", "is_version"),
    [
        pytest.param("1.2", False, id="one-dot"),
        pytest.param("1.2-rc.1", True, id="dot-of-the-prerelease-counts"),
        pytest.param("1-a.b.c", True, id="both-dots-in-the-prerelease"),
        pytest.param("1+2024.01.15", True, id="dots-of-the-metadata-count"),
        pytest.param("latest", False, id="word"),
    ],
)
def test_a_tag_needs_two_dots(tag: str, is_version: bool) -> None:
    assert (tag_key(tag) is not None) is is_version


@pytest.mark.parametrize(
    ("lesser", "greater"),
    [
        pytest.param("1.9.0", "1.10.0", id="numbers-not-text"),
        pytest.param("1.0.0-rc", "1.0.0", id="prerelease-below-release"),
        pytest.param("1.0.0-1", "1.0.0-a", id="number-below-text"),
        pytest.param("1.0.0-a", "1.0.0-a.0", id="fewer-identifiers-below"),
        pytest.param("1.0.0-9", "1.0.0-10", id="identifiers-as-numbers"),
        pytest.param("1.0.0-18446744073709551615", "1.0.0-18446744073709551616", id="beyond-uint64-is-text"),
        pytest.param("1.0.0-18446744073709551617", "1.0.0-99999999999999999999", id="text-beyond-uint64"),
        pytest.param("1.0.0-9999999999999999999999", "1.0.0-a", id="text-by-bytes"),
    ],
)
def test_precedence(lesser: str, greater: str) -> None:
    assert compare(parse_version(lesser), parse_version(greater)) == -1
    assert compare(parse_version(greater), parse_version(lesser)) == 1


def test_metadata_and_leading_v_do_not_count() -> None:
    assert compare(parse_version("v1.2.3+a"), parse_version("1.2.3+b")) == 0


@given(STRICT, STRICT)
def test_strict_versions_compare_as_semver_org_says(left: str, right: str) -> None:
    ours = compare(parse_strict_version(left), parse_strict_version(right))
    assert ours == reference.Version.parse(left).compare(right)


@given(STRICT)
def test_strict_versions_read_the_same_both_ways(text: str) -> None:
    assert parse_strict_version(text) == parse_version(text)
    assert str(parse_version(text)) == text


@given(st.one_of(STRICT, LOOSE))
def test_the_fast_parser_of_tags_agrees_with_the_slow_one(tag: str) -> None:
    try:
        want = parse_tag(tag).key()
    except BadVersion:
        want = None
    assert tag_key(tag) == want


@given(LOOSE)
def test_what_is_strict_is_semver_org(text: str) -> None:
    try:
        parsed: Version | None = parse_strict_version(text)
    except BadVersion:
        parsed = None
    assert (parsed is not None) == reference.Version.is_valid(text)
