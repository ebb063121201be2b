import asyncio
import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from controllers.net.proxy.address import BadProxy
from controllers.runtime import logkey
from controllers.runtime.log import TRACE, bind_fields, configure, log_uncaught_errors

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
    assert [json.loads(line)["logger"] for line in read()] == ["asyncio"]


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
    assert line["error"] == "KeyError"
    assert "KeyError: " not in line["stacktrace"]
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
    assert line["detail"] == "ValueError"


@pytest.mark.parametrize("encoding", ["json", "console"])
def test_libraries_words_are_not_logged(logged: Callable[[str, str], Logged], encoding: str) -> None:
    """Their exceptions and log lines quote what they were given."""
    read = logged("debug", encoding)
    error = ValueError("Illegal header value b'Bearer TOPSECRET'")
    error.__cause__ = BadProxy("the address of the proxy is not a URL")
    logging.getLogger("paramiko.transport").error("Exception (client): TOPSECRET", exc_info=error)
    logging.getLogger("urllib3").warning("Retrying after %r: %s", error, "/?sig=TOPSECRET")
    logging.getLogger("controllers.x").error("ours", exc_info=error, extra={"detail": {"cause": [error]}})
    text = "\n".join(read())
    assert "TOPSECRET" not in text
    assert text.count("a library reports a problem") == 2
    assert "paramiko.transport (log_test.py:" in text
    assert "BadProxy: the address of the proxy is not a URL" in text


@pytest.mark.parametrize("encoding", ["json", "console"])
def test_foreign_names_neither_forge_lines_nor_stop_them(logged: Callable[[str, str], Logged], encoding: str) -> None:
    read = logged("info", encoding)
    name = "bad\udcff\x1b[31m\u2028.yaml"
    logging.getLogger("controllers.x").info("odd \x1b[0m", extra={"detail": name, "deep": {name: [name]}})
    [line] = read()
    assert line.isprintable() or encoding == "console"
    assert not any(char in line for char in "\udcff\x1b\u2028")
    assert line.count("bad\\\\xff\\\\x1b[31m") == 3


def test_a_line_that_cannot_be_made_shows_no_arguments(
    logged: Callable[[str, str], Logged], capsys: pytest.CaptureFixture[str]
) -> None:
    read = logged("info", "json")
    logging.getLogger("controllers.x").info("%d tags", "TOPSECRET")
    assert [line.partition(" (")[0] for line in read()] == ["a log line of controllers.x"]
    assert capsys.readouterr().err == ""


def test_uncaught_errors_are_logged_and_not_printed(
    logged: Callable[[str, str], Logged], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, hook in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))
    read = logged("info", "json")
    log_uncaught_errors()
    thread = threading.Thread(target=lambda: int("TOPSECRET"))
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError("TOPSECRET"), None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    lines = [json.loads(line) for line in read()]
    assert [(line["msg"], line["error"]) for line in lines] == [
        ("uncaught error in a thread", "ValueError"),
        ("uncaught error", "ValueError"),
    ]
    assert capsys.readouterr().err == ""
