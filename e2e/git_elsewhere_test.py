"""`controllers.git`: URLs, redirects, proxies and APIs of a tenant that lead inside, with the real controller.

The cluster's service network is played by an address of this machine that is not loopback.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from e2e.cluster import condition
from e2e.fleet import Fleet
from e2e.git_fixtures import move_to, start, wait_image
from e2e.objects import automation
from e2e.running import Running
from testing.address import HOST, LOOPBACK
from testing.gitserver import CannedResponse, GitServer
from testing.proxy import ProxyServer

KIND = "imageupdateautomation"
REFUSED = "is refused, because it is .*--allowed-networks"


def own_address() -> str:
    """Return an address of this machine by which others reach it, not that of the tests; skip where there is none."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        if (address := str(probe.getsockname()[0])) != HOST:
            return address
    pytest.skip(f"this machine has no address but {HOST}")


@pytest.fixture(scope="module")
def services(any_controllers: Running) -> Iterator[str]:
    """Yield the address that is the whole service network for the controller of this module."""
    address = own_address()
    any_controllers.stop(KIND)
    any_controllers.start(KIND, flags=(f"--denied-networks={address}/32",))
    yield address
    any_controllers.stop(KIND)
    any_controllers.start(KIND)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as serving:
        yield serving


@pytest.fixture
def internal(tmp_path: Path, services: str) -> Iterator[GitServer]:
    """Serve in the service network."""
    with GitServer(tmp_path / "internal", host=services) as serving:
        yield serving


def test_the_answer_of_another_host_is_not_quoted(fleet: Fleet, server: GitServer, tmp_path: Path) -> None:
    with GitServer(tmp_path / "other", host=own_address()) as other:
        other.respond = lambda _: CannedResponse(404, b"root:x:0:0 hunter2", {"Content-Type": "text/plain"})
        server.respond = lambda request: CannedResponse(302, b"", {"Location": other.url + request.path})
        move_to(fleet, f"{server.url}/fleet.git")
        automation(fleet.space, "fleet", source="fleet")
        wait_refused(fleet, "repository not found")
        found = fleet.space.get("ImageUpdateAutomation", "fleet")
        assert other.requests
    assert "hunter2" not in condition(found, "Ready")["message"]


def test_a_git_server_in_the_cluster_is_used_where_the_url_names_it(fleet: Fleet, internal: GitServer) -> None:
    repository = internal.repository("fleet")
    start(repository, fleet)
    move_to(fleet, f"{internal.url}/fleet.git")
    automation(fleet.space, "fleet", source="fleet")
    wait_image(repository, fleet, "1.0.1")


def test_redirects_proxies_and_apis_do_not_lead_inside(fleet: Fleet, server: GitServer, internal: GitServer) -> None:
    start(internal.repository("fleet"), fleet)
    place = [internal.url]
    server.respond = lambda request: CannedResponse(302, b"", {"Location": place[0] + request.path})
    move_to(fleet, f"{server.url}/fleet.git")
    automation(fleet.space, "fleet", source="fleet")
    wait_refused(fleet, f"{internal.host} {REFUSED}")

    place[0] = "http://169.254.169.254"
    fleet.space.request("ImageUpdateAutomation", "fleet")
    wait_refused(fleet, f"169.254.169.254 {REFUSED}")

    with ProxyServer("http", host=LOOPBACK) as proxy:
        for address in (proxy.url, internal.url):
            fleet.space.apply("Secret", "proxy", stringData={"address": address})
            move_to(fleet, "http://git.invalid/fleet.git", proxySecretRef={"name": "proxy"})
            fleet.space.request("ImageUpdateAutomation", "fleet")
            wait_refused(fleet, f"{address.rpartition(':')[0].removeprefix('http://')} {REFUSED}")
        assert proxy.asked == []

    app = {"githubAppID": "7", "githubAppInstallationID": "42", "githubAppPrivateKey": private_key()}
    app["githubAppBaseURL"] = f"{internal.url}/api/v3"
    move_to(fleet, "https://git.invalid/fleet.git", secret=app, provider="github", proxySecretRef=None)
    fleet.space.request("ImageUpdateAutomation", "fleet")
    wait_refused(fleet, f"failed to get a token of GitHub App '7': {internal.host} {REFUSED}", "SourceManagerFailed")
    assert internal.requests == []


def wait_refused(fleet: Fleet, message: str, reason: str = "GitOperationFailed") -> None:
    fleet.space.wait_not_ready("ImageUpdateAutomation", "fleet", reason=reason, message=message)


def private_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
