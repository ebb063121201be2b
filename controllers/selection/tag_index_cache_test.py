"""Tags are read once a revision, shared by all policies, and dropped when there are too many."""

import asyncio
import gc
import threading
import weakref

import pytest

from controllers.policy import Semver, TagIndex
from controllers.policy.reasons import EXCLUDED
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import Forbidden
from controllers.selection import tag_index_cache
from controllers.selection.tag_index_cache import TagIndexCache
from controllers.taglist.codec import TagList
from controllers.taglist.reader import TagListNotFound
from controllers.taglist.scan import INLINE_TAGS
from testing.costs import measured
from testing.tag_lists import FakeTagListReader

A, B, C = (Key("apps", name) for name in "abc")


async def test_revision_is_read_once_whoever_asks() -> None:
    lists = FakeTagListReader()
    revision = lists.put(A, "1.0", "2.0")
    tags = TagIndexCache(lists)
    found = await asyncio.gather(*(tags.index(A, revision) for _ in range(5)))
    assert lists.reads == [(A, revision)]
    assert {id(index) for index in found} == {id(found[0])}
    assert found[0].tags == ("2.0", "1.0")


async def test_new_revision_is_read() -> None:
    lists = FakeTagListReader()
    tags = TagIndexCache(lists)
    before = await tags.index(A, lists.put(A, "1.0"))
    after = await tags.index(A, lists.put(A, "1.0", "2.0"))
    assert (before.tags, after.tags) == (("1.0",), ("2.0", "1.0"))


async def test_newer_list_than_was_asked_for_is_cached_under_its_own_revision() -> None:
    lists = FakeTagListReader()
    old, new = lists.put(A, "1.0"), lists.put(A, "2.0")
    tags = TagIndexCache(lists)
    await tags.index(A, old)
    assert (await tags.index(A, new)).tags == ("2.0",)
    assert lists.reads == [(A, old)]


@pytest.mark.parametrize("count", [1, INLINE_TAGS + 1], ids=["short", "long"])
async def test_number_of_dropped_tags_is_in_every_list(count: int) -> None:
    lists = FakeTagListReader()
    revision = lists.put(A, "1.0.0.sig", *(f"1.0.{number}" for number in range(count)))
    index = await TagIndexCache(lists).index(A, revision)
    assert index.choose(Semver("*")).tally.counts[EXCLUDED] == 1


async def test_long_list_is_indexed_too() -> None:
    lists = FakeTagListReader()
    revision = lists.put(A, *(f"1.0.{number}" for number in range(INLINE_TAGS + 1)))
    assert len((await TagIndexCache(lists).index(A, revision)).tags) == INLINE_TAGS + 1


async def test_a_short_list_after_a_long_one_is_not_compared_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lists, built_by = FakeTagListReader(), list[threading.Thread]()
    build = tag_index_cache.build_index

    def watched(stored: TagList, previous: TagIndex | None = None) -> TagIndex:
        built_by.append(threading.current_thread())
        return build(stored, previous)

    monkeypatch.setattr(tag_index_cache, "build_index", watched)
    tags = TagIndexCache(lists)
    for count in (1, INLINE_TAGS + 1, 2, 3):
        await tags.index(A, lists.put(A, *(f"1.0.{number}" for number in range(count))))
    assert [thread is threading.main_thread() for thread in built_by] == [True, False, False, True]


async def test_least_recently_used_goes_first_when_there_are_too_many_tags() -> None:
    lists = FakeTagListReader()
    revisions = {key: lists.put(key, "1.0", "2.0") for key in (A, B, C)}
    tags = TagIndexCache(lists, max_tags=4)
    for key in (A, B, A, C):
        await tags.index(key, revisions[key])
    lists.reads.clear()
    for key in (A, C, B):
        await tags.index(key, revisions[key])
    assert [key for key, _ in lists.reads] == [B]


async def test_list_that_grows_over_the_bound_stays_and_others_go() -> None:
    lists = FakeTagListReader()
    small = {key: lists.put(key, "1.0") for key in (A, B)}
    tags = TagIndexCache(lists, max_tags=4)
    for key in (A, B):
        await tags.index(key, small[key])
    grown = lists.put(A, "1.0", "2.0", "3.0", "4.0")
    assert len((await tags.index(A, grown)).tags) == 4
    lists.reads.clear()
    await tags.index(A, grown)
    await tags.index(B, small[B])
    assert [key for key, _ in lists.reads] == [B]


async def test_single_list_over_the_bound_is_kept() -> None:
    lists = FakeTagListReader()
    revision = lists.put(A, "1.0", "2.0", "3.0")
    tags = TagIndexCache(lists, max_tags=1)
    await tags.index(A, revision)
    await tags.index(A, revision)
    assert len(lists.reads) == 1


async def test_forgotten_list_is_read_anew() -> None:
    lists = FakeTagListReader()
    revision = lists.put(A, "1.0")
    tags = TagIndexCache(lists)
    await tags.index(A, revision)
    tags.forget(A)
    tags.forget(B)
    await tags.index(A, revision)
    assert len(lists.reads) == 2


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(None, id="not-stored"),
        pytest.param(Forbidden("get imagetaglists apps/a-tags-0", "no", status=403), id="refused"),
    ],
)
async def test_failed_read_is_reported_and_tried_again_by_the_next(failure: Forbidden | None) -> None:
    lists = FakeTagListReader()
    lists.failure = failure
    tags = TagIndexCache(lists)
    with pytest.raises(type(failure) if failure else TagListNotFound):
        await tags.index(A, "1")
    lists.failure = None
    assert (await tags.index(A, lists.put(A, "1.0"))).tags == ("1.0",)


async def test_hundred_thousand_tags_cost_little_from_the_second_revision_on() -> None:
    """One fetch a revision for all policies, next to nothing a policy, and nothing stays of revisions that passed."""
    lists, tags = FakeTagListReader(), [f"1.{number // 1000}.{number % 1000}" for number in range(100_000)]
    cache = TagIndexCache(lists)
    passed: list[weakref.ref[TagIndex]] = []

    async def choose(revision: str) -> tuple[str, float]:
        with measured() as spent:
            for number in range(50):
                index = await cache.index(A, revision)
                chosen = index.choose(Semver(f">=1.{number}.0")).tag
        passed.append(weakref.ref(index))
        return chosen, spent()

    chosen, first = await choose(lists.put(A, *tags))
    assert chosen == "1.99.999"
    for patch in range(3):
        chosen, later = await choose(lists.put(A, *tags, f"1.100.{patch}"))
        assert chosen == f"1.100.{patch}"
        assert later < first / 2
    assert len(lists.reads) == 4
    gc.collect()
    assert [index() is not None for index in passed] == [False, False, False, True]


class CountedTags(tuple[str, ...]):
    """Tags that count how often somebody asks how many they are."""

    asked = 0

    def __len__(self) -> int:
        CountedTags.asked += 1
        return super().__len__()


async def test_a_choice_looks_at_the_size_of_no_other_list(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = FakeTagListReader()
    tags = TagIndexCache(lists)
    build = tag_index_cache.build_index

    def counted(stored: TagList, previous: TagIndex | None = None) -> TagIndex:
        index = build(stored, previous)
        index.tags = CountedTags(index.tags)  # type: ignore[misc]  # to be counted
        return index

    monkeypatch.setattr(tag_index_cache, "build_index", counted)
    keys = [Key("apps", f"app-{number}") for number in range(200)]
    revisions = {key: lists.put(key, "1.0") for key in keys}
    for key in keys:
        await tags.index(key, revisions[key])
    CountedTags.asked = 0
    for key in keys:
        await tags.index(key, revisions[key])
    assert CountedTags.asked <= len(keys)


async def test_what_is_replaced_or_forgotten_makes_room() -> None:
    lists = FakeTagListReader()
    tags = TagIndexCache(lists, max_tags=4)
    revision_b = lists.put(B, "1.0")
    await tags.index(B, revision_b)
    for patch in range(5):
        await tags.index(A, lists.put(A, f"1.{patch}", f"2.{patch}", f"3.{patch}"))
    tags.forget(A)
    await tags.index(C, lists.put(C, "1.0", "2.0", "3.0"))
    read = len(lists.reads)
    await tags.index(B, revision_b)
    assert len(lists.reads) == read


async def test_short_lists_are_few_and_push_out_no_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tag_index_cache, "MAX_SHORT_LISTS", 2)
    lists = FakeTagListReader()
    tags = TagIndexCache(lists)
    long = Key("apps", "long")
    revisions = {long: lists.put(long, *(f"1.0.{number}" for number in range(INLINE_TAGS + 1)))}
    revisions |= {key: lists.put(key, "1.0") for key in (A, B, C)}
    for key in (long, A, B, A, C):
        await tags.index(key, revisions[key])
    lists.reads.clear()
    for key in (long, A, C):
        await tags.index(key, revisions[key])
    assert lists.reads == []
    await tags.index(B, revisions[B])
    assert lists.reads == [(B, revisions[B])]
