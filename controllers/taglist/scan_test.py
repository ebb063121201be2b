"""The list that a scan stores."""

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.golang import regexp
from controllers.golang.regexp import budget
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
