"""`manifests/components/monitoring`: on a real Prometheus its rules evaluate, and its queries have answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from e2e.cluster import eventually
from e2e.fleet import Fleet
from e2e.objects import automation, image_repository
from e2e.running import Running
from hack.env import process
from hack.env.tools import find_built
from hack.monitoring.__main__ import FOLDER
from hack.monitoring.panels import list_queries
from testing.address import HOST

WITHOUT_ANSWER = ("tagline_registry_throttled_total", "leader_election_master_status")
"""Metrics that have no series here: no registry asks to wait, and processes of this machine elect no leader."""
SCRAPE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one."""

    url: str

    def ask(self, path: str, **parameters: Any) -> Any:
        """Return the data of an answer of its API; fail with its message."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, trust_env=False).json()
        assert answer["status"] == "success", answer.get("error")
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression has now."""
        result: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return result


@pytest.fixture
def prometheus(any_controllers: Running, tmp_path: Path) -> Iterator[Prometheus]:
    """Start one that scrapes the session's controllers each second as the PodMonitor says, with the rules."""
    program = find_built("prometheus")
    if program is None:
        pytest.skip("Prometheus is not built: make monitoring does that")
    rules = yaml.safe_load((FOLDER / "rules.yaml").read_text())["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    targets = [
        {
            "targets": [urlsplit(url).netloc],
            "labels": {"__metrics_path__": f"{urlsplit(url).path}/metrics", "app": f"{kind}-controller", "pod": kind},
        }
        for kind, url in any_controllers.metrics.items()
    ]
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": f"{SCRAPE_SECONDS}s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "tagline", "honor_labels": True, "static_configs": targets}],
    }
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    (port,) = process.free_ports(1)
    command = [
        str(program),
        f"--config.file={tmp_path / 'prometheus.yaml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={process.LOOPBACK}:{port}",
        "--enable-feature=exemplar-storage",
    ]
    running = process.start("prometheus", command, tmp_path, {})
    try:
        process.wait_until(
            process.http_probe(f"http://{process.LOOPBACK}:{port}/-/ready", below=300), running, timeout_seconds=60
        )
        yield Prometheus(f"http://{process.LOOPBACK}:{port}")
    finally:
        process.stop(running)


def fill_in(query: str) -> str:
    """Return a query of the dashboard as Grafana asks it for all namespaces."""
    return query.replace("$__rate_interval", "1m").replace("$namespace", ".*")


def test_rules_and_dashboard_have_answers(fleet: Fleet, prometheus: Prometheus) -> None:
    space = fleet.space
    image_repository(space, "broken", f"{HOST}:1/none")
    fleet.repository.commit({"wrong.yaml": 'image: x # {"$imagepolicy": "' + space.name + ':nobody"}\n'}, "Mistake")
    automation(space, "fleet", source="fleet")
    fleet.wait_commits(3)
    space.wait_ready("ImageUpdateAutomation", "fleet")
    before = 'tagline_first_seen_to_pushed_seconds_count{min_age="false"}'  # an increase needs a scrape on either side
    eventually(lambda: prometheus.query(before) and len(prometheus.query("up == 1")) == 3, what="scrapes", seconds=30)
    fleet.push_tag("1.0.2")
    fleet.wait_commits(4)
    space.patch("ImagePolicy", "app", {"suspend": True})
    held = f'tagline_updates_held{{namespace="{space.name}", reason="PolicySuspended"}}'
    eventually(lambda: prometheus.query(held), what=held, seconds=30)
    pushed = "sum(rate(tagline_first_seen_to_pushed_seconds_count[1m])) > 0"
    eventually(lambda: prometheus.query(pushed), what="a push is seen in two scrapes", seconds=30)

    targets = prometheus.ask("targets")["activeTargets"]
    assert [(one["health"], one["lastError"]) for one in targets] == [("up", "")] * 3
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    asked = [query for query in map(fill_in, list_queries()) if not any(name in query for name in WITHOUT_ANSWER)]
    eventually(
        lambda: not [query for query in asked if not prometheus.query(query)],
        what=f"answers to all of {asked}",
        seconds=45,  # a registry counts as unreachable after several tries
    )
    alerts = {
        (one["labels"]["alertname"], one["labels"].get("name", ""))
        for one in prometheus.ask("alerts")["alerts"]
        if one["labels"].get("namespace") == space.name
    }
    assert ("TaglineObjectNotReady", "broken") in alerts
    assert ("TaglineFindings", "fleet") in alerts
    assert ("TaglineObjectNotReady", "app") not in alerts
    told = prometheus.ask("query_exemplars", query="tagline_first_seen_to_pushed_seconds_bucket", start=0, end=9e9)
    assert {"policy": f"{space.name}/app", "tag": "1.0.2"} in [
        one["labels"] for series in told for one in series["exemplars"]
    ]
