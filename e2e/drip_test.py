"""`controllers.registry`: forty objects of one tenant on hosts that drip, beside one that is well and its process."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.attacked import Attack
from e2e.cluster import Space
from e2e.objects import image_repository
from e2e.registry_servers import HostileRegistry
from hack.attacks.drip import WAYS, DripServer
from testing.address import HOST

ROOT = Path(__file__).parent.parent
ATTACKERS = 40
WATCHED_SECONDS = 12
VICTIM_SECONDS = 10
RSS_MIB = 512
"""Half of the memory limit of the manifests."""


@pytest.fixture
def hosts(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Yield forty hosts that drip in the way of the parameter, in a process of their own."""
    command = [sys.executable, "-m", "hack.attacks.drip", request.param, "--ports", str(ATTACKERS), "--host", HOST]
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
    hosts: list[str], victim: HostileRegistry, space: Space, attacker: Space, attack: Attack
) -> None:
    for number, host in enumerate(hosts):
        image_repository(attacker, f"attack-{number}", f"{host}/app", interval="1h", timeout="60s")
    with attack.watch(bound=VICTIM_SECONDS) as watch:
        began = time.monotonic()
        with watch.victim():
            image_repository(space, "victim", f"{victim.host}/app")
            space.wait_ready("ImageRepository", "victim", seconds=2 * VICTIM_SECONDS)
        time.sleep(max(0.0, began + WATCHED_SECONDS - time.monotonic()))
    assert max(watch.rss_mib.values()) < RSS_MIB


def test_the_attacker_reads_what_is_wrong(victim: HostileRegistry, space: Space) -> None:
    for way, message in {
        "chunks": "the answers come in 1[0-9]{4} pieces",
        "interim": "does not begin within 1000 lines",
        "headers": "does not begin within 1000 lines",
        "trailers": "malformed HTTP response",
        "gzip": "list of tags has more than 256000000 bytes",
    }.items():
        server = DripServer(way, host=HOST)
        image_repository(space, way, f"{server.hosts[0]}/app", timeout="60s")
        found = space.wait_not_ready("ImageRepository", way, reason="ReadOperationFailed", message=message, seconds=40)
        assert re.search(message, str(found["status"]["conditions"]))
        server.close()
