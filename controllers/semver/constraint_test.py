"""The range language: what each form accepts, the opt-in of prereleases, quirks, and error texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.semver.constraint import BadConstraint, parse_constraint
from controllers.semver.version import parse_version

VERSIONS = st.from_regex(r"[0-3]\.[0-3]\.[0-3](-(rc|[0-2])(\.[0-2])?)?", fullmatch=True)
OPERATORS = st.sampled_from(["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"])
PARTIAL = st.from_regex(r"([0-3]|x|\*)(\.([0-3]|x)){0,2}(-(rc|0))?", fullmatch=True)
COMPARISONS = st.tuples(OPERATORS, PARTIAL).map("".join)


def accepted(range_: str, versions: str) -> str:
    constraint = parse_constraint(range_)
    return " ".join(version for version in versions.split() if constraint.admits(parse_version(version).key()))


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        pytest.param("*", "0.0.0 7.1.2", "1.0.0-rc", id="star"),
        pytest.param("x", "0.0.0 7.1.2", "1.0.0-rc", id="x"),
        pytest.param("~*", "0.0.0 7.1.2", "", id="tilde-star"),
        pytest.param("1", "1.0.0 1.9.9", "0.9.9 2.0.0", id="major"),
        pytest.param("v1.2", "1.2.0 1.2.9", "1.1.9 1.3.0", id="minor"),
        pytest.param("1.x.3", "1.0.0 1.9.9", "2.0.0", id="after-a-wildcard-nothing-counts"),
        pytest.param("1.2.3", "1.2.3 1.2.3+b", "1.2.4 1.2.3-rc", id="exact"),
        pytest.param("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0", id="tilde"),
        pytest.param("~>1.2", "1.2.0 1.2.9", "1.3.0", id="tilde-greater"),
        pytest.param("~0", "0.0.0 0.9.9", "1.0.0", id="tilde-zero"),
        pytest.param("~0.0.0", "0.0.0 9.9.9", "", id="tilde-of-zeros-is-everything"),
        pytest.param("~0.0", "0.0.0 0.0.9", "0.1.0", id="tilde-of-two-zeros-is-not"),
        pytest.param("^1.2.3", "1.2.3 1.9.9", "1.2.2 2.0.0", id="caret"),
        pytest.param("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0", id="caret-below-one"),
        pytest.param("^0.0.3", "0.0.3", "0.0.2 0.0.4", id="caret-of-a-patch"),
        pytest.param("^0.0", "0.0.0 0.0.9", "0.1.0", id="caret-of-two-zeros"),
        pytest.param("^0", "0.0.0 0.9.9", "1.0.0", id="caret-zero"),
        pytest.param("^*", "0.0.0", "0.0.1 1.0.0", id="caret-star-quirk"),
        pytest.param(">1", "2.0.0", "1.0.1 1.9.9", id="greater-than-a-major"),
        pytest.param(">1.2", "1.3.0", "1.2.9", id="greater-than-a-minor"),
        pytest.param(">*", "0.0.1", "0.0.0", id="greater-than-star"),
        pytest.param("<=1", "0.1.0 1.9.9", "2.0.0", id="at-most-a-major"),
        pytest.param("<=1.2", "1.2.9", "1.3.0", id="at-most-a-minor"),
        pytest.param("<=*", "0.0.9", "0.1.0", id="at-most-star-quirk"),
        pytest.param("<2", "1.9.9", "2.0.0", id="less"),
        pytest.param("=>1 =<1.5.0", "1.0.0 1.5.0", "0.9.0 1.5.1", id="turned-operators"),
        pytest.param("!=1.x", "0.1.0 2.0.0", "1.0.0 1.9.9", id="not-a-major"),
        pytest.param("!=1.2.x", "1.1.0 1.3.0", "1.2.0 1.2.9", id="not-a-minor"),
        pytest.param("!=1.2.3", "1.2.2 1.2.4", "1.2.3", id="not-a-version"),
        pytest.param("!=*", "0.0.1 1.0.0", "0.0.0", id="not-star-quirk"),
        pytest.param("!=1.2.x-rc", "1.2.5 1.2.5-rc.1 1.3.0-rc", "1.2.5-rc", id="not-a-minor-with-prerelease-quirk"),
        pytest.param("1.0.0 - 1.9.0", "1.0.0 1.9.0", "0.9.0 1.9.1", id="hyphen-range"),
        pytest.param("1 - 1.9", "1.0.0 1.9.9", "2.0.0", id="hyphen-range-of-parts"),
        pytest.param("1.0-2.0", "1.0.0-2.0", "1.5.0", id="no-hyphen-range-without-spaces"),
        pytest.param(">=1 , <2||\t3.0.0", "1.0.0 3.0.0", "2.0.0", id="and-or"),
    ],
)
def test_releases(range_: str, inside: str, outside: str) -> None:
    assert accepted(range_, f"{inside} {outside}") == inside


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        pytest.param(">=1.0.0", "1.1.0", "1.1.0-rc", id="not-asked-for"),
        pytest.param("*-0", "1.1.0-rc 0.0.0-0", "", id="star-opt-in"),
        pytest.param("<2.0.0-0", "1.9.0-rc", "2.0.0-0 2.0.0-rc", id="upper-bound-opts-in"),
        pytest.param("~1.2.3-0", "1.2.4-alpha", "1.3.0-alpha", id="tilde"),
        pytest.param(">=1.0.0-0 <2", "1.5.0-rc 2.0.0-rc", "3.0.0-rc", id="one-comparison-opts-in-for-all"),
        pytest.param("1.x || 2.x-0", "2.1.0-rc", "1.1.0-rc", id="alternatives-apart"),
        pytest.param("1.2.3-rc", "1.2.3-rc", "1.2.3 1.2.3-rc.1", id="exact"),
        pytest.param(">1-0", "2.0.0-alpha", "1.5.0-rc", id="greater-than-a-major"),
    ],
)
def test_prereleases(range_: str, inside: str, outside: str) -> None:
    assert accepted(range_, f"{inside} {outside}") == inside


@pytest.mark.parametrize(
    ("range_", "message"),
    [
        pytest.param("", 'improper constraint: ""', id="empty"),
        pytest.param("||", 'improper constraint: ""', id="two-empty-alternatives"),
        pytest.param("1.x,", 'improper constraint: "1.x,"', id="comma-at-the-end"),
        pytest.param(",1.x", 'improper constraint: ",1.x"', id="comma-at-the-start"),
        pytest.param("1 , , 2", 'improper constraint: "1 , , 2"', id="two-commas"),
        pytest.param(">=1.0<2", 'improper constraint: ">=1.0<2"', id="no-separator"),
        pytest.param(">", 'improper constraint: ">"', id="operator-alone"),
        pytest.param("one.x", 'improper constraint: "one.x"', id="word"),
        pytest.param("1.2.3.4", 'improper constraint: "1.2.3.4"', id="four-parts"),
        pytest.param(
            '1 || a\t"b"\\é\x01\u2028', r'improper constraint: " a\t\"b\"\\é\x01\u2028"', id="quoted-as-in-go"
        ),
        pytest.param("1\v2", r'improper constraint: "1\v2"', id="vertical-tab-is-no-space"),
        pytest.param("1\u00a0- 2", r'improper constraint: "1\u00a0- 2"', id="no-break-space-is-no-space"),
        pytest.param(">1.0 - 2.0", 'improper constraint: ">>= 1.0, <= 2.0 "', id="operator-before-a-hyphen-range"),
        pytest.param("1|2", "constraint parser error", id="single-bar"),
        pytest.param("1.2.3-01", "constraint parser error", id="zero-padded-prerelease"),
        pytest.param("18446744073709551616", "constraint parser error", id="beyond-uint64"),
        pytest.param("1|2 || x y", "constraint parser error", id="first-fault-first"),
        pytest.param("1|2, x y", 'improper constraint: "1|2, x y"', id="form-before-versions"),
        pytest.param("1" * 513, "constraint string is too long (max 512 bytes)", id="513-bytes"),
        pytest.param("é" * 257, "constraint string is too long (max 512 bytes)", id="bytes-not-characters"),
        pytest.param("||".join(["1"] * 33), "too many constraint groups (max 32)", id="33-alternatives"),
    ],
)
def test_refusals(range_: str, message: str) -> None:
    with pytest.raises(BadConstraint) as caught:
        parse_constraint(range_)
    assert str(caught.value) == message


def test_a_range_is_read_once_and_a_bad_one_is_refused_each_time() -> None:
    assert parse_constraint(">=1.0.0 <2") is parse_constraint(">=1.0.0 <2")
    for _ in range(2):
        with pytest.raises(BadConstraint):
            parse_constraint(">=x.y")


def test_limits_are_inclusive() -> None:
    assert accepted("||".join(["1"] * 32), "1.0.0") == "1.0.0"
    assert accepted("1".ljust(512), "1.0.0") == "1.0.0"


@pytest.mark.parametrize("unit", ["1  ", "1 , ", "1-1.", "1 - 1 ", "x ||", " \t"])
def test_a_hostile_range_is_refused_at_once(unit: str) -> None:
    # With backtracking over the blanks this took longer than the universe is old.
    with pytest.raises(BadConstraint):
        parse_constraint((unit * 512)[:511] + "!")


@given(st.lists(COMPARISONS, min_size=1, max_size=3), VERSIONS)
def test_and_is_the_meet_of_its_parts(comparisons: list[str], version: str) -> None:
    # A comparison that holds for all versions opts the others in, so that prereleases count alike on both sides.
    opted = [f"{comparison} >=0.0.0-0" for comparison in comparisons]
    assert bool(accepted(" ".join(opted), version)) == all(accepted(one, version) for one in opted)


@given(st.lists(COMPARISONS, min_size=1, max_size=3), VERSIONS)
def test_or_is_the_join_of_its_parts(comparisons: list[str], version: str) -> None:
    assert bool(accepted("||".join(comparisons), version)) == any(accepted(one, version) for one in comparisons)


@given(PARTIAL, VERSIONS)
def test_inequalities_come_in_opposite_pairs(partial: str, version: str) -> None:
    release = version.partition("-")[0]
    assert bool(accepted(f"<{partial}", release)) != bool(accepted(f">={partial}", release))
