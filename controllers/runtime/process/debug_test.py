"""What a process says about itself when it is asked to: by signal, and on loopback."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from controllers.runtime import log as runtime_log
from controllers.runtime.process import debug
from controllers.runtime.process.flags import BadFlag, parse
from controllers.runtime.process.httpserver import Request

PROCESS = """
import asyncio, sys, time
from controllers.runtime.log import configure
from controllers.runtime.process.debug import handle_signals
configure(sys.argv[1], "json")
async def waits_for_a_registry():
    await asyncio.sleep(3600)
async def main():
    tasks = [asyncio.create_task(waits_for_a_registry(), name="s3cret") for _ in range(3)]
    handle_signals(asyncio.get_running_loop(), sys.argv[1])
    await asyncio.sleep(0)
    if sys.argv[2] == "hang":
        hang_forever()
    print("ready", flush=True)
    await asyncio.gather(*tasks)
def hang_forever():
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
asyncio.run(main())
"""
SECONDS = 30


class Running:
    """A process that handles the signals."""

    def __init__(self, level: str = "info", mode: str = "wait") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, level, mode], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, number: signal.Signals, lines: int) -> list[dict[str, object]]:
        """Send a signal, and return what is logged then."""
        os.kill(self.process.pid, number)
        assert self.process.stderr
        timer = threading.Timer(SECONDS, self.process.kill)
        timer.start()
        try:
            return [json.loads(self.process.stderr.readline()) for _ in range(lines)]
        finally:
            timer.cancel()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def running() -> Iterator[Running]:
    process = Running(level="error")
    yield process
    process.end()


def test_a_signal_has_tasks_threads_and_memory_logged_whatever_the_level(running: Running) -> None:
    tasks, threads, memory = running.ask(signal.SIGUSR1, 3)
    assert (tasks["msg"], tasks["count"]) == ("tasks", 4)
    assert isinstance(tasks["stacks"], list)
    assert any(
        stack.startswith("3 x ") and stack.endswith("waits_for_a_registry") and " < " in stack
        for stack in tasks["stacks"]
    )
    assert threads["msg"] == "threads"
    assert "s3cret" not in json.dumps(tasks)
    assert isinstance(memory["resident_bytes"], int)
    assert memory["resident_bytes"] > 1 << 20
    assert isinstance(memory["objects"], dict)
    assert memory["objects"]["builtins.dict"] > 0
    assert running.process.poll() is None


def test_a_loop_that_hangs_is_dumped_with_the_place() -> None:
    process = Running(mode="hang")
    try:
        _, threads, _ = process.ask(signal.SIGUSR1, 3)
        assert "hang_forever" in str(threads["stacks"])
    finally:
        process.end()


def test_a_signal_switches_the_level_and_the_next_one_back(running: Running) -> None:
    levels = [running.ask(signal.SIGUSR2, 1)[0]["level_now"] for _ in range(3)]
    assert levels == ["debug", "error", "debug"]


@pytest.fixture
def levels() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in ("", "controllers")}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("levels")
@pytest.mark.parametrize(("configured", "want"), [("info", "debug"), ("debug", "info"), ("trace", "debug")])
def test_the_other_level_is_one_that_shows_something_else(configured: str, want: str) -> None:
    runtime_log.set_level(configured)
    assert debug.toggle_level(configured) == want
    assert debug.toggle_level(configured) == configured


@pytest.mark.usefixtures("levels")
async def test_pages_show_tasks_memory_and_the_level() -> None:
    async def waits() -> None:
        await asyncio.sleep(3600)

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    assert b"waits" in (await debug.PAGES["/debug/tasks"](Request())).body
    assert b"resident_bytes" in (await debug.PAGES["/debug/memory"](Request())).body
    page = debug.PAGES["/debug/log-level"]
    assert (await page(Request(query="level=debug"))).body == b"debug\n"
    assert logging.getLogger("controllers").level == logging.DEBUG
    assert (await page(Request(query="level=loud"))).status == 400
    assert (await page(Request())).body == b"debug\n"
    task.cancel()


@pytest.mark.parametrize("address", [":6060", "0.0.0.0:6060", "10.0.0.1:6060", "[::]:6060", "example.com:6060"])
def test_debug_pages_are_on_loopback_only(address: str) -> None:
    with pytest.raises(BadFlag, match="want a loopback address"):
        parse([f"--debug-addr={address}"])


@pytest.mark.parametrize("address", ["127.0.0.1:6060", "[::1]:0", "127.1.2.3:1"])
def test_loopback_addresses(address: str) -> None:
    parse([f"--debug-addr={address}"])
