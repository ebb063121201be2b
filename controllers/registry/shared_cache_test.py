from controllers.registry.shared_cache import SharedCache


def test_owners_do_not_see_each_other() -> None:
    cache: SharedCache[str, int] = SharedCache(10)
    cache.put("a", "key", 1)
    assert (cache.get("a", "key"), cache.get("b", "key")) == (1, None)


def test_the_owner_with_the_most_entries_loses_one() -> None:
    cache: SharedCache[int, int] = SharedCache(10)
    cache.put("modest", 0, 0)
    for key in range(100):
        cache.put("greedy", key, key)
    assert cache.get("modest", 0) == 0
    assert [key for key in range(100) if cache.get("greedy", key) is not None] == list(range(91, 100))


def test_what_was_used_last_stays() -> None:
    cache: SharedCache[str, int] = SharedCache(2)
    cache.put("a", "old", 1)
    cache.put("a", "new", 2)
    assert cache.get("a", "old") == 1
    cache.put("a", "newest", 3)
    assert [cache.get("a", key) for key in ("old", "new", "newest")] == [1, None, 3]


def test_an_entry_that_is_replaced_counts_once() -> None:
    cache: SharedCache[str, int] = SharedCache(2)
    for value in range(5):
        cache.put("a", "key", value)
    cache.put("a", "other", 9)
    assert (cache.get("a", "key"), cache.get("a", "other")) == (4, 9)
