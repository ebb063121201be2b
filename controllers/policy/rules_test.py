"""Rules beyond Flux's: what each leaves out, what its tally says, and that none changes a choice without it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.policy import (
    Alphabetical,
    Filter,
    ImageMetadata,
    Keys,
    KeySpec,
    Newest,
    NewestBy,
    Numerical,
    Policy,
    Reason,
    Rules,
    Selection,
    Semver,
    TagIndex,
    Wanted,
    choose,
    select,
)
from controllers.policy.errors import (
    InvalidPolicy,
    NoCandidates,
    NoMatch,
    NoPlatform,
    NoTags,
    PolicyError,
    SelectionFailed,
)
from controllers.policy.newest import NO_BUILD_DATE, NOT_EXAMINED
from controllers.policy.reasons import DENIED, DOWNGRADE, EXCLUDED, LACKS_PLATFORM, OUTRANKED, TOO_YOUNG
from controllers.policy.rules import MAX_EXAMINED
from controllers.policy.semver import NOT_A_VERSION, OUT_OF_RANGE

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANY = Semver("*")
ARM, BOTH = ImageMetadata(frozenset({"linux/arm64"})), ImageMetadata(frozenset({"linux/amd64", "linux/arm64/v8"}))

TAGS = st.lists(st.from_regex(r"[0-2]\.[0-2]\.[0-2](-rc)?", fullmatch=True), min_size=1, max_size=12, unique=True)


def ago(age: timedelta) -> int:
    return int((NOW - age).timestamp())


def selected(
    tags: list[str], rules: Rules, *, current: str = "", first_seen: dict[str, int | None] | None = None
) -> Selection:
    found = select(TagIndex(tags, first_seen=first_seen), rules, now=NOW, current=current)
    assert isinstance(found, Selection)
    return found


def reasons(selection: Selection) -> dict[str, Reason]:
    return {refusal.tag: refusal.reason for refusal in selection.choice.tally.refused}


@given(TAGS, st.sampled_from([ANY, Semver(">=1.0.0-0 <2"), Alphabetical(), Alphabetical("desc")]))
def test_without_rules_the_choice_is_the_policy_s_own(tags: list[str], policy: Policy) -> None:
    try:
        want = choose(tags, policy)
    except SelectionFailed:
        return
    assert selected(tags, Rules(policy)) == Selection(want)


@given(
    TAGS.flatmap(lambda tags: st.tuples(st.just(tags), st.sets(st.sampled_from(tags)))),
    st.sampled_from([ANY, Semver(">=1.0.0-0 <2"), Alphabetical("desc"), Numerical()]),
    st.sampled_from([None, Filter(r"^1"), Filter(r"^(\d)", "$1"), Filter(r"-rc")]),
)
def test_what_a_rule_leaves_out_counts_as_not_there(
    case: tuple[list[str], set[str]], policy: Policy, tag_filter: Filter | None
) -> None:
    tags, denied = case
    rest = [tag for tag in tags if tag not in denied]
    want = outcome(rest, Rules(policy, tag_filter))
    found = outcome(tags, Rules(policy, tag_filter, denied_tags=frozenset(denied)))
    if rest:
        assert found == want
    else:
        assert found == "version list argument cannot be empty"


def outcome(tags: list[str], rules: Rules) -> tuple[str, str] | str:
    try:
        choice = selected(tags, rules).choice
    except PolicyError as error:
        return str(error)
    return choice.tag, choice.value


@given(TAGS.flatmap(lambda tags: st.tuples(st.just(tags), st.sets(st.sampled_from(tags)))))
def test_every_tag_is_accounted_for(case: tuple[list[str], set[str]]) -> None:
    tags, denied = case
    try:
        tally, chosen = selected(tags, Rules(ANY, denied_tags=frozenset(denied))).choice.tally, 1
    except SelectionFailed as failure:
        tally, chosen = failure.tally, 0
    assert sum(tally.counts.values()) + chosen == len(tags)
    assert len(tally.refused) + chosen == len(tags)
    assert {r.tag for r in tally.refused if r.reason is DENIED} == denied


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(Rules(ANY), id="plain"),
        pytest.param(Rules(ANY, denied_tags=frozenset({"1.1.0"})), id="with-a-rule"),
        pytest.param(Rules(ANY, denied_tags=frozenset({"1.1.0"}), allow_downgrade=False), id="kept"),
    ],
)
def test_tags_that_were_not_stored_are_counted_and_not_listed(rules: Rules) -> None:
    index = TagIndex(["1.0.0", "1.1.0"], excluded_count=7)
    found = select(index, rules, now=NOW, current="1.2.0")
    assert isinstance(found, Selection)
    assert found.choice.tally.counts[EXCLUDED] == 7
    assert EXCLUDED not in {refusal.reason for refusal in found.choice.tally.refused}


def test_failures_count_tags_that_were_not_stored() -> None:
    with pytest.raises(SelectionFailed) as failed:
        select(TagIndex(["latest"], excluded_count=7), Rules(ANY), now=NOW)
    assert failed.value.tally.counts == {EXCLUDED: 7, NOT_A_VERSION: 1}
    with pytest.raises(NoTags) as none:
        select(TagIndex([], excluded_count=7), Rules(ANY), now=NOW)
    assert none.value.excluded_count == 7


@pytest.mark.parametrize(
    ("rules", "want"),
    [
        pytest.param(Rules(ANY, denied_tags=frozenset({"1.3.0"})), "1.2.0", id="tag"),
        pytest.param(Rules(ANY, denied_patterns=(r"^1\.[23]\.",)), "1.1.0", id="pattern"),
        pytest.param(Rules(ANY, denied_patterns=("3", "(?i)^1.2")), "1.1.0", id="several-patterns"),
        pytest.param(Rules(ANY, denied_patterns=("(?P<n>3)", "(?P<n>1.2)")), "1.1.0", id="several-groups-of-one-name"),
        pytest.param(
            Rules(ANY, denied_patterns=("^1.[23]", *("(.?)" * 8 + f"x{n}" for n in range(64)))),
            "1.1.0",
            id="many-groups-together",
        ),
        pytest.param(Rules(ANY, denied_tags=frozenset({"9"}), denied_patterns=("x",)), "1.3.0", id="nothing-hit"),
    ],
)
def test_denied_tags_are_skipped(rules: Rules, want: str) -> None:
    found = selected(["1.1.0", "1.2.0", "1.3.0"], rules)
    assert found.choice.tag == want
    denied = [tag for tag, reason in reasons(found).items() if reason is DENIED]
    assert denied == [tag for tag in ("1.3.0", "1.2.0") if tag > want]


def test_a_denied_tag_is_listed_where_it_would_rank() -> None:
    found = selected(["3.0.0", "1.2.0", "1.1.0", "1.0.0"], Rules(Semver("1.x"), denied_tags=frozenset({"1.2.0"})))
    assert list(reasons(found).items()) == [
        ("3.0.0", OUT_OF_RANGE),
        ("1.2.0", DENIED),
        ("1.0.0", OUTRANKED),
    ]
    assert found.choice.tally.counts == {OUT_OF_RANGE: 1, DENIED: 1, OUTRANKED: 1}


def test_another_tag_stands_in_for_a_denied_one_of_the_same_value() -> None:
    rules = Rules(Numerical(), Filter(r"-(\d+)$", "$1"), denied_tags=frozenset({"a-2"}))
    assert selected(["a-1", "a-2", "b-2"], rules).choice.tag == "b-2"


def test_a_denied_tag_cannot_fail_a_numerical_policy() -> None:
    assert selected(["1", "latest"], Rules(Numerical(), denied_tags=frozenset({"latest"}))).choice.tag == "1"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        pytest.param(
            Rules(ANY, denied_patterns=("a)(b",)), "invalid policy: deny pattern 'a)(b': error parsing", id="deny"
        ),
        pytest.param(Rules(ANY, platforms=("linux",)), "invalid policy: platform 'linux' is not", id="platform"),
        pytest.param(
            Rules(Newest(), allow_downgrade=False), "invalid policy: allowDowngrade needs", id="downgrade-by-time"
        ),
        pytest.param(Rules(Newest("Luck")), "invalid policy: newest by 'Luck' is none of", id="newest-by"),
        pytest.param(Rules(Keys((KeySpec("$1"),))), "invalid policy: sort keys are extracted from", id="no-pattern"),
        pytest.param(
            Rules(Keys((KeySpec("$1"),)), Filter("(.)", "$1")), "invalid policy: sort keys are", id="extract-twice"
        ),
        pytest.param(
            Rules(Keys((KeySpec("$1", "length"),)), Filter("(.)")), "invalid policy: sort key type 'length'", id="type"
        ),
        pytest.param(Rules(Keys((KeySpec("$1"),)), Filter("(")), "failed to filter tags: invalid", id="keys-pattern"),
    ],
)
def test_rules_that_cannot_work_are_invalid(rules: Rules, message: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        select(TagIndex(["1.0.0"]), rules, now=NOW)
    assert str(caught.value).startswith(message)


def test_no_tags_are_reported_as_ever() -> None:
    with pytest.raises(NoTags):
        select(TagIndex([]), Rules(ANY, denied_tags=frozenset({"1"}), denied_patterns=("x",), min_age=DAY), now=NOW)


AGES: dict[str, int | None] = {
    "1.0.0": None,
    "1.1.0": ago(4 * DAY),
    "1.2.0": ago(3 * DAY),
    "1.3.0": ago(DAY),
    "1.4.0": ago(timedelta(hours=1)),
}


@pytest.mark.parametrize(
    ("age", "want", "next_in"),
    [
        pytest.param(timedelta(minutes=30), "1.4.0", None, id="all-are-old-enough"),
        pytest.param(timedelta(hours=2), "1.3.0", timedelta(hours=1), id="the-latest-is-too-young"),
        pytest.param(3 * DAY, "1.2.0", 2 * DAY, id="old-enough-to-the-second-and-the-next-is-first"),
        pytest.param(30 * DAY, "1.0.0", 26 * DAY, id="unknown-age-is-old-enough"),
    ],
)
def test_young_tags_have_to_wait(age: timedelta, want: str, next_in: timedelta | None) -> None:
    found = selected(list(AGES), Rules(ANY, min_age=age), first_seen=AGES)
    assert found.choice.tag == want
    assert found.next_eligible_at == (NOW + next_in if next_in else None)
    young = {tag for tag, reason in reasons(found).items() if reason is TOO_YOUNG}
    assert young == {tag for tag in AGES if tag > want}


def test_only_candidates_are_waited_for() -> None:
    rules = Rules(ANY, Filter("^1"), denied_tags=frozenset({"1.4.0"}), min_age=5 * DAY)
    ages = AGES | {"2.0.0": ago(4 * DAY + timedelta(hours=12)), "1.4.0": ago(4 * DAY + timedelta(hours=18))}
    assert selected([*AGES, "2.0.0"], rules, first_seen=ages).next_eligible_at == NOW + DAY


def test_a_failure_knows_when_it_may_end() -> None:
    with pytest.raises(NoCandidates) as caught:
        selected(["1.0.0"], Rules(ANY, min_age=DAY), first_seen={"1.0.0": ago(timedelta(hours=23))})
    assert caught.value.next_eligible_at == NOW + timedelta(hours=1)
    assert caught.value.tally.counts == {TOO_YOUNG: 1}


KEPT = Rules(Semver(">=1.0.0"), allow_downgrade=False)


@pytest.mark.parametrize(
    ("rules", "tags", "current", "want"),
    [
        pytest.param(KEPT, ["1.0.0", "1.1.0"], "1.2.0", "1.2.0", id="deleted-tag-stays"),
        pytest.param(KEPT, ["1.0.0", "1.3.0"], "1.2.0", "1.3.0", id="upgrade"),
        pytest.param(KEPT, ["1.0.0"], "", "1.0.0", id="first-choice"),
        pytest.param(KEPT, ["1.0.0"], "latest", "1.0.0", id="current-has-no-place-in-the-order"),
        pytest.param(Rules(Semver("1.x"), allow_downgrade=False), ["1.0.0"], "2.0.0", "1.0.0", id="range-excludes-it"),
        pytest.param(
            Rules(ANY, denied_tags=frozenset({"1.2.0"}), allow_downgrade=False),
            ["1.1.0", "1.2.0"],
            "1.2.0",
            "1.1.0",
            id="denied-tag-is-left",
        ),
        pytest.param(
            Rules(ANY, denied_patterns=(r"^1\.2",), allow_downgrade=False),
            ["1.1.0"],
            "1.2.0",
            "1.1.0",
            id="denied-tag-is-left-though-deleted",
        ),
        pytest.param(Rules(Numerical("desc"), allow_downgrade=False), ["5"], "3", "3", id="the-policy-s-own-order"),
        pytest.param(
            Rules(Keys((KeySpec("$1"), KeySpec("$2", "numerical"))), Filter("(.)-(.*)"), allow_downgrade=False),
            ["a-10", "b-2"],
            "b-9",
            "b-9",
            id="sort-keys",
        ),
    ],
)
def test_a_downgrade_is_refused(rules: Rules, tags: list[str], current: str, want: str) -> None:
    found = selected(tags, rules, current=current)
    assert found.choice.tag == want
    kept = want not in tags
    assert bool(found.refused_downgrade) == kept
    if kept:
        assert found.choice.tally.refused[0].tag == found.refused_downgrade
        assert found.choice.tally.refused[0].reason is DOWNGRADE


def test_a_tag_that_a_new_age_finds_too_young_is_kept() -> None:
    rules = Rules(ANY, min_age=2 * DAY, allow_downgrade=False)
    found = selected(list(AGES), rules, current="1.4.0", first_seen=AGES)
    assert (found.choice.tag, found.refused_downgrade) == ("1.4.0", "1.2.0")
    assert sum(found.choice.tally.counts.values()) == len(AGES) - 1


def answered(index: TagIndex, rules: Rules, images: dict[str, ImageMetadata]) -> tuple[Selection, list[str]]:
    """Return the selection, and the tags whose images were wanted, in turn."""
    known: dict[str, ImageMetadata] = {}
    asked: list[str] = []
    while isinstance(found := select(index, rules, now=NOW, images=known), Wanted):
        assert not set(found.tags) & set(asked)
        asked += found.tags
        known |= {tag: images.get(tag, ImageMetadata()) for tag in found.tags}
    return found, asked


def test_required_platforms_are_looked_for_from_the_top() -> None:
    index = TagIndex(["1.0.0", "1.1.0", "1.2.0", "1.3.0"])
    rules = Rules(ANY, platforms=("linux/arm64", "linux/amd64"))
    found, asked = answered(index, rules, {"1.2.0": ARM, "1.1.0": BOTH})
    assert (found.choice.tag, asked) == ("1.1.0", ["1.3.0", "1.2.0", "1.1.0"])
    assert list(reasons(found).items()) == [
        ("1.3.0", LACKS_PLATFORM),
        ("1.2.0", LACKS_PLATFORM),
        ("1.0.0", OUTRANKED),
    ]


@pytest.mark.parametrize(
    ("wanted", "there", "fits"),
    [
        pytest.param("linux/arm64", "linux/arm64", True, id="same"),
        pytest.param("linux/arm", "linux/arm/v7", True, id="any-variant"),
        pytest.param("linux/arm/v6", "linux/arm/v7", False, id="another-variant"),
        pytest.param("linux/arm", "linux/arm64", False, id="longer-name"),
    ],
)
def test_platform_with_and_without_variant(wanted: str, there: str, fits: bool) -> None:
    rules = Rules(ANY, platforms=(wanted,))
    images = {"1.0.0": ImageMetadata(frozenset({there}))}
    if fits:
        assert answered(TagIndex(["1.0.0"]), rules, images)[0].choice.tag == "1.0.0"
    else:
        with pytest.raises(NoCandidates):
            answered(TagIndex(["1.0.0"]), rules, images)


def test_only_so_many_images_are_examined() -> None:
    index = TagIndex([f"1.0.{number}" for number in range(100)])
    with pytest.raises(NoPlatform) as caught:
        answered(index, Rules(ANY, platforms=("linux/s390x",)), {})
    assert str(caught.value) == "none of the 20 leading tags has an image for linux/s390x"
    assert caught.value.tally.refused[0].reason is LACKS_PLATFORM


def test_newest_by_first_sight() -> None:
    ages: dict[str, int | None] = {"a": ago(DAY), "b": ago(2 * DAY), "z": None}
    found = selected(["a", "b", "y", "z"], Rules(Newest()), first_seen=ages)
    assert found.choice.tag == "a"
    assert [refusal.tag for refusal in found.choice.tally.refused] == ["b", "z", "y"]


def test_tags_of_one_scan_are_told_apart_by_their_bytes() -> None:
    assert selected(["a", "c", "b"], Rules(Newest()), first_seen=dict.fromkeys("abc", ago(DAY))).choice.tag == "c"


def test_build_date_in_the_future_counts_as_none() -> None:
    soon, never = NOW + timedelta(hours=12), NOW + timedelta(days=400)
    images = {
        "a": ImageMetadata(built=int(never.timestamp())),
        "b": ImageMetadata(built=int(NOW.timestamp())),
        "c": ImageMetadata(built=int(soon.timestamp())),
    }
    found, _ = answered(TagIndex(list(images)), Rules(Newest(NewestBy.BUILD_DATE)), images)
    assert found.choice.tag == "c", "a local time without its zone"
    assert reasons(found) == {"b": OUTRANKED, "a": NO_BUILD_DATE}


def test_newest_by_build_date() -> None:
    index = TagIndex(["a", "b", "c", "d"])
    images = {"a": ImageMetadata(built=30), "b": ImageMetadata(built=10), "c": ImageMetadata(built=20)}
    found, asked = answered(index, Rules(Newest(NewestBy.BUILD_DATE)), images)
    assert (found.choice.tag, sorted(asked)) == ("a", ["a", "b", "c", "d"])
    assert list(reasons(found).items()) == [
        ("c", OUTRANKED),
        ("b", OUTRANKED),
        ("d", NO_BUILD_DATE),
    ]


def test_build_dates_are_read_for_the_tags_first_seen_last() -> None:
    tags = [f"{number:03}" for number in range(100)]
    ages: dict[str, int | None] = {tag: number for number, tag in enumerate(tags)}
    images = {tag: ImageMetadata(built=1000 - number) for number, tag in enumerate(tags)}
    found, asked = answered(TagIndex(tags, first_seen=ages), Rules(Newest(NewestBy.BUILD_DATE)), images)
    assert sorted(asked) == tags[-MAX_EXAMINED:]
    assert found.choice.tag == tags[-MAX_EXAMINED]
    assert found.choice.tally.counts == {OUTRANKED: MAX_EXAMINED - 1, NOT_EXAMINED: 100 - MAX_EXAMINED}


def test_platforms_and_build_dates_together_stay_bounded() -> None:
    index = TagIndex([f"{number:03}" for number in range(100)])
    rules = Rules(Newest(NewestBy.BUILD_DATE), platforms=("linux/arm64",))
    asked: list[str] = []

    def ask_on() -> None:
        known: dict[str, ImageMetadata] = {}
        while isinstance(found := select(index, rules, now=NOW, images=known), Wanted):
            asked.extend(found.tags)
            known.update((tag, ImageMetadata(built=1)) for tag in found.tags)

    with pytest.raises(NoPlatform):
        ask_on()
    assert len(asked) < 2 * MAX_EXAMINED


def test_no_build_date_at_all_is_no_choice() -> None:
    with pytest.raises(NoMatch):
        answered(TagIndex(["a"]), Rules(Newest(NewestBy.BUILD_DATE)), {})
