"""`controllers.registry`: forty objects of one tenant on hosts that drip, beside one that is well and its process."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e2e.cluster import Space, condition
from e2e.objects import image_repository
from e2e.registry_servers import HostileRegistry
from hack.attacks.drip import WAYS, DripServer
from hack.controllers import Controllers

ROOT = Path(__file__).parent.parent
ATTACKERS = 40
KIND = "imagerepository"
WATCHED_SECONDS = 12
VICTIM_SECONDS = 10
HEALTH_SECONDS = 2
RSS_MIB = 512
"""Half of the memory limit of the manifests."""


@pytest.fixture
def hosts(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Yield forty hosts that drip in the way of the parameter, in a process of their own."""
    command = [sys.executable, "-m", "hack.attacks.drip", request.param, "--ports", str(ATTACKERS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as attack:
        assert attack.stdout is not None
        yield [attack.stdout.readline().strip() for _ in range(ATTACKERS)]
        attack.kill()


@pytest.fixture
def victim() -> Iterator[HostileRegistry]:
    """Yield a registry that is well."""
    registry = HostileRegistry(lambda h: h.tags("1.0.0"))
    yield registry
    registry.close()


@pytest.mark.parametrize("hosts", sorted(WAYS), indirect=True)
def test_hosts_that_drip_do_not_stop_others(
    hosts: list[str], victim: HostileRegistry, space: Space, controllers: Controllers | None
) -> None:
    if controllers is None:
        pytest.skip("the controllers run in the cluster: they do not reach servers on this machine's loopback")
    for number, host in enumerate(hosts):
        image_repository(space, f"attack-{number}", f"{host}/app", interval="1h", timeout="60s")
    began, slowest, served = time.monotonic(), 0.0, 0.0
    image_repository(space, "victim", f"{victim.host}/app")
    while (now := time.monotonic()) - began < WATCHED_SECONDS:
        assert httpx.get(f"{controllers.health[KIND]}/healthz", trust_env=False, timeout=HEALTH_SECONDS).is_success
        slowest = max(slowest, time.monotonic() - now)
        ready = condition(space.get("ImageRepository", "victim"), "Ready").get("status") == "True"
        served = served or (time.monotonic() - began if ready else 0.0)
        time.sleep(0.2)
    rss = controllers.rss_mib()[KIND]
    print(f"\nvictim served after {served:.1f} s, slowest /healthz {slowest:.2f} s, {rss:.0f} MiB")
    assert 0 < served < VICTIM_SECONDS
    assert rss < RSS_MIB


def test_the_attacker_reads_what_is_wrong(victim: HostileRegistry, space: Space) -> None:
    for way, message in {
        "chunks": "the answers come in 1[0-9]{4} pieces",
        "interim": "does not begin within 1000 lines",
        "headers": "does not begin within 1000 lines",
        "trailers": "malformed HTTP response",
        "gzip": "list of tags has more than 256000000 bytes",
    }.items():
        server = DripServer(way)
        image_repository(space, way, f"{server.hosts[0]}/app", timeout="60s")
        found = space.wait_not_ready("ImageRepository", way, reason="ReadOperationFailed", message=message, seconds=40)
        assert re.search(message, str(found["status"]["conditions"]))
        server.close()
