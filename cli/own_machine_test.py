"""`cli`: registries, Git hosts and proxies on the user's own machine and network, under any name."""

import asyncio
import base64
import socket
from pathlib import Path
from typing import Any

import pytest

from cli import own_machine
from cli.git_login import GitLogins
from cli.main import main
from cli.remote import fetch_manifests
from controllers.net.destinations import DestinationRefused
from testing.gitserver import GitServer
from testing.proxy import ProxyServer
from testing.registry_server import RegistryHandler, run_server

OBJECTS = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: web, namespace: apps}}
spec: {{image: registry.corp.example:{port}/app, interval: 1m, insecure: true, proxySecretRef: {{name: proxy}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: proxy, namespace: apps}}
data: {{address: {proxy}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: web, namespace: apps}}
spec: {{imageRepositoryRef: {{name: web}}, policy: {{semver: {{range: 1.x}}}}}}
"""


@pytest.fixture(autouse=True)
def own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have names of a company lead to this machine, as /etc/hosts would."""
    resolve = socket.getaddrinfo

    def address(host: Any) -> Any:
        return "127.0.0.1" if str(host).endswith(".corp.example") else host

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        return resolve(address(host), *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.5", "172.17.0.1", "10.96.0.1", "fd00::7"]
)
def test_own_networks_are_open(address: str) -> None:
    own_machine.DESTINATIONS.check("registry.corp.example", address)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "fe80::1"])
def test_the_metadata_of_a_cloud_is_not(address: str) -> None:
    with pytest.raises(DestinationRefused):
        own_machine.DESTINATIONS.check("registry.corp.example", address)


async def test_preview_asks_a_registry_of_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with run_server(RegistryHandler({"app": ["1.0.0", "1.4.0"]})) as server:
        port = server.address.rpartition(":")[2]
        text = OBJECTS.format(port=port, proxy="eA==").replace(", proxySecretRef: {name: proxy}", "")
        (tmp_path / "objects.yaml").write_text(text)
        await asyncio.to_thread(main, ["preview", str(tmp_path), "-o", "json"])
    assert ':1.4.0"' in capsys.readouterr().out


def test_preview_asks_by_a_proxy_of_this_machine(tmp_path: Path) -> None:
    with ProxyServer("http", routes={}) as proxy:
        address = base64.b64encode(proxy.url.encode()).decode()
        (tmp_path / "objects.yaml").write_text(OBJECTS.format(port=5000, proxy=address))
        main(["preview", str(tmp_path), "-o", "json"])
    assert proxy.asked


async def test_adopt_asks_a_registry_of_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens there, which is what the message says, and not that it is refused."""
    image = "registry.corp.example:1/app"
    (tmp_path / "app.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
        f"  - name: web\n    image: {image}:1.0.0\n"
    )
    await asyncio.to_thread(main, ["adopt", str(tmp_path), "-o", "json"])
    said = capsys.readouterr()
    assert "connection refused" in said.out + said.err
    assert "this machine" not in said.out + said.err


async def test_automate_reads_a_repository_of_this_machine(tmp_path: Path) -> None:
    with GitServer(tmp_path / "served") as server:
        server.repository("fleet").commit({"objects.yaml": OBJECTS.format(port=1, proxy="eA==")})
        found = await fetch_manifests(
            f"http://git.corp.example:{server.port}/fleet.git", {}, GitLogins(Path(), environ={}, is_enabled=False)
        )
    assert [file.place.rpartition(" ")[2] for file in found.files] == ["objects.yaml"]
