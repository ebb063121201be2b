"""`controllers`: what tenants have in common by name, a host, a URL or a branch, is not one tenant's to hold."""

import time
from collections.abc import Iterator

import pytest

from e2e.attacked import Attack
from e2e.cluster import Space, eventually
from e2e.fleet import Fleet
from e2e.objects import automation, git_secret, image_repository
from e2e.registry_servers import HostileRegistry, HostileRegistryHandler
from hack.attacks.silent import SilentServer
from hack.env import process
from testing.address import HOST

OBJECTS = 12
SETTLED_SECONDS = 6
"""Until the attacker has all that it can get."""
SOON = 8
A_DAY = "86400"


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    with SilentServer(host=HOST) as server:
        yield server


@pytest.fixture
def shared() -> Iterator[HostileRegistry]:
    """Yield a registry in which whoever has a repository below `evil` answers for it as they like."""
    (closed,) = process.free_ports(1, HOST)

    def serve(h: HostileRegistryHandler) -> None:
        match h.path.split("/")[2:4]:
            case ["evil", "hold"]:
                h.server.closing.wait()
                h.close_connection = True
            case ["evil", "quota"]:
                h.refuse(429, "TOOMANYREQUESTS", Retry_After=A_DAY)
            case ["evil", "down"]:
                h.answer(503, b"", Retry_After=A_DAY)
            case ["evil", "away"]:
                h.answer(307, b"", Location=f"http://{HOST}:{closed}{h.path}")
            case ["evil", "realm"]:
                h.answer(401, b"", WWW_Authenticate=f'Bearer realm="http://{HOST}:{closed}/token"')
            case ["evil", "wrong"]:
                h.answer(401, b"", WWW_Authenticate="Negotiate x")
            case _:
                h.tags("1.0.0")

    registry = HostileRegistry(serve)
    yield registry
    registry.close()


def hold(attacker: Space, shared: HostileRegistry) -> None:
    for number in range(OBJECTS):
        image_repository(attacker, f"hold-{number}", f"{shared.host}/evil/hold/{number}", timeout="10m")
    eventually(lambda: shared.requests, what="the attack to have begun")
    time.sleep(SETTLED_SECONDS)


def test_repositories_that_never_answer_do_not_hold_the_host_that_others_share(
    attack: Attack, shared: HostileRegistry, attacker: Space, space: Space
) -> None:
    hold(attacker, shared)
    with attack.watch(bound=SOON) as watch, watch.victim():
        image_repository(space, "app", f"{shared.host}/team/app")
        space.wait_ready("ImageRepository", "app", message="found 1 tags")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        pytest.param("quota", "TOOMANYREQUESTS", id="asks-to-wait-a-day"),
        pytest.param("down", "503", id="says-it-is-down"),
        pytest.param("away", "connection refused", id="leads-to-a-host-that-is-down"),
        pytest.param("realm", "connection refused", id="token-service-that-is-down"),
        pytest.param("wrong", "unrecognized challenge", id="asks-for-another-login"),
    ],
)
def test_what_one_repository_answers_closes_its_host_to_nobody_else(
    attack: Attack, shared: HostileRegistry, attacker: Space, space: Space, kind: str, message: str
) -> None:
    for number in range(OBJECTS):
        image_repository(attacker, f"app-{number}", f"{shared.host}/evil/{kind}/{number}", interval="1s", timeout="9s")
    for number in range(OBJECTS):
        attacker.wait_not_ready("ImageRepository", f"app-{number}", reason="ReadOperationFailed", message=message)
    with attack.watch(bound=SOON) as watch, watch.victim():
        image_repository(space, "app", f"{shared.host}/team/app", interval="1s")
        space.wait_ready("ImageRepository", "app", message="found 1 tags")


def test_a_tarpit_as_proxy_to_a_registry_delays_only_who_named_it(
    attack: Attack, shared: HostileRegistry, silent: SilentServer, attacker: Space, space: Space
) -> None:
    attacker.apply("Secret", "proxy", stringData={"address": f"http://{silent.host}"})
    for number in range(OBJECTS):
        image = f"{shared.host}/team/{number}"
        image_repository(attacker, f"app-{number}", image, timeout="10m", proxySecretRef={"name": "proxy"})
    eventually(lambda: silent.connections, what="the attack to have begun")
    time.sleep(SETTLED_SECONDS)
    with attack.watch(bound=SOON) as watch, watch.victim():
        image_repository(space, "app", f"{shared.host}/team/app")
        space.wait_ready("ImageRepository", "app", message="found 1 tags")


@pytest.mark.parametrize("through", ["proxy", "other-credentials"])
def test_the_url_and_branch_of_a_victim_under_other_credentials_delay_only_who_named_them(
    attack: Attack, fleet: Fleet, silent: SilentServer, attacker: Space, through: str
) -> None:
    attacker.apply("Secret", "proxy", stringData={"address": f"http://{silent.host}"})
    git_secret(attacker, "login", "nobody", "not-the-password")
    for number in range(OBJECTS):
        spec = {"url": fleet.repository.url, "interval": "1h", "timeout": "10m", "ref": {"branch": "main"}}
        further = {"proxySecretRef": {"name": "proxy"}} if through == "proxy" else {}
        attacker.apply("GitRepository", f"fleet-{number}", {**spec, **further, "secretRef": {"name": "login"}})
        automation(attacker, f"fleet-{number}", source=f"fleet-{number}", interval="1s")
    if through == "proxy":
        eventually(lambda: silent.connections, what="the attack to have begun")
        time.sleep(SETTLED_SECONDS)
    else:
        attacker.wait_not_ready("ImageUpdateAutomation", "fleet-0", reason="GitOperationFailed", message="required")
    with attack.watch(bound=SOON) as watch, watch.victim():
        automation(fleet.space, "fleet", source="fleet")
        fleet.wait_commits(2)
