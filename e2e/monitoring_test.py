"""`manifests/components/monitoring`: what it names is what processes expose, and objects are shown as they are."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import httpx
import yaml  # type: ignore[import-untyped]  # comes without type hints
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as untyped_parser

from e2e import receiver_process
from e2e.cluster import eventually
from e2e.conftest import Parts
from e2e.fleet import Fleet
from e2e.objects import automation, image_repository
from e2e.running import Running
from hack.monitoring.__main__ import FOLDER
from hack.monitoring.panels import list_queries
from testing.address import HOST

text_string_to_metric_families: Callable[[str], Iterable[Metric]] = untyped_parser
FOREIGN = {"up"}
"""Metrics of Prometheus itself."""
OF_RECEIVER = {"tagline_webhook_failed_wakeups_total"}
"""Metrics of a process that is not always there; its own tests look for them."""
ADDED = {"job", "app", "pod", "instance"}
"""Labels that a scrape adds."""
NAME = re.compile(r"\b[a-z][a-z0-9_]*(?=\{)")
SELECTOR = re.compile(r"\b([a-z][a-z0-9_]*)\{([^}]*)\}")
SUFFIXES: Mapping[str, tuple[str, ...]] = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def expressions() -> list[str]:
    """Return what the rules and the dashboard ask."""
    groups = yaml.safe_load((FOLDER / "rules.yaml").read_text())["spec"]["groups"]
    return [*(rule["expr"] for group in groups for rule in group["rules"]), *list_queries()]


def named() -> set[str]:
    """Return the metrics that rules and dashboard name."""
    return {name for expression in expressions() for name in NAME.findall(expression)}


def scrape(url: str) -> dict[str, Metric]:
    """Return the families that a process exposes, as Prometheus asks for them; the text is parsed strictly."""
    headers = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    answer = httpx.get(f"{url}/metrics", headers=headers, trust_env=False)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def scrape_all(controllers: Running) -> list[dict[str, Metric]]:
    return [scrape(url) for url in controllers.metrics.values()]


def exposed(controllers: Running) -> dict[str, set[str]]:
    """Return the names of all samples, and the labels that they have, as far as there are series."""
    found: dict[str, set[str]] = {}
    for family in (one for families in scrape_all(controllers) for one in families.values()):
        for suffix in SUFFIXES.get(family.type, ("",)):
            found.setdefault(family.name + suffix, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_rules_and_dashboard_name_only_what_is_exposed(fleet: Fleet, any_controllers: Running) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    names = named() - FOREIGN - OF_RECEIVER
    assert len(names) > 20
    found = exposed(any_controllers)
    assert sorted(names - found.keys()) == []
    for expression in expressions():
        for name, matchers in SELECTOR.findall(expression):
            labels = set(re.findall(r"(\w+)[=!]~?", re.sub(r'"[^"]*"', "", matchers))) - ADDED
            if name in names and found[name]:
                assert labels <= found[name], f"{name}: {expression}"


def test_receiver_exposes_what_rules_name_of_it(cluster: Parts, tmp_path: Path) -> None:
    with receiver_process.running(cluster, tmp_path) as receiver:
        families = scrape(receiver.metrics)
    found = {family.name + suffix for family in families.values() for suffix in SUFFIXES.get(family.type, ("",))}
    assert named() & OF_RECEIVER == OF_RECEIVER
    assert sorted(OF_RECEIVER - found) == []


def infos(controllers: Running, namespace: str) -> dict[tuple[str, str], dict[str, str]]:
    """Return the labels of the objects of a namespace, by kind and name."""
    samples = (one for families in scrape_all(controllers) for one in families["tagline_resource_info"].samples)
    mine = [sample.labels for sample in samples if sample.labels["namespace"] == namespace]
    found = {(labels["kind"], labels["name"]): labels for labels in mine}
    assert len(found) == len(mine), "each object has one series"
    return found


def test_each_object_has_one_series_with_what_its_status_says(fleet: Fleet, any_controllers: Running) -> None:
    space = fleet.space
    image_repository(space, "broken", f"{HOST}:1/none")
    space.wait_not_ready("ImageRepository", "broken", reason="ReadOperationFailed")
    found = infos(any_controllers, space.name)
    assert found["ImageRepository", "app"]["ready"] == "True"
    assert found["ImageRepository", "app"]["image"] == fleet.image
    assert found["ImagePolicy", "app"]["image"] == fleet.image
    broken = found["ImageRepository", "broken"]
    assert (broken["ready"], broken["reason"], broken["suspended"]) == ("False", "ReadOperationFailed", "false")
    space.patch("ImageRepository", "broken", {"suspend": True})
    eventually(
        lambda: infos(any_controllers, space.name)["ImageRepository", "broken"]["suspended"] == "true",
        what="it is suspended",
    )
    space.delete("ImageRepository", "broken")
    eventually(
        lambda: ("ImageRepository", "broken") not in infos(any_controllers, space.name), what="the series of it is gone"
    )


def exemplars(url: str, name: str) -> Iterator[Mapping[str, str]]:
    """Yield the labels of the exemplars of a histogram."""
    for sample in scrape(url)[name].samples:
        if sample.exemplar:
            yield sample.exemplar.labels


def test_a_new_tag_is_timed_to_its_choice_and_commit_with_an_exemplar(fleet: Fleet, any_controllers: Running) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
    fleet.push_tag("1.0.2")
    fleet.wait_commits(3)
    want = {"policy": f"{fleet.space.name}/app", "tag": "1.0.2"}
    for kind, name in (("imagepolicy", "chosen"), ("imageupdateautomation", "pushed")):
        url, metric = any_controllers.metrics[kind], f"tagline_first_seen_to_{name}_seconds"
        eventually(lambda url=url, metric=metric: want in exemplars(url, metric), what=f"{want} in {metric}")  # type: ignore[misc]
    selection = fleet.space.get("ImagePolicy", "app")["status"]["selection"]
    assert selection["firstSeen"].endswith("Z")
    assert "traceParent" not in selection
