"""`controllers.runtime.cache.informer`: what is read on the server, since the cache lacks it or may be behind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from controllers.runtime.cache.conftest import Either, OverHttp
from controllers.runtime.cache.informer import (
    MAX_DELAY_SECONDS,
    MAX_LIST_DELAY_SECONDS,
    READ_SECONDS,
    Informer,
)
from controllers.runtime.key import Key
from controllers.runtime.kube import client as client_module
from controllers.runtime.kube.errors import ApiError
from testing.clock import TEST_TIMEOUT_SECONDS
from testing.informer import SILENCE, InformerHarness
from testing.scripted_answers import ScriptedAnswer, fail, raw
from testing.thing import THINGS, Thing, ThingSpec, encode_thing


async def test_what_the_watch_has_not_brought_yet_is_found_on_the_server(either: Either) -> None:
    either.api.put(THINGS, encode_thing("late", size=1))
    assert either.informer.get(Key("ns", "late")) is None
    found = await either.informer.find(Key("ns", "late"))
    assert found is not None
    assert found.spec.size == 1
    assert either.recorded.lines == []
    await either.start()
    assert either.recorded.lines == ["late:->1"]


async def test_the_server_is_asked_for_all_of_a_namespace_in_pages(either: Either) -> None:
    for number in range(7):
        either.api.put(THINGS, encode_thing(f"t{number}", size=number))
    either.informer = either.make(page_size=3)
    listed = await either.informer.list_now("ns", as_of=either.api.version)
    assert sorted(obj.spec.size for obj in listed) == list(range(7))
    assert await either.informer.list_now("elsewhere", as_of=either.api.version) == []
    assert either.informer.list() == []


async def test_pages_of_a_namespace_that_turn_out_too_large_are_read_in_smaller_ones(
    harness: OverHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGE_BYTES", 4000)
    for number in range(20):
        harness.api.put(THINGS, encode_thing(f"t{number}", colours=["x" * 1000]))
    harness.informer = harness.make(page_size=32)
    assert len(await harness.informer.list_now("ns", as_of=harness.api.version)) == 20


async def test_one_list_serves_all_that_it_is_new_enough_for(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a"))
    as_of = [str(int(either.api.version) - number % 7) for number in range(100)]
    listed = await asyncio.gather(*(either.informer.list_now("ns", as_of=version) for version in as_of))
    assert {obj.metadata.name for objects in listed for obj in objects} == {"a"}
    assert either.api.count("list") == 1
    either.api.put(THINGS, encode_thing("b"))
    assert len(await either.informer.list_now("ns", as_of=either.api.version)) == 2
    assert either.api.count("list") == 2


async def test_a_cache_that_is_new_enough_is_listed_without_a_request(either: Either) -> None:
    either.informer = either.make(namespace="ns")
    await either.start()
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.recorded.wait_for("a:->1")
    assert len(await either.informer.list_now("ns", as_of=either.api.version)) == 1
    assert await either.informer.list_now("elsewhere", as_of=str(int(either.api.version) + 1)) == []
    assert either.api.count("list") == 1, "that of the start"


async def test_a_list_from_before_a_restore_of_the_server_is_forgotten(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a", size=1))
    assert len(await either.informer.list_now("ns", as_of=either.api.version)) == 1
    await either.start()
    asked = either.api.count("list")
    await either.informer.list_now("ns", as_of=str(int(either.api.version) + 1))
    assert either.api.count("list") == asked + 1


async def list_one(informer: Informer[Thing]) -> Thing:
    (found,) = await informer.list_now("ns")
    return found


async def find_one(informer: Informer[Thing]) -> Thing:
    found = await informer.find(Key("ns", "brief"))
    assert found is not None
    return found


@pytest.mark.parametrize("show", [list_one, find_one])
async def test_the_end_of_what_only_a_request_has_shown_is_told(
    either: Either, show: Callable[[Informer[Thing]], Awaitable[Thing]]
) -> None:
    await either.start()
    for name in ("brief", "again"):  # it comes and goes while there is no watch, and a list follows
        either.api.error_watches(410, "Expired")
        await either.api.wait_for_watches(0)
        either.api.put(THINGS, encode_thing("brief", size=1))
        await show(either.informer)
        either.api.remove(THINGS, "ns", "brief")
        if name == "again":
            either.api.put(THINGS, encode_thing("brief", size=2))
        await either.next_watch()
    assert either.recorded.lines == ["brief:1>-", "brief:->2"]
    assert either.informer.lists == 3


async def lose_touch(either: InformerHarness[Any]) -> None:
    """Start with an object `a` of size 1, and break the watch."""
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.start()
    either.recorded.lines.clear()
    either.api.error_watches(410, "Expired")
    await either.waiting()


async def test_while_the_watch_is_broken_what_is_looked_up_is_read_on_the_server(either: Either) -> None:
    await lose_touch(either)
    either.api.put(THINGS, encode_thing("a", size=2))
    found = await either.informer.find(Key("ns", "a"))
    assert found is not None
    assert found.spec.size == 2
    assert either.sizes == {"a": 2}
    await either.next_watch()
    assert either.recorded.lines == ["a:1>2"]


async def test_while_the_watch_is_broken_what_is_gone_is_not_found(either: Either) -> None:
    await lose_touch(either)
    either.api.remove(THINGS, "ns", "a")
    assert await either.informer.find(Key("ns", "a")) is None
    assert either.recorded.lines == [], "the list says so, or the next watch"
    await either.next_watch()
    assert either.recorded.lines == ["a:1>-"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(fail(503), id="failure"),
        # Of a load balancer: nothing in it is a Status.
        pytest.param(raw(b"404 page not found\n", status=404, content_type="text/plain"), id="page not found"),
        pytest.param(raw(b'{"error": "no backend"}'), id="another object"),
        pytest.param(
            raw(b'{"metadata": {"name": "b", "namespace": "ns", "resourceVersion": "9999"}}'),
            id="an object of another name",
        ),
        pytest.param(raw(b"welcome"), id="no object"),
    ],
)
async def test_where_the_server_does_not_answer_what_the_cache_has_must_do(
    harness: OverHttp, answer: ScriptedAnswer
) -> None:
    await lose_touch(harness)
    harness.api.script("get", answer)
    assert (await find_a(harness)) is harness.informer.get(Key("ns", "a"))
    await harness.next_watch()
    assert harness.sizes == {"a": 1}
    assert harness.recorded.lines == []


async def find_a(harness: OverHttp) -> Thing:
    found = await harness.informer.find(Key("ns", "a"))
    assert found is not None
    return found


async def test_a_server_that_hangs_holds_nobody_up_for_long(harness: OverHttp) -> None:
    await lose_touch(harness)
    asked, gate = asyncio.Event(), asyncio.Event()

    async def hang(_: web.Request) -> None:
        asked.set()
        await gate.wait()

    harness.api.script("get", hang)
    looking = asyncio.create_task(find_a(harness))
    await asked.wait()
    await harness.clock.advance(READ_SECONDS)
    assert await looking == harness.informer.get(Key("ns", "a"))
    gate.set()


@pytest.mark.parametrize("how", ["list", "event", "bookmark"])
async def test_nobody_asks_any_more_once_the_server_has_had_its_word(harness: OverHttp, how: str) -> None:
    harness.api.put(THINGS, encode_thing("a", size=1))
    await harness.start()
    if how == "list":
        harness.api.error_watches(410, "Expired")
    else:
        harness.api.drop_watches()
    await harness.waiting()
    await harness.next_watch()
    if how != "list":
        assert harness.informer.is_behind, "that it was accepted says nothing"
        harness.api.bookmark() if how == "bookmark" else harness.api.put(THINGS, encode_thing("b", size=1))
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while harness.informer.is_behind:  # noqa: ASYNC110 -- a bookmark announces nothing
                await asyncio.sleep(0)
    await harness.informer.find(Key("ns", "a"))
    assert harness.api.count("get") == 0


async def test_lists_become_rarer_where_no_watch_ever_says_anything(harness: OverHttp) -> None:
    await harness.start()
    harness.api.script("watch", *[fail(403, "Forbidden")] * 100)
    harness.api.drop_watches()
    await harness.api.wait_for_watches(0)
    delays = [await harness.retry() for _ in range(20)]
    assert max(delays[:4]) <= MAX_DELAY_SECONDS
    assert all(MAX_LIST_DELAY_SECONDS / 2 <= delay <= MAX_LIST_DELAY_SECONDS for delay in delays[10:])


async def test_a_silent_watch_counts_as_broken(harness: OverHttp) -> None:
    await harness.start()
    await harness.clock.advance(SILENCE)
    await harness.api.wait_for_opened(2)
    assert harness.informer.is_behind


async def test_a_part_of_a_kind_is_never_read_object_by_object(either: Either) -> None:
    either.informer = either.make(label_selector="shard=1")
    await either.start()
    either.api.error_watches(410, "Expired")
    await either.waiting()
    assert not either.informer.is_behind


async def test_an_unreadable_object_is_not_found_and_reported(either: Either, caplog: pytest.LogCaptureFixture) -> None:
    either.api.put(THINGS, encode_thing("odd", size="xl"))
    either.api.put(THINGS, encode_thing("a", size=1))
    assert await either.informer.find(Key("ns", "odd")) is None
    listed = await either.informer.list_now("ns", as_of=either.api.version)
    assert [obj.metadata.name for obj in listed] == ["a"]
    assert either.informer.unreadable_objects == 2
    assert [record.message for record in caplog.records] == ["object cannot be read and is ignored"] * 2


async def test_an_object_that_does_not_exist_is_not_found(either: Either) -> None:
    await either.start()
    for key in (Key("ns", "gone"), Key("ns", "no/name"), Key("..", "gone")):
        assert await either.informer.find(key) is None


async def test_what_the_cache_has_is_found_without_a_request(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a", size=1))
    either.informer = either.make(namespace="ns")
    await either.start()
    assert await either.informer.find(Key("ns", "a")) is either.informer.get(Key("ns", "a"))
    assert await either.informer.find(Key("elsewhere", "a")) is None
    assert either.api.count("get") == 0


async def test_what_the_server_has_now_is_asked_for_whatever_is_known(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a", size=1))
    await either.start()
    asked = either.api.count("list")
    for number in range(2):
        assert len(await either.informer.list_now("ns")) == 1
        assert either.api.count("list") == asked + number + 1


async def test_those_who_wait_for_the_same_list_share_the_next(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a"))
    listed = await asyncio.gather(*(either.informer.list_now("ns") for _ in range(50)))
    assert all(len(objects) == 1 for objects in listed)
    assert either.api.count("list") == 2, "whoever came during the first may not have its answer"


async def test_a_server_that_does_not_answer_is_not_taken_for_absence(harness: OverHttp) -> None:
    await harness.start()
    harness.api.script("get", fail(500))
    with pytest.raises(ApiError):
        await harness.informer.find(Key("ns", "a"))


async def test_found_objects_are_as_those_of_the_cache(either: Either) -> None:
    either.api.put(THINGS, encode_thing("a", size=1))
    either.informer = either.make(transform=lambda obj: Thing(metadata=obj.metadata, spec=ThingSpec(size=7)))
    found = await either.informer.find(Key("ns", "a"))
    assert found is not None
    assert found.spec.size == 7
