import asyncio
import logging
from datetime import timedelta
from random import Random

import pytest

from controllers.runtime.cache.conftest import Either, OverHttp
from controllers.runtime.cache.informer import (
    MAX_DELAY_SECONDS,
    MAX_UNREACHABLE_DELAY_SECONDS,
)
from controllers.runtime.key import Key
from controllers.runtime.kube import client as client_module
from testing.clock import TEST_TIMEOUT_SECONDS
from testing.informer import SILENCE, RecordingHandler
from testing.scripted_answers import fail, pass_through, reset_connection
from testing.thing import THINGS, Thing, ThingSpec, encode_thing


async def test_list_then_watch_fills_the_cache_and_calls_the_handlers(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a", size=1, colours=["red"]))
    await either.start()
    assert (either.recorded.lines, either.informer.is_stale()) == (["a:->1"], False)
    either.api.put(THINGS, encode_thing("a", size=2, colours=["blue"]))
    either.api.put(THINGS, encode_thing("b", size=3, colours=["blue"]))
    either.api.remove(THINGS, "ns", "a")
    await either.recorded.wait_for("a:2>-")
    assert either.recorded.lines == ["a:->1", "a:1>2", "b:->3", "a:2>-"]
    assert either.informer.get(Key("ns", "a")) is None
    assert [obj.metadata.name for obj in either.informer.by_index("colour", "blue")] == ["b"]
    assert either.informer.list("elsewhere") == []


async def test_all_pages_are_read_before_the_cache_is_synced(either: Either) -> None:
    for number in range(7):
        either.api.put(THINGS, encode_thing(f"t{number}"))
    either.informer = either.make(page_size=3)
    await either.start()
    assert (len(either.informer.list()), either.api.count("list"), either.informer.lists) == (7, 3, 1)


async def test_pages_that_turn_out_too_large_are_read_in_smaller_ones(
    harness: OverHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGE_BYTES", 4000)
    for number in range(20):
        harness.api.put(THINGS, encode_thing(f"t{number}", colours=["x" * 1000]))
    harness.informer = harness.make(page_size=32)
    await harness.start()
    limits = [seen.query["limit"] for seen in harness.api.requests if seen.verb == "list"]
    assert limits == ["32", "8", *["2"] * 10]
    assert len(harness.informer.list()) == 20


async def test_object_larger_than_a_page_is_an_error_like_any_other(
    harness: OverHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGE_BYTES", 500)
    harness.api.put(THINGS, encode_thing("a", colours=["x" * 1000]))
    harness.informer = harness.make(page_size=1)
    harness.start_unsynced()
    assert await harness.retry() <= 1
    assert not harness.informer.synced.is_set()


async def test_late_handler_is_called_for_what_is_there(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.start()
    late = RecordingHandler()
    either.informer.add_handler(late)
    assert late.lines == ["a:->1"]


async def test_objects_are_transformed_before_they_are_cached(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a", size=1))
    either.informer = either.make(
        transform=lambda obj: Thing(metadata=obj.metadata, spec=ThingSpec(size=obj.spec.size * 10))
    )
    await either.start()
    either.api.put(THINGS, encode_thing("b", size=2))
    await either.recorded.wait_for("b:->20")
    answer = await either.client.patch(THINGS, "ns", "a", {"spec": {"size": 3}}, into=Thing)
    either.informer.record_write(answer)
    assert either.sizes == {"a": 30, "b": 20}


async def test_ended_watch_is_resumed_at_once_where_it_was(either: Either) -> None:
    await either.start()
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.recorded.wait_for("a:->1")
    await either.clock.advance(60)
    position = either.api.version
    either.api.end_watches()
    await either.api.wait_for_opened(2)
    assert either.api.requests[-1].query["resourceVersion"] == position
    assert (either.informer.lists, either.recorded.lines) == (1, ["a:->1"])


async def test_watch_asks_for_bookmarks_and_a_random_time(harness: OverHttp) -> None:
    await harness.start()
    query = harness.api.requests[-1].query
    assert query["allowWatchBookmarks"] == "true"
    assert 300 <= int(query["timeoutSeconds"]) <= 600


async def test_dropped_watch_misses_nothing(either: Either) -> None:
    await either.start()
    either.api.drop_watches()
    await either.api.wait_for_watches(0)
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.next_watch()
    await either.recorded.wait_for("a:->1")
    assert either.informer.lists == 1


async def test_bookmark_moves_the_point_of_resumption(either: Either) -> None:
    await either.start()
    either.api.compact()
    either.api.bookmark()
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.recorded.wait_for("a:->1")
    either.api.drop_watches()
    await either.api.wait_for_watches(0)
    await either.next_watch()
    assert either.informer.lists == 1


@pytest.mark.parametrize("in_stream", [False, True], ids=["answer", "event"])
async def test_gone_lists_again_and_reports_the_difference(harness: OverHttp, *, in_stream: bool) -> None:
    for name in ("changed", "gone", "same"):
        harness.api.put(THINGS, encode_thing(name, size=1))
    await harness.start()
    harness.recorded.lines.clear()
    harness.api.silent = True
    harness.api.put(THINGS, encode_thing("changed", size=2))
    harness.api.remove(THINGS, "ns", "gone")
    harness.api.put(THINGS, encode_thing("new", size=3))
    harness.api.compact()
    if in_stream:
        harness.api.error_watches(410, "Expired")
    else:
        harness.api.drop_watches()
    await harness.api.wait_for_watches(0)
    harness.api.silent = False
    if not in_stream:  # the resumption is refused with 410, which is a failure of its own
        await harness.retry()
    await harness.next_watch()
    assert harness.recorded.lines == ["gone:1>-", "changed:1>2", "new:->3"]
    assert harness.informer.lists == 2


async def test_object_recreated_while_disconnected_is_deleted_and_added(
    harness: OverHttp,
) -> None:
    harness.api.put(THINGS, encode_thing("a", size=1))
    await harness.start()
    harness.api.silent = True
    harness.api.remove(THINGS, "ns", "a")
    harness.api.put(THINGS, encode_thing("a", size=2))
    harness.api.compact()
    harness.api.error_watches(410, "Expired")
    await harness.api.wait_for_watches(0)
    harness.api.silent = False
    await harness.next_watch()
    assert harness.recorded.lines == ["a:->1", "a:1>-", "a:->2"]


async def test_silent_watch_is_reopened_and_then_listed(harness: OverHttp) -> None:
    await harness.start()
    harness.api.silent = True
    harness.api.put(THINGS, encode_thing("a", size=1))
    await harness.clock.advance(SILENCE - 1)
    assert harness.api.count("watch") == 1
    await harness.clock.advance(1)
    await harness.api.wait_for_opened(2)
    assert (harness.api.count("watch"), harness.informer.lists, harness.recorded.lines) == (2, 1, [])
    await harness.clock.advance(SILENCE)
    await harness.recorded.wait_for("a:->1")
    assert (harness.informer.lists, harness.informer.is_stale()) == (2, False)


async def test_bookmarks_keep_an_idle_watch_alive(harness: OverHttp) -> None:
    await harness.start()
    for _ in range(5):
        await harness.clock.advance(SILENCE - 1)
        before = harness.informer._confirmed_at
        harness.api.bookmark()
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while harness.informer._confirmed_at == before:  # noqa: ASYNC110 -- bookmarks tell nobody
                await asyncio.sleep(0)
    assert (harness.api.count("watch"), harness.informer.is_stale()) == (1, False)


async def test_unreachable_server_is_asked_every_few_seconds_and_the_cache_becomes_stale(
    harness: OverHttp,
) -> None:
    await harness.start()
    harness.api.script("watch", *[reset_connection] * 200)  # two an attempt: aiohttp repeats an idempotent request once
    harness.api.drop_watches()
    await harness.api.wait_for_watches(0)
    delays = [await harness.retry() for _ in range(90)]
    assert [0.5 * 2**n <= delay <= 2**n for n, delay in enumerate(delays[:3])] == [True] * 3
    longest = MAX_UNREACHABLE_DELAY_SECONDS
    assert all(longest / 2 <= delay <= longest for delay in delays[4:]), "it is seen within seconds that it is back"
    assert harness.informer.lists == 1  # an outage is no reason to list
    assert harness.clock.monotonic() > SILENCE * 2.5
    assert harness.informer.is_stale()
    assert harness.informer.staleness_seconds > SILENCE * 2.5


async def test_server_that_refuses_is_asked_ever_less(harness: OverHttp) -> None:
    await harness.start()
    harness.api.script("list", *[fail(403, "Forbidden")] * 100)
    harness.api.script("watch", *[fail(403, "Forbidden")] * 100)
    harness.api.drop_watches()
    await harness.api.wait_for_watches(0)
    delays = [await harness.retry() for _ in range(12)]
    assert all(MAX_DELAY_SECONDS / 2 <= delay <= MAX_DELAY_SECONDS for delay in delays[7:])


async def test_recovered_watch_forgets_earlier_failures(harness: OverHttp) -> None:
    await harness.start()
    harness.api.script("watch", *[reset_connection] * 6, pass_through)
    harness.api.drop_watches()
    await harness.api.wait_for_watches(0)
    for _ in range(3):
        await harness.retry()
    await harness.next_watch()
    harness.api.put(THINGS, encode_thing("a", size=1))
    await harness.recorded.wait_for("a:->1")
    harness.api.drop_watches()
    await harness.api.wait_for_watches(0)
    assert await harness.retry() <= 1


async def test_server_that_asks_for_time_gets_it(harness: OverHttp) -> None:
    await harness.start()
    harness.api.script("watch", fail(429, "TooManyRequests", Retry_After="20"))
    harness.api.drop_watches()
    await harness.api.wait_for_watches(0)
    await harness.retry()
    assert await harness.retry() == 20


async def test_version_refused_without_410_is_listed_anew_after_some_failures(
    harness: OverHttp,
) -> None:
    await harness.start()
    harness.api.script("watch", *[fail(504, "Timeout", message="Too large resource version")] * 2)
    harness.api.drop_watches()
    await harness.api.wait_for_watches(0)
    for _ in range(2):
        await harness.retry()
    await harness.next_watch()
    assert harness.informer.lists == 2


async def test_watch_that_ends_at_once_is_not_reopened_in_a_busy_loop(either: Either) -> None:
    await either.start()
    either.api.end_watches()
    await either.api.wait_for_watches(0)
    assert 0.5 <= await either.retry() <= 1


async def test_first_list_is_tried_until_it_works(harness: OverHttp) -> None:
    harness.api.put(THINGS, encode_thing("a", size=1))
    harness.api.script("list", fail(403, "Forbidden"), fail(500))
    harness.start_unsynced()
    for _ in range(2):
        assert harness.informer.is_stale()
        await harness.retry()
    await harness.synced()
    assert harness.sizes == {"a": 1}


async def test_list_whose_continue_token_expires_begins_again(harness: OverHttp) -> None:
    for name in ("a", "b"):
        harness.api.put(THINGS, encode_thing(name))
    harness.informer = harness.make(page_size=1)
    harness.api.script("list", pass_through, fail(410, "Expired"))
    harness.start_unsynced()
    await harness.retry()
    await harness.synced()
    assert set(harness.sizes) == {"a", "b"}


async def test_own_write_is_read_at_once_and_reported_once(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.start()
    either.informer.record_write(await either.client.patch(THINGS, "ns", "a", {"spec": {"size": 2}}, into=Thing))
    assert either.sizes == {"a": 2}
    either.api.put(THINGS, encode_thing("b"))
    await either.recorded.wait_for("b:->0")
    assert either.recorded.lines == ["a:->1", "a:1>2", "b:->0"]


async def test_faulty_handler_harms_nobody_else(either: Either, caplog: pytest.LogCaptureFixture) -> None:
    def faulty(_old: Thing | None, _new: Thing | None) -> None:
        raise ValueError("handler bug")

    either.informer = either.make()
    either.informer._handlers.insert(0, faulty)
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.start()
    either.api.put(THINGS, encode_thing("a", size=2))
    await either.recorded.wait_for("a:1>2")
    assert either.informer.handler_errors == 2
    assert [record.message for record in caplog.records] == ["handler of a watched object failed"] * 2


async def test_unreadable_object_is_absent_and_reported_until_it_can_be_read(
    either: Either, caplog: pytest.LogCaptureFixture
) -> None:
    either.api.put(THINGS, encode_thing("odd-from-the-start", size="xl"))
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.start()
    either.api.put(THINGS, encode_thing("a", size="xl"))
    await either.recorded.wait_for("a:1>-")
    either.api.put(THINGS, encode_thing("a", size=3))
    await either.recorded.wait_for("a:->3")
    assert either.informer.unreadable_objects == 2
    messages = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert messages == ["object cannot be read and is ignored"] * 2


async def test_storm_of_changes_and_faults_ends_in_the_servers_state(either: Either) -> None:
    rng = Random(7)  # noqa: S311
    await either.start()
    faults = (
        either.api.drop_watches,
        either.api.end_watches,
        either.api.compact,
        lambda: either.api.error_watches(500),
    )
    for step in range(300):
        name = f"t{rng.randrange(20)}"
        if rng.random() < 0.3 and either.api.get(THINGS, "ns", name):
            either.api.remove(THINGS, "ns", name)
        else:
            either.api.put(THINGS, encode_thing(name, size=step))
        if rng.random() < 0.1:
            rng.choice(faults)()
        if rng.random() < 0.3:
            await either.clock.advance(5)
    either.api.put(THINGS, encode_thing("last", size=-1))
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        while "last" not in either.sizes:
            await either.clock.advance(5)
    stored = {name: either.api.get(THINGS, "ns", name) for name in [*(f"t{n}" for n in range(20)), "last"]}
    assert either.sizes == {name: obj["spec"]["size"] for name, obj in stored.items() if obj}


async def test_liveness_is_the_callers_choice(harness: OverHttp) -> None:
    harness.informer = harness.make(silence_timeout=timedelta(seconds=10))
    await harness.start()
    await harness.clock.advance(10)
    await harness.api.wait_for_opened(2)
    assert harness.api.count("watch") == 2
