"""`testing.address`: servers of tests listen at the address that E2E_HOST names, there alone, and are known by it."""

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from hack.controllers import ROOT

ELSEWHERE = "127.0.0.3"
"""Linux has all of 127.0.0.0/8 on its loopback."""
SERVERS = """
import json, tempfile
from contextlib import ExitStack
from pathlib import Path
from http.server import BaseHTTPRequestHandler

from e2e import otlp_collector
from e2e.hostile_server import HostileServer
from e2e.interfering_proxy import InterferingProxy
from e2e.registry_identity_test import TokenRegistry
from e2e.registry_servers import HostileRegistry, TokenServer
from hack.attacks.drip import DripServer
from hack.attacks.gitdrip import DrippingServer
from hack.attacks.silent import SilentServer
from hack.githttp import GitHttpServer
from testing.address import HOST
from testing.gitserver import GitServer
from testing.loopback_registry import loopback_registry
from testing.proxy import ProxyServer
from testing.registry_server import RegistryHandler

with ExitStack() as stack:
    enter = stack.enter_context
    folder = Path(enter(tempfile.TemporaryDirectory()))
    closing = {}
    def closed(server):
        stack.callback(server.close)
        return server
    told = {
        "Git": enter(GitServer(folder)).url,
        "Git of the demo": enter(GitHttpServer(folder, host=HOST)).url,
        "proxy": enter(ProxyServer("http")).url,
        "registry": enter(loopback_registry(RegistryHandler({}))).host,
        "hostile registry": closed(HostileRegistry(lambda h: None)).host,
        "hostile host": closed(HostileServer(BaseHTTPRequestHandler)).host,
        "token service": closed(TokenServer(folder)).url,
        "registry of identities": closed(TokenRegistry(lambda *_: "")).host,
        "interfering proxy": closed(InterferingProxy("http://localhost:1")).url,
        "silent host": enter(SilentServer(host=HOST)).host,
        "dripping Git": enter(DrippingServer("silence", host=HOST)).host,
        "dripping registry": closed(DripServer("chunks", host=HOST)).hosts[0],
        "collector of traces": enter(otlp_collector.running()).url,
    }
    print(json.dumps(told), flush=True)
    input()
"""


def test_servers_listen_where_they_are_told_to(tmp_path: Path) -> None:
    with suppress(OSError), socket.socket() as probe:
        probe.bind((ELSEWHERE, 0))
        assert names_of_servers(tmp_path)
        return
    pytest.skip(f"this machine has no {ELSEWHERE}")


def names_of_servers(folder: Path) -> list[str]:
    """Start all servers in a process of their own; return their names, after a look at where each listens."""
    environment = {**os.environ, "E2E_HOST": ELSEWHERE, "TMPDIR": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVERS], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdout
        told: dict[str, str] = json.loads(running.stdout.readline() or "{}")
        for name, place in told.items():
            host, _, port = place.rpartition("//")[2].partition("/")[0].partition(":")
            assert host == ELSEWHERE, name
            socket.create_connection((host, int(port)), timeout=5).close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(port)), timeout=5)
        running.communicate("\n")
    return list(told)
