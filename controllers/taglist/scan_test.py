"""The list that a scan stores."""

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.golang import regexp
from controllers.golang.regexp import budget
from controllers.taglist import scan
from controllers.taglist.scan import (
    BadExclusionPattern,
    Exclusion,
    arrange,
    build_tag_set,
    compute_revision,
    effective_exclusions,
)

TAGS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))


@pytest.mark.parametrize(
    ("tags", "checksum"),
    [
        pytest.param([], "18153657", id="empty"),
        pytest.param(["latest", "v0.0.1", "v0.0.2"], "1943865137", id="three"),
        pytest.param(["v0.0.3", "v0.0.4"], "728958008", id="two"),
    ],
)
def test_revision_is_the_checksum_of_the_json_array(tags: list[str], checksum: str) -> None:
    assert compute_revision(tags) == checksum


@pytest.mark.parametrize(
    ("tag", "as_written"),
    [
        pytest.param("a<b>&c", "a\\u003cb\\u003e\\u0026c", id="html"),
        pytest.param("\u2028\u2029", "\\u2028\\u2029", id="line-separators"),
        pytest.param("é\x7f", "é\x7f", id="kept"),
        pytest.param("\x08\x0c\n\r\t\x01", "\\b\\f\\n\\r\\t\\u0001", id="control"),
        pytest.param('"\\', '\\"\\\\', id="quotes"),
        pytest.param("\udc80", "\\ufffd", id="not-utf8"),
    ],
)
def test_revision_escapes_as_go_does(tag: str, as_written: str) -> None:
    assert compute_revision([tag]) == str(zlib.adler32(f'["{as_written}"]'.encode()))


@pytest.mark.parametrize(
    ("tags", "exclusions", "kept"),
    [
        pytest.param(["a", "b.sig", "c"], None, ("c", "a"), id="signatures-by-default"),
        pytest.param(["a", "b.sig"], [], ("a",), id="an-empty-list-is-the-default"),
        pytest.param(["a", "b.sig"], ["^a$"], ("b.sig",), id="a-list-replaces-the-default"),
        pytest.param(["1.0-rc1", "1.0"], ["rc"], ("1.0",), id="found-anywhere"),
        pytest.param(["Main", "main", "x"], ["(?i)^MAIN", "^x"], (), id="flags-stay-in-their-pattern"),
        pytest.param(
            ["a", "B", "é", "\uffff", "\U00010000"], None, ("\U00010000", "\uffff", "é", "a", "B"), id="bytewise"
        ),
    ],
)
def test_kept_tags_descend_bytewise(tags: list[str], exclusions: list[str] | None, kept: tuple[str, ...]) -> None:
    assert build_tag_set(tags, exclusions).tags == kept


def test_a_bad_pattern_is_named_with_its_fault() -> None:
    with pytest.raises(BadExclusionPattern) as caught:
        build_tag_set(["a"], ["ok", "(unclosed"])
    assert str(caught.value) == (
        "failed to compile regex (unclosed: error parsing regexp: missing closing ): `(unclosed`"
    )


@pytest.mark.parametrize(
    ("tags", "exclusions", "excluded"),
    [
        pytest.param(["1.0", "1.0.sig", "1.0.sig"], None, 1, id="each-once"),
        pytest.param(["1.0", "2.0"], ["^3"], 0, id="none"),
        pytest.param(["1.0", "2.0"], ["."], 2, id="all"),
    ],
)
def test_dropped_tags_are_counted(tags: list[str], exclusions: list[str] | None, excluded: int) -> None:
    assert build_tag_set(tags, exclusions).excluded_count == excluded


def test_tags_that_were_dropped_while_the_list_was_read_are_counted_as_well() -> None:
    exclusion = Exclusion(effective_exclusions(None))
    assert exclusion.keep(["1.0", "1.0.sig", "2.0"], regexp.Budget()) == ["1.0", "2.0"]
    assert arrange({"1.0", "2.0"}, excluded_count=1) == build_tag_set(["2.0", "1.0", "1.0.sig"], None)


def test_latest_are_the_first_ten() -> None:
    assert build_tag_set(map(str, range(12)), None).latest == ("9", "8", "7", "6", "5", "4", "3", "2", "11", "10")


@given(TAGS, st.randoms(use_true_random=False))
def test_order_and_repetition_of_the_registry_do_not_matter(tags: list[str], rng: random.Random) -> None:
    shuffled = [*tags, *tags[:3]]
    rng.shuffle(shuffled)
    assert build_tag_set(shuffled, ["x"]) == build_tag_set(tags, ["x"])


@given(TAGS)
def test_tags_are_sorted_by_their_bytes(tags: list[str]) -> None:
    stored = [tag.encode() for tag in build_tag_set(tags, ["^$"]).tags]
    assert stored == sorted({tag.encode() for tag in tags}, reverse=True)


def test_patterns_that_take_too_long_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_CPU_SECONDS", -1.0)
    with pytest.raises(BadExclusionPattern, match=r"the patterns of spec\.exclusionList: it took more than"):
        build_tag_set(["1.0.0"], ["(.?)" * 200])


ANY_TAGS = st.lists(
    st.text(st.characters(), max_size=6) | st.sampled_from(["a.sig", "b\n.sig", "é.sig", "x-dev", "\x7f"])
)


@settings(deadline=None)
@given(ANY_TAGS)
def test_the_short_way_to_the_revision_leads_to_the_same(tags: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "_encode_plain", lambda _: b"")
        long_way = compute_revision(tags)
    assert compute_revision(tags) == long_way


@settings(deadline=None)
@given(ANY_TAGS, st.lists(st.sampled_from([r"^.*\.sig$", "^.*-dev$", "^.*a$"]), min_size=1, max_size=2))
def test_patterns_that_ask_for_endings_keep_the_same_tags_without_the_engine(
    tags: list[str], patterns: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regexp, "drop_by_endings", lambda *_: None)
        by_engine = build_tag_set(tags, patterns)
    assert build_tag_set(tags, patterns) == by_engine


@pytest.mark.parametrize("patterns", [None, ["^.*-dev$", r"^.*\.sig$"]])
def test_usual_exclusions_ask_the_engine_for_no_tag(
    monkeypatch: pytest.MonkeyPatch, patterns: list[str] | None
) -> None:
    def refuse(_: tuple[str, ...]) -> None:
        raise AssertionError("asked for each tag")

    monkeypatch.setattr(scan, "_matcher", refuse)
    assert build_tag_set(["1.0", "2.0.sig"], patterns).tags == ("1.0",)


def test_a_list_in_order_is_sorted_by_a_comparison_a_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted(str):
        __slots__ = ()
        comparisons = 0

        def __lt__(self, other: str) -> bool:
            Counted.comparisons += 1
            return str.__lt__(self, other)

        __hash__ = str.__hash__

    monkeypatch.setattr(scan, "compute_revision", lambda _: "")  # its encoder takes no other type
    tags = [Counted(f"1.0.{number:04}") for number in range(2_000)]
    kept = build_tag_set(tags, ["^no$"]).tags
    assert list(kept) == sorted(tags, reverse=True)
    Counted.comparisons = 0
    build_tag_set(tags, ["^no$"])
    assert Counted.comparisons < 3 * len(tags)


def test_a_list_that_repeats_no_tag_is_stored_without_a_set_of_its_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unhashable(str):
        __slots__ = ()
        __hash__ = None  # type: ignore[assignment]

    monkeypatch.setattr(scan, "compute_revision", lambda _: "")  # its encoder takes no other type
    tags = [Unhashable(f"1.0.{number}") for number in range(20)]
    assert list(build_tag_set(tags, None).tags) == sorted(tags, reverse=True)
    repeated = build_tag_set(["2", "1", "2", "3.sig", "3.sig"], None)
    assert (repeated.tags, repeated.excluded_count) == (("2", "1"), 1)
