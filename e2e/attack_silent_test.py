"""`controllers.runtime.reconcile`: a tenant's silent servers do not delay the objects of another."""

import time
from collections.abc import Iterator

import pytest

from e2e.attacked import Attack
from e2e.cluster import Space, eventually
from e2e.conftest import Parts
from e2e.fleet import Fleet
from e2e.metrics import total
from e2e.objects import automation, image_repository, semver_policy
from e2e.running import Running
from hack.attacks.silent import SilentServer
from hack.oci import Pusher
from testing.address import HOST

OBJECTS = 44
SERVED_SECONDS = 5.0
FLAGS = ("--concurrent=4",)
"""The default: 44 was what this many workers and their stand-ins could do."""
STEADY_SECONDS = 6.0
MEMORY_MIB = 256


@pytest.fixture
def as_installed(attack: Attack) -> Iterator[Attack]:
    """Watch the controllers with as many workers as they have by default."""
    attack.processes.stop()
    attack.processes.start(flags=FLAGS)
    yield attack
    attack.processes.stop()
    attack.processes.start()


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    with SilentServer(host=HOST) as server:
        yield server


def wait_until_taken(running: Running, kind: str, silent: SilentServer) -> None:
    """Return when the attacker has all the runs that it can get: none has been added for a while."""
    eventually(lambda: silent.connections >= 4, what="the attack to have begun")
    runs, since = 0.0, time.monotonic()
    while time.monotonic() - since < STEADY_SECONDS:
        now = total(running.metrics[kind], "controller_runtime_active_workers", controller=kind)
        if now > runs:
            runs, since = now, time.monotonic()
        time.sleep(0.2)
    print(f"{kind}: the attacker has {runs:g} runs")


def test_repositories_on_a_silent_registry_do_not_delay_another_tenants_scan(
    as_installed: Attack,
    silent: SilentServer,
    attacker: Space,
    space: Space,
    parts: Parts,
    open_registry: Pusher,
) -> None:
    open_registry.push(f"{space.name}/app", "1.0.0")
    for number in range(OBJECTS):
        image_repository(attacker, f"silent-{number}", f"{silent.host}/app/{number}", timeout="600m")
    wait_until_taken(as_installed.processes, "imagerepository", silent)

    with as_installed.watch(bound=SERVED_SECONDS) as watch:
        with watch.victim():
            image_repository(space, "app", f"{parts.open_registry}/{space.name}/app")
            semver_policy(space, "app")
            space.wait_ready("ImagePolicy", "app")
        for spec in ({"suspend": True}, {"suspend": False}):  # its own objects can still be changed
            attacker.patch("ImageRepository", "silent-0", spec)
    assert max(watch.rss_mib.values()) < MEMORY_MIB


def test_automations_on_a_silent_git_host_do_not_delay_another_tenants_commit(
    as_installed: Attack, silent: SilentServer, attacker: Space, fleet: Fleet
) -> None:
    for number in range(OBJECTS):
        name = f"silent-{number}"
        url = f"http://{silent.host}/{number}.git"
        attacker.apply(
            "GitRepository", name, {"url": url, "interval": "1h", "timeout": "600m", "ref": {"branch": "main"}}
        )
        automation(attacker, name, source=name)
    wait_until_taken(as_installed.processes, "imageupdateautomation", silent)

    with as_installed.watch(bound=SERVED_SECONDS) as watch, watch.victim():
        automation(fleet.space, "fleet", source="fleet")
        fleet.wait_commits(2)
    assert max(watch.rss_mib.values()) < MEMORY_MIB
