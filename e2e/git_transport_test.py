"""`controllers.git.transport`: TLS with a private authority and client certificates, a bearer token, proxies."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.fleet import Fleet
from e2e.git_fixtures import move_to, start, wait_image
from e2e.objects import automation
from hack.env import pki
from testing.address import HOST
from testing.gitserver import BareRepository, GitServer
from testing.proxy import ProxyServer


@pytest.fixture
def authority() -> pki.Authority:
    return pki.new_authority("a company of its own")


@pytest.fixture
def server(tmp_path: Path, authority: pki.Authority) -> Iterator[GitServer]:
    """Serve over TLS, only to those who have a certificate of the authority."""
    certificate, key = authority.issue("server", tmp_path, addresses=(HOST,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(cadata=authority.certificate_pem().decode())
    context.verify_mode = ssl.CERT_REQUIRED
    with GitServer(tmp_path / "served", tls=context) as serving:
        yield serving


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "plain") as serving:
        yield serving


def started(server: GitServer, fleet: Fleet) -> BareRepository:
    repository = server.repository("fleet")
    start(repository, fleet)
    return repository


def test_private_authority_and_client_certificate(
    fleet: Fleet, server: GitServer, authority: pki.Authority, tmp_path: Path
) -> None:
    repository = started(server, fleet)
    certificate, key = authority.issue("bot", tmp_path)
    secret = {
        "ca.crt": authority.certificate_pem().decode(),
        "tls.crt": certificate.read_text(),
        "tls.key": key.read_text(),
    }
    move_to(fleet, f"https://{HOST}:{server.port}/fleet.git", secret=secret)
    automation(fleet.space, "fleet", source="fleet")
    wait_image(repository, fleet, "1.0.1")
    fleet.push_tag("1.0.2")
    wait_image(repository, fleet, "1.0.2")


def test_authority_that_is_not_ours_is_not_trusted(fleet: Fleet, server: GitServer) -> None:
    started(server, fleet)
    other = pki.new_authority("somebody else").certificate_pem().decode()
    move_to(fleet, f"https://{HOST}:{server.port}/fleet.git", secret={"ca.crt": other})
    automation(fleet.space, "fleet", source="fleet")
    fleet.space.wait_not_ready(
        "ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message="certificate verify failed"
    )


def test_server_that_wants_a_certificate_gets_none(fleet: Fleet, server: GitServer, authority: pki.Authority) -> None:
    started(server, fleet)
    secret = {"ca.crt": authority.certificate_pem().decode()}
    move_to(fleet, f"https://{HOST}:{server.port}/fleet.git", secret=secret)
    automation(fleet.space, "fleet", source="fleet")
    fleet.space.wait_not_ready("ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message="unable to clone")


def test_bearer_token(fleet: Fleet, plain: GitServer) -> None:
    plain.token = "letmein"
    repository = started(plain, fleet)
    move_to(fleet, f"{plain.url}/fleet.git", secret={"bearerToken": plain.token})
    automation(fleet.space, "fleet", source="fleet")
    wait_image(repository, fleet, "1.0.1")


@pytest.mark.usefixtures("local_git_proxies")
def test_proxy(fleet: Fleet, plain: GitServer) -> None:
    """The host of the URL exists only for the proxy."""
    repository = started(plain, fleet)
    fleet.space.apply("Secret", "proxy", stringData={"address": plain.url, "username": "me", "password": "secret"})
    move_to(fleet, "http://git.invalid/fleet.git", proxySecretRef={"name": "proxy"})
    automation(fleet.space, "fleet", source="fleet")
    wait_image(repository, fleet, "1.0.1")
    assert any(r.path.startswith("http://git.invalid/") for r in plain.requests)
    assert all("Proxy-Authorization" in r.headers for r in plain.requests)


def test_socks_proxy(fleet: Fleet, server: GitServer, authority: pki.Authority, tmp_path: Path) -> None:
    """TLS with both sides' certificates goes through unopened."""
    repository = started(server, fleet)
    certificate, key = authority.issue("bot", tmp_path)
    tls = {"ca.crt": authority.certificate_pem().decode()}
    tls |= {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
    with ProxyServer("socks5", login="robot:pr0xy-hush") as proxy:
        login = {"address": proxy.url, "username": "robot", "password": "wrong-hush"}
        fleet.space.apply("Secret", "proxy", stringData=login)
        url = f"https://{HOST}:{server.port}/fleet.git"
        move_to(fleet, url, secret=tls, proxySecretRef={"name": "proxy"})
        automation(fleet.space, "fleet", source="fleet")
        message = f"proxy {proxy.url} does not connect to {HOST}:{server.port}: username/password"
        refused = fleet.space.wait_not_ready(
            "ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message=message
        )
        assert "hush" not in str(refused)
        fleet.space.apply("Secret", "proxy", stringData=login | {"password": "pr0xy-hush"})
        fleet.space.request("ImageUpdateAutomation", "fleet")
        wait_image(repository, fleet, "1.0.1")
    assert set(proxy.asked) == {f"SOCKS5 {HOST}:{server.port}"}
