"""`controllers.imagerepository`: thirty broken repositories beside a healthy one, which does not notice."""

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from e2e.cluster import Space, condition
from e2e.conftest import Parts
from e2e.fleet import Fleet
from e2e.hostile_server import CaptivePortalHandler, HostileServer, SlowHeadersHandler
from e2e.interfering_proxy import InterferingProxy
from e2e.objects import automation, image_repository, semver_policy
from hack.env import process
from hack.oci import Pusher
from testing.address import HOST

EACH = 10
WATCHED_SECONDS = 8


@pytest.fixture
def proxy(parts: Parts) -> Iterator[InterferingProxy]:
    """Yield the open registry behind a proxy that records the requests."""
    proxy = InterferingProxy(f"http://{parts.open_registry}")
    yield proxy
    proxy.close()


@pytest.fixture
def hosts() -> Iterator[dict[str, str]]:
    """Yield bad hosts by what is wrong with them."""
    dripping, portal = HostileServer(SlowHeadersHandler), HostileServer(CaptivePortalHandler)
    (closed,) = process.free_ports(1, HOST)
    yield {"drips": dripping.host, "portal": portal.host, "nobody": f"{HOST}:{closed}"}
    dripping.close()
    portal.close()


def test_thirty_broken_repositories_do_not_delay_one_that_is_well(
    proxy: InterferingProxy, hosts: dict[str, str], space: Space, open_registry: Pusher
) -> None:
    open_registry.push(f"{space.name}/app", "1.0.0")
    image_repository(space, "good", f"{proxy.url.removeprefix('http://')}/{space.name}/app", interval="1s")
    semver_policy(space, "good")
    space.wait_ready("ImagePolicy", "good")
    broken = {f"{what}-{number}": f"{host}/{what}/{number}" for what, host in hosts.items() for number in range(EACH)}
    for name, image in broken.items():
        # The dripping ones are worst: their timeout is their interval, so each holds on for an hour.
        interval = "1h" if name.startswith("drips") else "1s"
        image_repository(space, name, image, interval=interval)

    moments = scan_moments(proxy)
    gaps = [after - before for before, after in pairwise(moments)]
    assert len(moments) >= WATCHED_SECONDS * 0.6, gaps
    assert max(gaps) < 3, gaps

    open_registry.push(f"{space.name}/app", "1.0.1")
    space.wait_ready("ImagePolicy", "good", message="resolved to 1.0.1", seconds=5)
    for name in broken:
        if name.startswith("drips"):
            found = space.get("ImageRepository", name)
            assert condition(found, "Ready").get("status") != "True"
        else:
            message = "connection refused" if name.startswith("nobody") else "scan failed: "
            space.wait_not_ready("ImageRepository", name, reason="ReadOperationFailed", message=message)


def test_git_host_that_never_ends_its_answers_does_not_stop_the_commits_to_another(
    hosts: dict[str, str], fleet: Fleet
) -> None:
    space = fleet.space
    for number in range(EACH + 2):  # more than there are workers
        name = f"drips-{number}"
        space.apply("GitRepository", name, {"url": f"http://{hosts['drips']}/{name}.git", "interval": "1h"})
        automation(space, name, source=name)
    automation(space, "fleet", source="fleet")
    fleet.wait_commits(2)
    fleet.push_tag("1.0.2")
    fleet.wait_commits(3)
    assert "app:1.0.2 #" in fleet.repository.file("app.yaml")


def scan_moments(proxy: InterferingProxy) -> list[float]:
    """Return when the good repository was scanned during the next seconds."""
    out: list[float] = []
    began = time.monotonic()
    request_count = len(proxy.requests)
    while (now := time.monotonic()) < began + WATCHED_SECONDS:
        if any("/tags/list" in line for line in proxy.requests[request_count:]):
            out.append(now)
            request_count = len(proxy.requests)
        time.sleep(0.02)
    return out
