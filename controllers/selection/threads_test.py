import asyncio
import threading

import pytest

from controllers.selection.threads import NamespaceThreads
from testing.clock import settle
from testing.process import TEST_TIMEOUT_SECONDS


class Work:
    """What runs in threads until it is let go, and is counted by namespace."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.may_end = threading.Event()

    def of(self, namespace: str) -> None:
        self.running.append(namespace)
        self.may_end.wait(TEST_TIMEOUT_SECONDS)


async def until_running(work: Work, count: int) -> None:
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        while len(work.running) < count:  # noqa: ASYNC110 - threads have no events of the loop
            await asyncio.sleep(0.001)


async def test_a_namespace_has_one_thread_at_a_time_and_others_theirs() -> None:
    threads, work = NamespaceThreads(), Work()
    tasks = [asyncio.create_task(threads.run("greedy", lambda: work.of("greedy"))) for _ in range(20)]
    await until_running(work, 1)
    tasks.append(asyncio.create_task(threads.run("modest", lambda: work.of("modest"))))
    await until_running(work, 2)
    assert work.running == ["greedy", "modest"]
    work.may_end.set()
    await asyncio.gather(*tasks)
    assert len(work.running) == 21


async def test_a_run_that_is_cancelled_holds_its_thread_until_that_ends() -> None:
    threads, work = NamespaceThreads(), Work()
    first = asyncio.create_task(threads.run("apps", lambda: work.of("apps")))
    await until_running(work, 1)
    waits = asyncio.create_task(threads.run("apps", lambda: work.of("apps")))
    second = asyncio.create_task(threads.run("apps", lambda: work.of("apps")))
    await settle()
    for task in (first, waits):
        task.cancel()
    await asyncio.gather(first, waits, return_exceptions=True)
    assert len(work.running) == 1
    work.may_end.set()
    await second
    assert len(work.running) == 2


async def test_errors_come_back_and_free_the_thread() -> None:
    threads = NamespaceThreads()

    def fail() -> None:
        raise KeyError("x")

    for _ in range(2):
        with pytest.raises(KeyError):
            await threads.run("apps", fail)
