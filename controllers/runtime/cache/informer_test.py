import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

import pytest
import pytest_asyncio

from controllers.runtime.cache.informer import MAX_DELAY_SECONDS
from controllers.runtime.key import Key
from controllers.runtime.kube import client as client_module
from testing.apiserver import ScriptedServer
from testing.apiserver_answers import as_usual, cut, fail
from testing.clock import PATIENCE_SECONDS
from testing.informer import SILENCE, THINGS, Spec, Thing, Told, World, thing


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with ScriptedServer() as api:
        world = World(api)
        yield world
        await world.stop()


async def test_list_then_watch_fills_the_cache_and_tells_the_handlers(world: World) -> None:
    world.api.put(THINGS, thing("a", size=1, colour="red"))
    await world.start()
    assert (world.told.lines, world.informer.stale()) == (["a:->1"], False)
    world.api.put(THINGS, thing("a", size=2, colour="blue"))
    world.api.put(THINGS, thing("b", size=3, colour="blue"))
    world.api.remove(THINGS, "ns", "a")
    await world.told.wait_for("a:2>-")
    assert world.told.lines == ["a:->1", "a:1>2", "b:->3", "a:2>-"]
    assert world.informer.get(Key("ns", "a")) is None
    assert [obj.metadata.name for obj in world.informer.by_index("colour", "blue")] == ["b"]
    assert world.informer.list("elsewhere") == []


async def test_all_pages_are_read_before_the_cache_is_synced(world: World) -> None:
    for number in range(7):
        world.api.put(THINGS, thing(f"t{number}"))
    world.informer = world.make(page_size=3)
    await world.start()
    assert (len(world.informer.list()), world.api.count("list"), world.informer.lists) == (7, 3, 1)


async def test_pages_that_turn_out_too_large_are_read_in_smaller_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGE_BYTES", 4000)
    for number in range(20):
        world.api.put(THINGS, thing(f"t{number}", colour="x" * 1000))
    world.informer = world.make(page_size=32)
    await world.start()
    limits = [seen.query["limit"] for seen in world.api.requests if seen.verb == "list"]
    assert limits == ["32", "8", *["2"] * 10]
    assert len(world.informer.list()) == 20


async def test_object_larger_than_a_page_is_an_error_like_any_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGE_BYTES", 500)
    world.api.put(THINGS, thing("a", colour="x" * 1000))
    world.informer = world.make(page_size=1)
    world.start_unsynced()
    assert await world.retry() <= 1
    assert not world.informer.synced.is_set()


async def test_late_handler_is_told_what_is_there(world: World) -> None:
    world.api.put(THINGS, thing("a", size=1))
    await world.start()
    late = Told()
    world.informer.add_handler(late)
    assert late.lines == ["a:->1"]


async def test_objects_are_transformed_before_they_are_cached(world: World) -> None:
    world.api.put(THINGS, thing("a", size=1))
    world.informer = world.make(transform=lambda obj: Thing(obj.metadata, Spec(size=obj.spec.size * 10)))
    await world.start()
    world.api.put(THINGS, thing("b", size=2))
    await world.told.wait_for("b:->20")
    answer = await world.client.patch(THINGS, "ns", "a", {"spec": {"size": 3}}, into=Thing)
    world.informer.remember(answer)
    assert world.sizes == {"a": 30, "b": 20}


async def test_ended_watch_is_resumed_at_once_where_it_was(world: World) -> None:
    await world.start()
    world.api.put(THINGS, thing("a", size=1))
    await world.told.wait_for("a:->1")
    await world.clock.advance(60)
    position = world.api.version
    world.api.end_watches()
    await world.api.wait_for_opened(2)
    assert world.api.requests[-1].query["resourceVersion"] == position
    assert (world.informer.lists, world.told.lines) == (1, ["a:->1"])


async def test_watch_asks_for_bookmarks_and_a_random_time(world: World) -> None:
    await world.start()
    query = world.api.requests[-1].query
    assert query["allowWatchBookmarks"] == "true"
    assert 300 <= int(query["timeoutSeconds"]) <= 600


async def test_dropped_watch_misses_nothing(world: World) -> None:
    await world.start()
    world.api.drop_watches()
    await world.api.wait_for_watches(0)
    world.api.put(THINGS, thing("a", size=1))
    await world.next_watch()
    await world.told.wait_for("a:->1")
    assert world.informer.lists == 1


async def test_bookmark_moves_the_point_of_resumption(world: World) -> None:
    await world.start()
    world.api.compact()
    world.api.bookmark()
    world.api.put(THINGS, thing("a", size=1))
    await world.told.wait_for("a:->1")
    world.api.drop_watches()
    await world.api.wait_for_watches(0)
    await world.next_watch()
    assert world.informer.lists == 1


@pytest.mark.parametrize("in_stream", [False, True], ids=["answer", "event"])
async def test_gone_lists_again_and_tells_the_difference(world: World, *, in_stream: bool) -> None:
    for name in ("changed", "gone", "same"):
        world.api.put(THINGS, thing(name, size=1))
    await world.start()
    world.told.lines.clear()
    world.api.silent = True
    world.api.put(THINGS, thing("changed", size=2))
    world.api.remove(THINGS, "ns", "gone")
    world.api.put(THINGS, thing("new", size=3))
    world.api.compact()
    if in_stream:
        world.api.error_watches(410, "Expired")
    else:
        world.api.drop_watches()
    await world.api.wait_for_watches(0)
    world.api.silent = False
    if not in_stream:  # the resumption is refused with 410, which is a failure of its own
        await world.retry()
    await world.next_watch()
    assert world.told.lines == ["gone:1>-", "changed:1>2", "new:->3"]
    assert world.informer.lists == 2


async def test_object_recreated_while_disconnected_is_deleted_and_added(world: World) -> None:
    world.api.put(THINGS, thing("a", size=1))
    await world.start()
    world.api.silent = True
    world.api.remove(THINGS, "ns", "a")
    world.api.put(THINGS, thing("a", size=2))
    world.api.compact()
    world.api.error_watches(410, "Expired")
    await world.api.wait_for_watches(0)
    world.api.silent = False
    await world.next_watch()
    assert world.told.lines == ["a:->1", "a:1>-", "a:->2"]


async def test_silent_watch_is_reopened_and_then_listed(world: World) -> None:
    await world.start()
    world.api.silent = True
    world.api.put(THINGS, thing("a", size=1))
    await world.clock.advance(SILENCE - 1)
    assert world.api.count("watch") == 1
    await world.clock.advance(1)
    await world.api.wait_for_opened(2)
    assert (world.api.count("watch"), world.informer.lists, world.told.lines) == (2, 1, [])
    await world.clock.advance(SILENCE)
    await world.told.wait_for("a:->1")
    assert (world.informer.lists, world.informer.stale()) == (2, False)


async def test_bookmarks_keep_a_quiet_watch_alive(world: World) -> None:
    await world.start()
    for _ in range(5):
        await world.clock.advance(SILENCE - 1)
        before = world.informer._confirmed
        world.api.bookmark()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while world.informer._confirmed == before:  # noqa: ASYNC110 -- bookmarks tell nobody
                await asyncio.sleep(0)
    assert (world.api.count("watch"), world.informer.stale()) == (1, False)


async def test_unreachable_server_is_asked_ever_less_and_the_cache_becomes_stale(world: World) -> None:
    await world.start()
    world.api.script("watch", *[cut] * 100)  # two an attempt: aiohttp repeats an idempotent request once
    world.api.drop_watches()
    await world.api.wait_for_watches(0)
    delays = [await world.retry() for _ in range(20)]
    assert [0.5 * 2**n <= delay <= 2**n for n, delay in enumerate(delays[:5])] == [True] * 5
    assert all(MAX_DELAY_SECONDS / 2 <= delay <= MAX_DELAY_SECONDS for delay in delays[6:])
    assert world.informer.lists == 1  # an outage is no reason to list
    assert world.clock.monotonic() > SILENCE * 2.5
    assert world.informer.stale()


async def test_recovered_watch_forgets_earlier_failures(world: World) -> None:
    await world.start()
    world.api.script("watch", *[cut] * 6, as_usual)
    world.api.drop_watches()
    await world.api.wait_for_watches(0)
    for _ in range(3):
        await world.retry()
    await world.next_watch()
    world.api.put(THINGS, thing("a", size=1))
    await world.told.wait_for("a:->1")
    world.api.drop_watches()
    await world.api.wait_for_watches(0)
    assert await world.retry() <= 1


async def test_server_that_asks_for_time_gets_it(world: World) -> None:
    await world.start()
    world.api.script("watch", fail(429, "TooManyRequests", Retry_After="20"))
    world.api.drop_watches()
    await world.api.wait_for_watches(0)
    await world.retry()
    assert await world.retry() == 20


async def test_version_refused_without_410_is_listed_anew_after_some_failures(world: World) -> None:
    await world.start()
    world.api.script("watch", *[fail(504, "Timeout", message="Too large resource version")] * 2)
    world.api.drop_watches()
    await world.api.wait_for_watches(0)
    for _ in range(2):
        await world.retry()
    await world.next_watch()
    assert world.informer.lists == 2


async def test_watch_that_ends_at_once_is_not_reopened_in_a_busy_loop(world: World) -> None:
    await world.start()
    world.api.end_watches()
    await world.api.wait_for_watches(0)
    assert 0.5 <= await world.retry() <= 1


async def test_first_list_is_tried_until_it_works(world: World) -> None:
    world.api.put(THINGS, thing("a", size=1))
    world.api.script("list", fail(403, "Forbidden"), fail(500))
    world.start_unsynced()
    for _ in range(2):
        assert world.informer.stale()
        await world.retry()
    await world.synced()
    assert world.sizes == {"a": 1}


async def test_list_whose_continue_token_expires_begins_again(world: World) -> None:
    for name in ("a", "b"):
        world.api.put(THINGS, thing(name))
    world.informer = world.make(page_size=1)
    world.api.script("list", as_usual, fail(410, "Expired"))
    world.start_unsynced()
    await world.retry()
    await world.synced()
    assert set(world.sizes) == {"a", "b"}


async def test_own_write_is_read_at_once_and_told_once(world: World) -> None:
    world.api.put(THINGS, thing("a", size=1))
    await world.start()
    world.informer.remember(await world.client.patch(THINGS, "ns", "a", {"spec": {"size": 2}}, into=Thing))
    assert world.sizes == {"a": 2}
    world.api.put(THINGS, thing("b"))
    await world.told.wait_for("b:->0")
    assert world.told.lines == ["a:->1", "a:1>2", "b:->0"]


async def test_faulty_handler_harms_nobody_else(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def faulty(_old: Thing | None, _new: Thing | None) -> None:
        raise ValueError("handler bug")

    world.informer = world.make()
    world.informer._handlers.insert(0, faulty)
    world.api.put(THINGS, thing("a", size=1))
    await world.start()
    world.api.put(THINGS, thing("a", size=2))
    await world.told.wait_for("a:1>2")
    assert world.informer.handler_errors == 2
    assert [record.message for record in caplog.records] == ["handler of a watched object failed"] * 2


async def test_unreadable_object_is_absent_and_reported_until_it_can_be_read(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.api.put(THINGS, thing("odd-from-the-start", size="xl"))
    world.api.put(THINGS, thing("a", size=1))
    await world.start()
    world.api.put(THINGS, thing("a", size="xl"))
    await world.told.wait_for("a:1>-")
    world.api.put(THINGS, thing("a", size=3))
    await world.told.wait_for("a:->3")
    assert world.informer.unreadable_objects == 2
    messages = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert messages == ["object cannot be read and is ignored"] * 2


async def test_storm_of_changes_and_faults_ends_in_the_servers_state(world: World) -> None:
    rng = Random(7)  # noqa: S311
    await world.start()
    faults = (world.api.drop_watches, world.api.end_watches, world.api.compact, lambda: world.api.error_watches(500))
    for step in range(300):
        name = f"t{rng.randrange(20)}"
        if rng.random() < 0.3 and world.api.get(THINGS, "ns", name):
            world.api.remove(THINGS, "ns", name)
        else:
            world.api.put(THINGS, thing(name, size=step))
        if rng.random() < 0.1:
            rng.choice(faults)()
        if rng.random() < 0.3:
            await world.clock.advance(5)
    world.api.put(THINGS, thing("last", size=-1))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "last" not in world.sizes:
            await world.clock.advance(5)
    stored = {name: world.api.get(THINGS, "ns", name) for name in [*(f"t{n}" for n in range(20)), "last"]}
    assert world.sizes == {name: obj["spec"]["size"] for name, obj in stored.items() if obj}


async def test_liveness_is_the_callers_choice(world: World) -> None:
    world.informer = world.make(liveness=timedelta(seconds=10))
    await world.start()
    await world.clock.advance(10)
    await world.api.wait_for_opened(2)
    assert world.api.count("watch") == 2
