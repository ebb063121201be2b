import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus

import aiohttp
import pytest
from prometheus_client import Histogram, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.process.health import (
    HealthChecks,
    LoopLagMonitor,
    MetricsPage,
    accepts_openmetrics,
    make_loop_check,
)
from controllers.runtime.process.httpserver import HttpServer, Request
from controllers.runtime.process.metrics import Metrics
from testing.clock import VirtualClock, settle
from testing.process import TEST_TIMEOUT_SECONDS


async def test_checks_answer_ok_or_say_what_is_wrong() -> None:
    checks = HealthChecks()
    assert (await checks(Request())).status is HTTPStatus.OK
    reasons: dict[str, str | None] = {"things": "not listed yet", "others": None}
    checks.add("things", lambda: reasons["things"])
    checks.add("others", lambda: reasons["others"])
    answer = await checks(Request())
    assert (answer.status, answer.body) == (HTTPStatus.SERVICE_UNAVAILABLE, b"things: not listed yet\n")
    reasons["things"] = None
    assert (await checks(Request())).body == b"ok"


@pytest.mark.parametrize(("late", "alive"), [pytest.param(29.0, True, id="busy"), pytest.param(31.0, False, id="held")])
def test_a_held_loop_is_not_alive(late: float, *, alive: bool) -> None:
    assert (make_loop_check(lambda: late)() is None) is alive


async def test_metrics_are_served_as_text() -> None:
    metrics = Metrics()
    metrics.controller("things", workers=2)
    server = HttpServer("127.0.0.1:0", {"/metrics": MetricsPage(metrics.render, SYSTEM_CLOCK)})
    await server.start()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}/metrics") as answer,
    ):
        assert answer.content_type == "text/plain"
        assert 'controller_runtime_max_concurrent_reconciles{controller="things"} 2.0' in await answer.text()
    await server.stop()


openmetrics_families: Callable[[str], Iterable[Metric]] = text_string_to_metric_families


class Renders:
    """A render that takes as long as it is told to, and counts."""

    def __init__(self, clock: VirtualClock, *, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self.started = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.may_end.set()
        self.count = 0

    def __call__(self, openmetrics: bool) -> bytes:
        self.count += 1
        self.started.release()
        self.may_end.wait(TEST_TIMEOUT_SECONDS)
        self.clock.skip(self.seconds)
        return str(self.count).encode()

    async def has_started(self) -> None:
        assert await asyncio.to_thread(self.started.acquire, timeout=TEST_TIMEOUT_SECONDS)


async def test_all_who_wait_for_the_metrics_share_a_render_that_began_after_they_asked() -> None:
    clock = VirtualClock()
    renders = Renders(clock, seconds=0)
    renders.may_end.clear()
    page = MetricsPage(renders, clock)
    first = asyncio.create_task(page(Request()))
    await renders.has_started()
    others = [asyncio.create_task(page(Request())) for _ in range(20)]
    await settle()
    renders.may_end.set()
    assert (await first).body == b"1"
    assert {answer.body for answer in await asyncio.gather(*others)} == {b"2"}


async def test_renders_of_the_metrics_rest_four_times_as_long_as_they_took() -> None:
    clock = VirtualClock()
    renders = Renders(clock, seconds=0.5)
    page = MetricsPage(renders, clock)
    assert (await page(Request())).body == b"1"
    second = asyncio.create_task(page(Request()))
    await clock.wait_for_wake(2)
    await clock.advance(1.9)
    assert renders.count == 1
    await clock.advance(0.2)
    assert (await second).body == b"2"


async def test_those_who_ask_for_metrics_and_go_start_no_second_render_beside_the_first() -> None:
    clock = VirtualClock()
    renders = Renders(clock, seconds=0)
    renders.may_end.clear()
    page = MetricsPage(renders, clock)
    for _ in range(5):
        gone = asyncio.create_task(page(Request()))
        await settle()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    stays = asyncio.create_task(page(Request()))
    await settle()
    assert renders.count == 1
    renders.may_end.set()
    assert (await stays).body == b"2"


async def test_a_held_loop_is_measured_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = VirtualClock()
    observed: list[float] = []
    lag = LoopLagMonitor(clock, observe=observed.append, log=logging.getLogger("controllers.test"))
    assert lag.lag_seconds() == 0
    task = asyncio.create_task(lag.run())
    await clock.advance(1.25)
    assert observed == pytest.approx([0, 0])
    assert "held" not in caplog.text
    clock.skip(3)  # the loop was held: time passed and nobody ran
    assert lag.lag_seconds() == pytest.approx(2.75)
    await clock.advance(0)
    assert observed[-1] == pytest.approx(2.75)
    assert "the event loop was held" in caplog.text
    task.cancel()


async def test_the_measurement_seldom_wakes_a_process_that_has_nothing_to_do() -> None:
    clock = VirtualClock()
    observed: list[float] = []
    task = asyncio.create_task(LoopLagMonitor(clock, observe=observed.append, log=logging.getLogger("x")).run())
    await clock.advance(60)
    assert 60 <= len(observed) <= 120
    task.cancel()


@pytest.mark.parametrize(
    ("accept", "want"),
    [
        pytest.param("", False, id="none"),
        pytest.param("text/html,*/*;q=0.8", False, id="browser"),
        pytest.param("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", True, id="old"),
        pytest.param(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2",
            True,
            id="prometheus-3",
        ),
        pytest.param("Application/OpenMetrics-Text", True, id="no-version"),
        pytest.param("application/openmetrics-text; version=0.0.1", False, id="other-version"),
        pytest.param("application/openmetrics-text; version=1.0.0; q=0.0", False, id="refused"),
    ],
)
def test_who_asks_for_openmetrics(accept: str, *, want: bool) -> None:
    assert accepts_openmetrics(accept) is want


async def test_exemplars_are_served_to_those_who_ask_for_openmetrics() -> None:
    metrics = Metrics()
    histogram = Histogram("waits_seconds", "Waits.", registry=metrics.registry)
    histogram.observe(0.3, {"policy": "apps/web"})
    server = HttpServer("127.0.0.1:0", {"/metrics": MetricsPage(metrics.render, SYSTEM_CLOCK)})
    await server.start()
    url, wanted = f"http://127.0.0.1:{server.port}/metrics", {"ACCEPT": "application/openmetrics-text"}
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=wanted) as answer:
            text = await answer.text()
            assert answer.content_type == "application/openmetrics-text"
        async with session.get(url) as answer:
            assert "apps/web" not in await answer.text()
    await server.stop()
    assert text.endswith("# EOF\n")
    (family,) = (one for one in openmetrics_families(text) if one.name == "waits_seconds")
    assert {"policy": "apps/web"} in [sample.exemplar.labels for sample in family.samples if sample.exemplar]
