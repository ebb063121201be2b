"""`controllers.policy`: the choice, its ties, order of checks, error texts, reasons, and what must not change it."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.policy import Alphabetical, Choice, Filter, Numerical, Policy, Semver, choose, resolve_policy
from controllers.policy.errors import (
    InvalidPolicy,
    NoCandidates,
    NoMatch,
    NoTags,
    NotNumeric,
    PolicyError,
    SelectionFailed,
)
from controllers.policy.numerical import NOT_A_NUMBER
from controllers.policy.policies import POLICIES as KINDS
from controllers.policy.reasons import OUTRANKED, SAME_VALUE, UNMATCHED
from controllers.policy.semver import NOT_A_VERSION, OUT_OF_RANGE, PRERELEASE
from controllers.semver.constraint import parse_constraint
from controllers.semver.version import parse_version

TAGS = st.lists(
    st.one_of(
        st.from_regex(r"v?[0-2]\.[0-2]\.[0-2](-rc\.[0-2])?(\+[ab])?", fullmatch=True),
        st.from_regex(r"(main|dev)-[0-3]{1,2}", fullmatch=True),
        st.sampled_from(["latest", "1", "1.0", "01", "inf", "nan", "0x1p1"]),
    ),
    min_size=1,
    max_size=12,
)
POLICIES = st.sampled_from(
    [
        Semver("*"),
        Semver("*-0"),
        Semver(">=1.0.0 !=1.1.x || 0.1.x"),
        Alphabetical(),
        Alphabetical("desc"),
        Numerical(),
        Numerical("desc"),
    ]
)
FILTERS = st.sampled_from(
    [None, Filter(r"^v?\d"), Filter(r"^[a-z]+-(\d+)$", "$1"), Filter(r"^(?P<n>\d+)", "$n"), Filter(r"-rc", "")]
)
RANGES = [
    "1",
    "*-0",
    ">1 || <0.2-0",
    "^1 || ~1.1-0 || 2.1.1",
    "!=1.x",
    ">=0-0 !=1.1.1 !=2",
    ">0-0 !=1.1.x-rc || 2.x !=2.0",
]


def outcome(tags: list[str], policy: Policy | None, tag_filter: Filter | None) -> Choice | tuple[type, str]:
    try:
        return choose(tags, policy, tag_filter)
    except PolicyError as error:
        return type(error), str(error)


@pytest.mark.parametrize(
    ("policy", "tags", "want"),
    [
        pytest.param(Semver("1.x"), ["1.9.0", "1.10.0", "2.0.0", "latest"], "1.10.0", id="greatest-version"),
        pytest.param(Semver("*"), ["2.1.4", "v2.1.4"], "v2.1.4", id="equal-versions-first-in-stored-order"),
        pytest.param(Semver("*"), ["1.0.0+a", "1.0.0+b"], "1.0.0+b", id="equal-but-for-metadata"),
        pytest.param(Semver("*"), ["1.2.3", "3", "2.5"], "1.2.3", id="fewer-than-two-dots-is-no-version"),
        pytest.param(Semver("1.x || 3.x"), ["1.0.0", "2.0.0", "3.1.0-rc"], "1.0.0", id="alternatives"),
        pytest.param(Semver("*-0"), ["1.0.0", "1.1.0-rc"], "1.1.0-rc", id="prerelease-opted-in"),
        pytest.param(Semver("!=3.0.0"), ["1.0.0", "3.0.0"], "1.0.0", id="exclusion"),
        pytest.param(Alphabetical(), ["v1.9", "v1.10", "V2"], "v1.9", id="bytewise"),
        pytest.param(Alphabetical("Desc"), ["v1.9", "v1.10", "V2"], "V2", id="bytewise-descending"),
        pytest.param(Numerical(""), ["9", "10", "0x1p3"], "10", id="numbers"),
        pytest.param(Numerical("desc"), ["9", "10", "0x1p3"], "0x1p3", id="numbers-descending"),
        pytest.param(Numerical(), ["15", "15.0", "015"], "015", id="equal-numbers-last-in-stored-order"),
        pytest.param(Numerical("desc"), ["5", "5.0", "7"], "5", id="equal-numbers-descending"),
        pytest.param(Numerical(), ["nan", "5", "7"], "7", id="nan-first-is-replaced"),
        pytest.param(Numerical(), ["inf", "NaN", "7", "5"], "7", id="nan-hides-what-came-before"),
        pytest.param(Numerical("desc"), ["0", "-0"], "-0", id="zeros-are-equal"),
        pytest.param(Alphabetical(), [""], "", id="empty-tag"),
    ],
)
def test_choice(policy: Policy, tags: list[str], want: str) -> None:
    assert choose(tags, policy).tag == want


@pytest.mark.parametrize(
    ("policy", "tag_filter", "tags", "want"),
    [
        pytest.param(
            Numerical(),
            Filter(r"^main-[0-9a-f]+-(?P<ts>\d+)$", "$ts"),
            ["main-a1-9", "main-b2-10", "dev-c3-11"],
            "main-b2-10",
            id="extracted-number",
        ),
        pytest.param(
            Alphabetical(), Filter(r"-(\d)$", "$1"), ["b-1", "a-1"], "a-1", id="one-value-last-in-stored-order"
        ),
        pytest.param(
            Semver("*"), Filter(r"^(.*)-linux$", "$1"), ["1.2.3-linux", "1.10.0-linux"], "1.10.0-linux", id="version"
        ),
        pytest.param(Alphabetical(), Filter("^v"), ["w", "v1"], "v1", id="pattern-only"),
        pytest.param(Alphabetical(), Filter(""), ["w", "v1"], "w", id="empty-pattern"),
        pytest.param(Alphabetical(), Filter("^x", "$nope"), ["w", "x1"], "x1", id="empty-value-is-a-candidate"),
    ],
)
def test_filtered_choice(policy: Policy, tag_filter: Filter, tags: list[str], want: str) -> None:
    assert choose(tags, policy, tag_filter).tag == want


@pytest.mark.parametrize(
    ("policy", "tag_filter", "tags", "error", "message"),
    [
        pytest.param(
            None,
            Filter("("),
            [],
            InvalidPolicy,
            "invalid policy: given ImagePolicyChoice object is invalid",
            id="no-policy",
        ),
        pytest.param(
            Semver("one.x"), None, [], InvalidPolicy, 'invalid policy: improper constraint: "one.x"', id="bad-range"
        ),
        pytest.param(
            Alphabetical("asc "),
            None,
            ["1"],
            InvalidPolicy,
            "invalid policy: invalid order argument provided: 'ASC ', must be one of: ASC, DESC",
            id="bad-order",
        ),
        pytest.param(
            Numerical("straße"),
            None,
            ["1"],
            InvalidPolicy,
            "invalid policy: invalid order argument provided: 'STRAßE', must be one of: ASC, DESC",
            id="upper-case-as-in-go",
        ),
        pytest.param(Semver("*"), Filter("("), [], NoTags, "no tags in database", id="no-tags-before-bad-filter"),
        pytest.param(
            Semver("*"),
            Filter("("),
            ["1"],
            InvalidPolicy,
            "failed to filter tags: invalid regular expression pattern '(': "
            "error parsing regexp: missing closing ): `(`",
            id="bad-filter",
        ),
        pytest.param(
            Numerical(), Filter("x"), ["1"], NoCandidates, "version list argument cannot be empty", id="nothing-passes"
        ),
        pytest.param(
            Semver(">2"),
            None,
            ["1.0.0", "latest"],
            NoMatch,
            "unable to determine latest version from provided list",
            id="nothing-inside",
        ),
        pytest.param(
            Numerical(), None, ["1", "b", "a"], NotNumeric, "failed to parse invalid numeric value 'b'", id="no-number"
        ),
        pytest.param(
            Numerical(),
            Filter("^a", "$0$nope$9"),
            ["1", "a"],
            NotNumeric,
            "failed to parse invalid numeric value 'a'",
            id="extracted-value-is-named",
        ),
    ],
)
def test_refusals(
    policy: Policy | None, tag_filter: Filter | None, tags: list[str], error: type[PolicyError], message: str
) -> None:
    assert outcome(tags, policy, tag_filter) == (error, message)


def test_reasons_name_the_leading_tags_first() -> None:
    tags = ["3.0.0", "2.1.0-rc", "2.0.0", "1.9.0", "1.8.0", "latest", "x-1", "0.9.0-rc"]
    tally = choose(tags, Semver(">=1 <2.5"), Filter("^[^x]")).tally
    assert [(refusal.tag, refusal.reason) for refusal in tally.refused] == [
        ("3.0.0", OUT_OF_RANGE),
        ("2.1.0-rc", PRERELEASE),
        ("1.9.0", OUTRANKED),
        ("1.8.0", OUTRANKED),
        ("0.9.0-rc", OUT_OF_RANGE),
        ("latest", NOT_A_VERSION),
        ("x-1", UNMATCHED),
    ]
    assert tally.counts == {
        OUT_OF_RANGE: 2,
        PRERELEASE: 1,
        OUTRANKED: 2,
        NOT_A_VERSION: 1,
        UNMATCHED: 1,
    }


@pytest.mark.parametrize("range_", RANGES)
@given(tags=st.lists(st.from_regex(r"[0-2]\.[0-2]\.[0-2](-rc|-0|-rc\.1)?", fullmatch=True), min_size=1, max_size=30))
def test_versions_are_counted_as_if_one_by_one(range_: str, tags: list[str]) -> None:
    constraint = parse_constraint(range_)
    keys = [parse_version(tag).key() for tag in set(tags)]
    admitted = [key for key in keys if constraint.admits(key)]
    missed = [key for key in keys if not constraint.admits(key) and constraint.admits_with_prereleases(key)]
    try:
        tally = choose(tags, Semver(range_)).tally
    except NoMatch as failure:
        tally = failure.tally
    assert tally.counts.get(OUTRANKED, 0) == max(len(admitted) - 1, 0)
    assert tally.counts.get(PRERELEASE, 0) == len(missed)
    assert tally.counts.get(OUT_OF_RANGE, 0) == len(keys) - len(admitted) - len(missed)


def test_a_failure_says_why_too() -> None:
    with pytest.raises(NotNumeric) as caught:
        choose(["a-1", "b-1", "c-x", "d"], Numerical(), Filter("-(.)$", "$1"))
    assert caught.value.value == "x"
    assert caught.value.tally.counts == {NOT_A_NUMBER: 1, SAME_VALUE: 1, UNMATCHED: 1}


def test_reasons_are_bounded() -> None:
    tally = choose([f"{number}.0.0" for number in range(1000)], Semver("<500")).tally
    assert len(tally.refused) == 20
    assert tally.refused[0].tag == "999.0.0"
    assert tally.counts == {OUT_OF_RANGE: 500, OUTRANKED: 499}


def test_precedence_of_several_policies() -> None:
    def spec(**policies: SimpleNamespace) -> SimpleNamespace:
        return SimpleNamespace(**{kind.policy.name: policies.get(kind.policy.name) for kind in KINDS})

    semver, order = SimpleNamespace(range="*"), SimpleNamespace(order="")
    assert resolve_policy(spec(semver=semver, alphabetical=order, numerical=order)) == Semver("*")
    assert resolve_policy(spec(alphabetical=order, numerical=order)) == Alphabetical()
    assert resolve_policy(spec(numerical=order)) == Numerical()
    assert resolve_policy(spec()) is None


@given(TAGS.flatmap(lambda tags: st.tuples(st.just(tags), st.permutations(tags + tags[:2]))), POLICIES, FILTERS)
def test_order_and_repetition_of_tags_do_not_matter(
    lists: tuple[list[str], list[str]], policy: Policy, tag_filter: Filter | None
) -> None:
    tags, shuffled = lists
    assert outcome(shuffled, policy, tag_filter) == outcome(tags, policy, tag_filter)


@given(TAGS, POLICIES, st.sampled_from(["z-unmatched", "zz", "Z.9.9.9"]))
def test_a_tag_that_does_not_match_never_changes_the_choice(tags: list[str], policy: Policy, stranger: str) -> None:
    tag_filter = Filter("^[^zZ]")
    before, after = outcome(tags, policy, tag_filter), outcome([*tags, stranger], policy, tag_filter)
    if isinstance(before, Choice) and isinstance(after, Choice):
        assert (before.tag, before.value) == (after.tag, after.value)
    else:
        assert before == after


@given(TAGS, st.sampled_from([Semver("*"), Semver(">=1 <2, !=1.1.x"), Alphabetical(), Alphabetical("desc")]), FILTERS)
def test_what_was_chosen_is_chosen_among_itself(tags: list[str], policy: Policy, tag_filter: Filter | None) -> None:
    first = outcome(tags, policy, tag_filter)
    if isinstance(first, Choice):
        assert choose([first.tag], policy, tag_filter).tag == first.tag


@given(TAGS, POLICIES, FILTERS)
def test_every_tag_is_accounted_for(tags: list[str], policy: Policy, tag_filter: Filter | None) -> None:
    try:
        tally, chosen = choose(tags, policy, tag_filter).tally, 1
    except NotNumeric:
        return  # the rest is not ranked
    except SelectionFailed as failure:
        tally, chosen = failure.tally, 0
    assert sum(tally.counts.values()) + chosen == len(set(tags))
    assert len(tally.refused) == len(set(tags)) - chosen
