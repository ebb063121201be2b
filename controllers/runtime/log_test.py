import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from controllers.runtime import logkey
from controllers.runtime.log import TRACE, bind_fields, configure

Logged = Callable[[], list[str]]


@pytest.fixture
def logged() -> Iterator[Callable[[str, str], Logged]]:
    """Configure logging into memory; returns a function that reads the lines."""
    root, ours = logging.getLogger(), logging.getLogger("controllers")
    before = (root.handlers[:], root.level, ours.level)

    def start(level: str, encoding: str) -> Logged:
        stream = io.StringIO()
        configure(level, encoding, stream=stream)
        return lambda: stream.getvalue().splitlines()

    yield start
    logging.captureWarnings(capture=False)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


async def test_a_line_has_flux_s_form(logged: Callable[[str, str], Logged]) -> None:
    read = logged("info", "json")
    log = logging.getLogger("controllers.runtime")
    run = {logkey.CONTROLLER: "things", logkey.CONTROLLER_KIND: "Thing", logkey.NAMESPACE: "ns", logkey.NAME: "app"}
    with bind_fields(**run):
        log.info("pushed commit", extra={"commit": "abc"})
    line = json.loads(read()[0])
    stamp = line.pop("ts")
    assert (len(stamp), stamp[10], stamp[-1]) == (24, "T", "Z")
    assert line == {
        "level": "info",
        "logger": "runtime",
        "msg": "pushed commit",
        "controller": "things",
        "controllerKind": "Thing",
        "namespace": "ns",
        "name": "app",
        "commit": "abc",
        "Thing": {"name": "app", "namespace": "ns"},
    }


async def test_bound_fields_follow_the_task_and_end_with_the_block(logged: Callable[[str, str], Logged]) -> None:
    read = logged("info", "json")
    log = logging.getLogger("controllers.runtime")

    async def work(name: str) -> None:
        with bind_fields(who=name):
            await asyncio.sleep(0)
            await asyncio.create_task(deeper())

    async def deeper() -> None:
        log.info("deep")

    await asyncio.gather(work("a"), work("b"))
    log.info("outside")
    assert [json.loads(line).get("who") for line in read()] == ["a", "b", None]


@pytest.mark.parametrize(
    ("level", "want"),
    [
        pytest.param("trace", ["trace", "debug", "info", "info", "error"], id="trace"),
        pytest.param("debug", ["debug", "info", "info", "error"], id="debug"),
        pytest.param("info", ["info", "info", "error"], id="info"),
        pytest.param("error", ["error"], id="error"),
    ],
)
def test_levels(logged: Callable[[str, str], Logged], level: str, want: list[str]) -> None:
    read = logged(level, "json")
    log = logging.getLogger("controllers.runtime")
    for number in (TRACE, logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        log.log(number, "hello")
    assert [json.loads(line)["level"] for line in read()] == want


def test_libraries_log_nothing_below_warnings(logged: Callable[[str, str], Logged]) -> None:
    read = logged("debug", "json")
    logging.getLogger("aiohttp.access").info("chatter")
    logging.getLogger("asyncio").warning("slow")
    assert [json.loads(line)["msg"] for line in read()] == ["slow"]


def crash(log: logging.Logger) -> None:
    try:
        raise KeyError("tag")
    except KeyError as error:
        log.error("Reconciler error", exc_info=error)


def test_a_crash_has_error_and_stacktrace_on_one_line(logged: Callable[[str, str], Logged]) -> None:
    read = logged("info", "json")
    crash(logging.getLogger("controllers.runtime"))
    [text] = read()
    line = json.loads(text)
    assert line["error"] == "KeyError: 'tag'"
    assert line["stacktrace"].startswith("Traceback")


def test_the_console_form_is_for_people(logged: Callable[[str, str], Logged]) -> None:
    read = logged("info", "console")
    log = logging.getLogger("controllers.setup")
    log.info("starting workers", extra={logkey.COUNT: 4})
    crash(log)
    first, second, *trace = read()
    assert first.split("\t")[1:] == ["INFO", "setup", "starting workers", '{"count":4}']
    assert second.split("\t")[1] == "ERROR"
    assert trace[0].startswith("Traceback")


def test_values_that_are_not_json_are_written_as_text(logged: Callable[[str, str], Logged]) -> None:
    read = logged("info", "json")
    logging.getLogger("controllers.x").info("odd", extra={"detail": ValueError("v"), "path": {1, 2}})
    line = json.loads(read()[0])
    assert line["detail"] == "v"
