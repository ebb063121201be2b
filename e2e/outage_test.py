"""`controllers.runtime.queue`: servers that are down for a while do not delay what comes after."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from controllers.registry.budget import MAX_OUTAGE_PAUSE
from e2e.cluster import Space, condition
from e2e.conftest import Parts
from e2e.fleet import Fleet
from e2e.interfering_proxy import InterferingProxy
from e2e.objects import automation, image_repository, semver_policy
from hack.oci import Pusher

EVENTS = 14
OUTAGE_SECONDS = 10.0
RECOVERY_SECONDS = 8.0
"""The longest pause of the backoff so far, or of what spaces wake-ups, and a run."""


@contextmanager
def proxy_to(url: str) -> Iterator[InterferingProxy]:
    proxy = InterferingProxy(url)
    try:
        yield proxy
    finally:
        proxy.close()


def test_commit_comes_within_seconds_of_a_git_hosts_recovery_though_policies_moved_during_the_outage(
    fleet: Fleet, parts: Parts
) -> None:
    space = fleet.space
    movers = [f"mover-{number}" for number in range(EVENTS)]
    for name in movers:
        semver_policy(space, name, "1.0.0", repository="app")
    with proxy_to(parts.git_url) as proxy:
        space.patch("GitRepository", "fleet", {"url": fleet.repository.url.replace(parts.git_url, proxy.url)})
        automation(space, "fleet", source="fleet")
        fleet.wait_commits(2)
        for name in movers:
            space.wait_ready("ImagePolicy", name, message="1.0.0")

        proxy.outage = True
        asked = len(proxy.requests)
        fleet.push_tag("1.0.2")
        for name in movers:
            space.patch("ImagePolicy", name, {"policy": {"semver": {"range": ">=1.0.0"}}})
            time.sleep(OUTAGE_SECONDS / EVENTS)
        for name in (*movers, "app"):
            space.wait_ready("ImagePolicy", name, message="1.0.2")
        failed = space.get("ImageUpdateAutomation", "fleet")
        assert "503" in condition(failed, "Ready")["message"]
        assert 3 <= len(proxy.requests) - asked <= EVENTS, proxy.requests[asked:]

        proxy.outage = False
        recovered = time.monotonic()
        fleet.wait_commits(3)
        assert time.monotonic() - recovered < RECOVERY_SECONDS
        assert "app:1.0.2 #" in fleet.repository.file("app.yaml")
        space.wait_ready("ImageUpdateAutomation", "fleet")  # it asks nothing more of the proxy


def test_scan_comes_within_seconds_of_a_registrys_recovery_though_it_asked_for_ten_minutes(
    space: Space, parts: Parts, open_registry: Pusher
) -> None:
    open_registry.push(f"{space.name}/app", "1.0.0")
    with proxy_to(f"http://{parts.open_registry}") as proxy:
        image_repository(space, "app", f"{proxy.url.removeprefix('http://')}/{space.name}/app")
        semver_policy(space, "app")
        space.wait_ready("ImagePolicy", "app")

        proxy.outage, proxy.retry_after = True, "600"
        open_registry.push(f"{space.name}/app", "1.0.1")
        for _ in range(EVENTS):
            space.request("ImageRepository", "app")
            time.sleep(OUTAGE_SECONDS / EVENTS)
        space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message="503")

        proxy.outage = False
        space.request("ImageRepository", "app")
        pause = MAX_OUTAGE_PAUSE.total_seconds()
        space.wait_ready("ImagePolicy", "app", message="resolved to 1.0.1", seconds=pause + RECOVERY_SECONDS)
