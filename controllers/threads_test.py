"""Threads are shared by those who pay for them, and a place is taken until the thread ends."""

import asyncio
import threading

import pytest

from controllers.threads import FairThreads, Share


async def test_nobody_gets_more_than_their_share() -> None:
    threads, go_on = FairThreads(8, name="test"), threading.Event()
    running: list[str] = []

    def work(who: str) -> None:
        running.append(who)
        go_on.wait(10)

    greedy = [asyncio.create_task(threads.start(lambda: work("greedy"), Share("greedy", 2))) for _ in range(20)]
    while len(running) < 2:  # noqa: ASYNC110  # threads know no asyncio
        await asyncio.sleep(0.01)
    modest = await threads.start(lambda: work("modest"), Share("modest", 2))
    while "modest" not in running:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert sorted(running) == ["greedy", "greedy", "modest"]
    go_on.set()
    await asyncio.gather(modest, *(await asyncio.gather(*greedy)))
    assert running.count("greedy") == 20
    threads.shutdown(wait=True)


async def test_who_waits_for_a_narrow_share_takes_nothing_of_the_wide_one() -> None:
    threads, go_on = FairThreads(8, name="test"), threading.Event()
    wide, narrow, other = Share("all", 2), Share("slow", 1), Share("quick", 1)
    held = await threads.start(lambda: go_on.wait(10), wide, narrow)
    waiting = [asyncio.create_task(threads.start(lambda: None, wide, narrow)) for _ in range(5)]
    await asyncio.sleep(0)
    assert await (await threads.start(lambda: 7, wide, other)) == 7
    go_on.set()
    await asyncio.gather(held, *(await asyncio.gather(*waiting)))
    threads.shutdown(wait=True)


async def test_a_place_is_given_back_by_the_thread_not_by_the_task() -> None:
    threads, go_on, released = FairThreads(8, name="test"), threading.Event(), asyncio.Event()
    share = Share("me", 1)
    held = await threads.start(lambda: go_on.wait(10), share, release=released.set)
    waiter = asyncio.create_task(asyncio.wait_for(asyncio.shield(held), 0.01))
    with pytest.raises(TimeoutError):
        await waiter
    starting = asyncio.create_task(threads.start(lambda: 1, share))
    await asyncio.sleep(0.02)
    assert not starting.done()
    assert not released.is_set()
    go_on.set()
    assert await (await starting) == 1
    assert released.is_set()
    threads.shutdown(wait=True)


async def test_who_is_cancelled_while_waiting_leaves_no_trace() -> None:
    threads, go_on, released = FairThreads(8, name="test"), threading.Event(), []
    share = Share("me", 1)
    held = await threads.start(lambda: go_on.wait(10), share)
    starting = asyncio.create_task(threads.start(lambda: 1, share, release=lambda: released.append(1)))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert released == [1]
    go_on.set()
    await held
    assert await (await threads.start(lambda: 2, share)) == 2
    threads.shutdown(wait=True)


async def test_a_place_is_given_back_by_who_was_refused() -> None:
    threads, share, released = FairThreads(8, name="test"), Share("me", 1), asyncio.Event()
    threads.shutdown(wait=True)
    for _ in range(2):  # the second one would wait for ever for the place of the first
        released.clear()
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(threads.start(lambda: None, share, release=released.set), 5)
        assert released.is_set()
