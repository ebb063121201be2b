"""`controllers.runtime.process.otel`: one trace from a webhook to the commit, over four processes."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import otlp_collector, receiver_process
from e2e.cluster import eventually
from e2e.conftest import Parts
from e2e.fleet import Fleet
from e2e.monitoring_test import exemplars
from e2e.objects import automation
from e2e.otlp_collector import Collector, Span
from e2e.receiver_process import ReceiverProcess, post
from e2e.running import Running
from testing.address import HOST

NOBODY = f"http://{HOST}:1"
NAMES = ["webhook", "look up announced tags", "choose", "update", "push"]
SERVICES = {"tagline-receiver", "tagline-imagerepository", "tagline-imagepolicy", "tagline-imageupdateautomation"}


@pytest.fixture
def collector(any_controllers: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Yield a collector to which the session's controllers send for a while."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    with otlp_collector.running() as started:
        any_controllers.stop()
        any_controllers.start(flags=(f"--otlp-endpoint={started.url}",))
        try:
            yield started
        finally:
            any_controllers.stop()
            any_controllers.start()


@pytest.fixture
def hooks(cluster: Parts, collector: Collector, tmp_path: Path) -> Iterator[ReceiverProcess]:
    """Yield a receiver that sends its traces, too."""
    with receiver_process.running(cluster, tmp_path / "receiver", f"--otlp-endpoint={collector.url}") as started:
        yield started


def test_a_pushed_tag_is_one_trace_from_the_webhook_to_the_commit(
    fleet: Fleet, hooks: ReceiverProcess, collector: Collector, any_controllers: Running
) -> None:
    space = fleet.space
    token = receiver_process.new_token()
    path = receiver_process.receiver(space, "events", "generic-hmac", token, image="req.image", tag="req.tag")
    automation(space, "fleet", source="fleet")
    fleet.wait_commits(2)
    space.wait_ready("ImageUpdateAutomation", "fleet")

    fleet.pusher.push(f"{space.name}/app", "1.0.2")
    body = json.dumps({"image": fleet.image, "tag": "1.0.2"}).encode()
    digest = hmac.digest(token.encode(), body, hashlib.sha256).hex()
    headers = {"Content-Type": "application/json", "X-Signature": f"sha256={digest}"}
    assert post(hooks.url + path, body, headers).status_code == 200
    fleet.wait_commits(3)

    def trace() -> list[Span]:
        spans = collector.trace_with("webhook", **{"k8s.namespace.name": space.name})
        return spans if {span.name for span in spans} >= set(NAMES) else []

    spans = eventually(trace, what="one trace with all steps")
    by_name = {span.name: span for span in spans}
    assert sorted(by_name) == sorted(NAMES)
    assert {span.service for span in spans} == SERVICES
    assert by_name["webhook"].parent_id == ""
    assert [by_name[name].parent_id for name in NAMES[1:]] == [by_name[name].span_id for name in NAMES[:-1]]
    assert by_name["choose"].attributes["tagline.tag"] == "1.0.2"
    assert by_name["update"].attributes["vcs.ref.head.revision"] == fleet.repository.head()

    trace_id = spans[0].trace_id
    result = space.get("ImageRepository", "app")["status"]["lastScanResult"]
    selection = space.get("ImagePolicy", "app")["status"]["selection"]
    assert [one["traceParent"][3:35] for one in (result, selection)] == [trace_id] * 2
    url = any_controllers.metrics["imageupdateautomation"]
    assert trace_id in [one.get("trace_id") for one in exemplars(url, "tagline_first_seen_to_pushed_seconds")]
    for kind in ("ImageRepository", "ImagePolicy", "ImageUpdateAutomation"):
        name = "fleet" if kind == "ImageUpdateAutomation" else "app"
        ready = [one for one in space.get(kind, name)["status"]["conditions"] if one["type"] == "Ready"]
        assert ready[0]["status"] == "True"


def test_processes_work_and_end_without_their_collector(
    fleet: Fleet, collector: Collector, any_controllers: Running
) -> None:
    any_controllers.stop()
    any_controllers.start(flags=(f"--otlp-endpoint={NOBODY}",))
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    log = any_controllers.log_text("imagepolicy")
    assert "cannot start" not in log
