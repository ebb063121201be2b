from dataclasses import dataclass

from controllers.faircache import FairCache


def test_owners_do_not_see_each_other() -> None:
    cache: FairCache[str, int] = FairCache(10)
    cache.put("a", "key", 1)
    assert (cache.get("a", "key"), cache.get("b", "key")) == (1, None)


def test_the_owner_with_the_most_entries_loses_one() -> None:
    cache: FairCache[int, int] = FairCache(10)
    cache.put("modest", 0, 0)
    for key in range(100):
        cache.put("greedy", key, key)
    assert cache.get("modest", 0) == 0
    assert [key for key in range(100) if cache.get("greedy", key) is not None] == list(range(91, 100))


def test_who_asks_for_more_than_others_have_pays_for_it() -> None:
    cache: FairCache[int, int] = FairCache(4)
    for key in range(2):
        cache.put("modest", key, key)
    for key in range(3):
        cache.put("greedy", key, key)
    assert [cache.get("modest", key) for key in range(2)] == [0, 1]
    assert cache.get("greedy", 0) is None


def test_among_owners_with_as_many_the_entry_that_was_not_used_for_longest_goes() -> None:
    cache: FairCache[str, int] = FairCache(3)
    assert [cache.put(owner, "key", number) for number, owner in enumerate("abc")] == [[], [], []]
    assert cache.get("a", "key") == 0
    assert cache.put("d", "key", 3) == [1]


def test_what_was_used_last_stays() -> None:
    cache: FairCache[str, int] = FairCache(2)
    cache.put("a", "old", 1)
    cache.put("a", "new", 2)
    assert cache.get("a", "old") == 1
    assert cache.put("a", "newest", 3) == [2]
    assert [cache.get("a", key) for key in ("old", "new", "newest")] == [1, None, 3]


def test_an_entry_that_is_replaced_counts_once() -> None:
    cache: FairCache[str, int] = FairCache(2)
    for value in range(5):
        cache.put("a", "key", value)
    cache.put("a", "other", 9)
    assert (cache.get("a", "key"), cache.get("a", "other")) == (4, 9)


@dataclass
class Used:
    by: int = 0


def test_what_is_in_use_stays_and_goes_when_it_is_not() -> None:
    cache: FairCache[str, Used] = FairCache(2, is_in_use=lambda value: value.by > 0)
    first, second, modest, new = Used(1), Used(1), Used(), Used()
    for key, value in (("first", first), ("second", second)):
        assert cache.put("greedy", key, value) == []
    assert cache.put("modest", "key", modest) == [], "what is put stays as well"
    assert cache.put("greedy", "new", new) == [modest]
    first.by = 0
    assert cache.put("greedy", "newest", Used()) == [first, new]
    assert cache.get("greedy", "second") is second


def test_all_can_be_taken_out() -> None:
    cache: FairCache[int, int] = FairCache(2)
    cache.put("a", 1, 1)
    cache.put("b", 2, 2)
    assert sorted(cache.pop_all()) == [1, 2]
    assert (cache.get("a", 1), cache.put("c", 3, 3), cache.pop_all()) == (None, [], [3])
