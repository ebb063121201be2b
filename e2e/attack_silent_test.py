"""`controllers.runtime.reconcile`: a tenant's silent servers do not delay the objects of another."""

import time
from collections.abc import Iterator

import pytest

from e2e.cluster import Space, eventually
from e2e.conftest import Parts
from e2e.fleet import Fleet
from e2e.kubeapi import KubeApi
from e2e.metrics import total
from e2e.objects import automation, image_repository, semver_policy
from hack.attacks.silent import SilentServer
from hack.controllers import Controllers
from hack.env import process
from hack.oci import Pusher

OBJECTS = 44
SERVED_SECONDS = 5.0
FLAGS = ("--concurrent=4",)
"""The default: 44 was what this many workers and their stand-ins could do."""
STEADY_SECONDS = 6.0
MEMORY_MIB = 256


@pytest.fixture
def attacker(space: Space, kube_api: KubeApi, namespace: str) -> Iterator[Space]:
    """Yield a second namespace."""
    name = f"{namespace[:50]}-bad"
    kube_api.create_namespace(name)
    yield Space(space.kubectl, space.api, name)
    kube_api.delete_namespace(name)


@pytest.fixture
def running(controllers: Controllers | None) -> Iterator[Controllers]:
    """Yield the controllers with as many workers as they have by default."""
    if controllers is None:
        pytest.skip("the controllers run in the cluster: they do not reach servers on this machine's loopback")
    controllers.stop()
    controllers.start(flags=FLAGS)
    yield controllers
    controllers.stop()
    controllers.start()


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    with SilentServer() as server:
        yield server


def wait_until_taken(running: Controllers, kind: str, silent: SilentServer) -> None:
    """Return when the attacker has all the runs that it can get: none has been added for a while."""
    eventually(lambda: silent.connections >= 4, what="the attack to have begun")
    runs, since = 0.0, time.monotonic()
    while time.monotonic() - since < STEADY_SECONDS:
        now = total(running.metrics[kind], "controller_runtime_active_workers", controller=kind)
        if now > runs:
            runs, since = now, time.monotonic()
        time.sleep(0.2)
    print(f"{kind}: the attacker has {runs:g} runs")


def assert_well(running: Controllers, kind: str) -> None:
    """Assert that the process answers its probe, and keeps to the memory that the manifests give it."""
    process.wait_until(
        process.http_probe(f"{running.health[kind]}/healthz", below=300), running.processes[kind], timeout_seconds=2
    )
    assert running.rss_mib()[kind] < MEMORY_MIB


def test_repositories_on_a_silent_registry_do_not_delay_another_tenants_scan(
    running: Controllers, silent: SilentServer, attacker: Space, space: Space, parts: Parts, open_registry: Pusher
) -> None:
    open_registry.push(f"{space.name}/app", "1.0.0")
    for number in range(OBJECTS):
        image_repository(attacker, f"silent-{number}", f"{silent.host}/app/{number}", timeout="600m")
    wait_until_taken(running, "imagerepository", silent)

    began = time.monotonic()
    image_repository(space, "app", f"{parts.open_registry}/{space.name}/app")
    semver_policy(space, "app")
    space.wait_ready("ImagePolicy", "app", seconds=SERVED_SECONDS)
    print(f"the victim waited {time.monotonic() - began:.2f} s")
    assert_well(running, "imagerepository")
    for spec in ({"suspend": True}, {"suspend": False}):  # its own objects can still be changed
        attacker.patch("ImageRepository", "silent-0", spec)


def test_automations_on_a_silent_git_host_do_not_delay_another_tenants_commit(
    running: Controllers, silent: SilentServer, attacker: Space, fleet: Fleet
) -> None:
    for number in range(OBJECTS):
        name = f"silent-{number}"
        url = f"http://{silent.host}/{number}.git"
        attacker.apply(
            "GitRepository", name, {"url": url, "interval": "1h", "timeout": "600m", "ref": {"branch": "main"}}
        )
        automation(attacker, name, source=name)
    wait_until_taken(running, "imageupdateautomation", silent)

    began = time.monotonic()
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    waited = time.monotonic() - began
    print(f"the victim waited {waited:.2f} s")
    assert waited < SERVED_SECONDS
    assert_well(running, "imageupdateautomation")
