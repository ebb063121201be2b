"""Clocks of this machine and the API server, and leases."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any, cast

import pytest

from cli.checking import clocks
from cli.checking.installed import Installation
from cli.grammar.session import Reporter
from cli.installing.resources import LEASES
from cli.kube.client import Cluster
from testing.cluster import FakeCluster

NOW = datetime(2026, 1, 5, 10, 0, 0, 250_000, tzinfo=UTC)


class Telling(FakeCluster):
    """Says when a review was made."""

    def __init__(self, told: str) -> None:
        super().__init__()
        self.told = told

    def create(self, resource: Any, namespace: str, body: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return {"metadata": {"creationTimestamp": self.told}}


@pytest.mark.parametrize(
    ("told", "ahead"),
    [
        pytest.param("2026-01-05T10:00:00Z", 0.0, id="same-second"),
        pytest.param("2026-01-05T09:59:59Z", 0.25, id="a-second-is-told-as-it-began"),
        pytest.param("2026-01-05T09:59:40Z", 19.25, id="we-are-ahead"),
        pytest.param("2026-01-05T10:00:30Z", -29.75, id="we-are-behind"),
    ],
)
def test_the_difference_of_clocks_is_no_larger_than_it_must_be(told: str, ahead: float) -> None:
    assert clocks.skew(cast("Cluster", Telling(told)), lambda: NOW) == pytest.approx(ahead)


@pytest.mark.parametrize(
    ("ahead", "line"),
    [
        pytest.param(5.0, "✔ this machine's clock and the API server's agree\n", id="close"),
        pytest.param(5.1, "✗ this machine's clock is 5 s ahead of the API server's", id="ahead"),
        pytest.param(-90.0, "✗ this machine's clock is 90 s behind the API server's", id="behind"),
    ],
)
def test_clocks_that_differ_are_told(ahead: float, line: str) -> None:
    said = StringIO()
    assert clocks.check_clock(ahead, Reporter(said)) == line.startswith("✔")
    assert said.getvalue().startswith(line)


def deployment(*arguments: str, ready: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"name": "app", "namespace": "system", "generation": 1},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"args": list(arguments)}]}}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": ready},
    }


LEASE = "app-leader-election"
ELECTS = "--enable-leader-election"


@pytest.mark.parametrize(
    ("arguments", "lease", "said"),
    [
        pytest.param((ELECTS,), ("app-1", 3), "✔ app: app-1 leads, lease renewed 3 s ago", id="held"),
        pytest.param((ELECTS,), ("app-1", 40), "✔ app: app-1 leads", id="just-about"),
        pytest.param((ELECTS,), ("app-1", 41), f"✗ app: app-1 holds the lease {LEASE} and renewed it last", id="old"),
        pytest.param((ELECTS,), ("", 3), "✗ app: nobody holds the lease", id="released"),
        pytest.param((ELECTS,), None, "✗ app: nobody ever took the lease app-leader-election", id="never"),
        pytest.param(("--enable-leader-election=false",), None, "", id="elects-nobody"),
        pytest.param((ELECTS, "--watch-label-selector=a=b"), None, "", id="lease-of-another-name"),
    ],
)  # fmt: skip
def test_a_controller_leads_whose_lease_is_held_and_fresh(
    arguments: tuple[str, ...], lease: tuple[str, int] | None, said: str
) -> None:
    cluster, output = FakeCluster(), StringIO()
    if lease is not None:
        renewed = (NOW - timedelta(seconds=lease[1])).isoformat().replace("+00:00", "Z")
        spec = {"holderIdentity": lease[0], "leaseDurationSeconds": 35, "renewTime": renewed}
        cluster.put(LEASES, {"metadata": {"name": LEASE, "namespace": "system"}, "spec": spec})
    installation = Installation("system", None, (deployment(*arguments),))
    good = clocks.check_leases(cast("Cluster", cluster), installation, Reporter(output), now=NOW)
    assert output.getvalue().startswith(said)
    assert good == (not said or said.startswith("✔"))


def test_a_controller_that_is_not_ready_is_not_asked_for_its_lease() -> None:
    output = StringIO()
    installation = Installation("system", None, (deployment(ELECTS, ready=0),))
    assert clocks.check_leases(cast("Cluster", FakeCluster()), installation, Reporter(output), now=NOW)
    assert output.getvalue() == ""
