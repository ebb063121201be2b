import asyncio
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus

import aiohttp
import pytest

from controllers.runtime.process.health import HealthChecks, LoopLagMonitor, make_loop_check, make_metrics_handler
from controllers.runtime.process.httpserver import HttpServer, parse_address
from controllers.runtime.process.metrics import Metrics
from testing.clock import VirtualClock


@pytest.mark.parametrize(
    ("address", "want"),
    [
        pytest.param(":8080", (None, 8080), id="all-interfaces"),
        pytest.param("127.0.0.1:0", ("127.0.0.1", 0), id="host"),
        pytest.param("[::1]:9440", ("::1", 9440), id="ipv6"),
    ],
)
def test_addresses(address: str, want: tuple[str | None, int]) -> None:
    assert parse_address(address) == want


@pytest.mark.parametrize("address", ["8080", ":", ":http", ":70000", "host:-1", ":²"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_address(address)


async def test_checks_answer_ok_or_say_what_is_wrong() -> None:
    checks = HealthChecks()
    assert (await checks()).status is HTTPStatus.OK
    reasons: dict[str, str | None] = {"things": "not listed yet", "others": None}
    checks.add("things", lambda: reasons["things"])
    checks.add("others", lambda: reasons["others"])
    answer = await checks()
    assert (answer.status, answer.body) == (HTTPStatus.SERVICE_UNAVAILABLE, b"things: not listed yet\n")
    reasons["things"] = None
    assert (await checks()).body == b"ok"


@pytest.mark.parametrize(("late", "alive"), [pytest.param(29.0, True, id="busy"), pytest.param(31.0, False, id="held")])
def test_a_held_loop_is_not_alive(late: float, *, alive: bool) -> None:
    assert (make_loop_check(lambda: late)() is None) is alive


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    metrics = Metrics()
    metrics.controller("things", workers=2)
    server = HttpServer("127.0.0.1:0", {"/readyz": HealthChecks(), "/metrics": make_metrics_handler(metrics.render)})
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        pytest.param("GET", "/readyz", 200, "ok", id="get"),
        pytest.param("GET", "/readyz?verbose", 200, "ok", id="query"),
        pytest.param("HEAD", "/readyz", 200, "", id="head"),
        pytest.param("GET", "/", 404, "no such page\n", id="unknown"),
        pytest.param("POST", "/readyz", 405, "only GET is served here\n", id="post"),
    ],
)
async def test_requests(server: HttpServer, method: str, path: str, status: int, body: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{server.port}{path}") as answer,
    ):
        assert (answer.status, await answer.text()) == (status, body)


async def test_metrics_are_served_as_text(server: HttpServer) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}/metrics") as answer,
    ):
        assert answer.content_type == "text/plain"
        assert 'controller_runtime_max_concurrent_reconciles{controller="things"} 2.0' in await answer.text()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\r\n\r\n", id="empty-request"),
        pytest.param(b"\xff\xfe\r\n\r\n", id="not-text"),
        pytest.param(b"GET /readyz", id="cut-off"),
        pytest.param(b"GET /" + b"x" * 40_000, id="endless"),
    ],
)
async def test_nonsense_costs_the_sender_only(server: HttpServer, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    writer.write_eof()
    answer = await reader.read()
    assert answer == b"" or b" 405 " in answer
    writer.close()
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}/readyz") as good:
        assert good.status == 200


async def test_a_held_loop_is_measured_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = VirtualClock()
    observed: list[float] = []
    lag = LoopLagMonitor(clock, observe=observed.append, log=logging.getLogger("controllers.test"))
    assert lag.lag_seconds() == 0
    task = asyncio.create_task(lag.run())
    await clock.advance(0.25)
    assert observed == pytest.approx([0, 0])
    assert "held" not in caplog.text
    clock.skip(3)  # the loop was held: time passed and nobody ran
    assert lag.lag_seconds() == pytest.approx(2.95)
    await clock.advance(0)
    assert observed[-1] == pytest.approx(2.95)
    assert "the event loop was held" in caplog.text
    task.cancel()
