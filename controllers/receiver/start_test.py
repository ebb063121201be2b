"""`controllers.receiver`: flags, TLS by files, and how the process starts and ends."""

import socket
import ssl
from pathlib import Path

import pytest

from controllers.receiver.__main__ import FLAGS, build
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.process.flags import BadFlag, parse
from controllers.runtime.process.httpserver import Request
from controllers.runtime.process.process import CannotStart, Process
from testing.apiserver import ScriptedServer
from testing.certificates import create_authority, issue_server_key_pair
from testing.hook_client import ask, post
from testing.receiver_harness import ReceiverHarness, receiving

QUIET = ("--metrics-addr=", "--health-addr=")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, ssl.SSLContext]:
    """Return a certificate, its key, and what a client needs to trust it."""
    authority = create_authority("hooks.example.com")
    pair = issue_server_key_pair(authority, "127.0.0.1")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    return certificate, key, ssl.create_default_context(cadata=authority.certificate.decode())


async def test_hooks_over_tls(files: tuple[Path, Path, ssl.SSLContext]) -> None:
    certificate, key, trust = files
    async with receiving(f"--tls-cert-file={certificate}", f"--tls-key-file={key}") as world:
        path = world.put_receiver()
        await world.ready()
        body = b'{"push_data": {"tag": "1.0"}, "repository": {"repo_name": "org/app"}}'
        assert (await ask(world.port, post(path, body), tls=trust)).reason == "Woken"
        assert world.woken() == ["1.0"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(("--tls-cert-file=CERTIFICATE",), "need each other", id="no-key"),
        pytest.param(("--tls-cert-file=CERTIFICATE", "--tls-key-file=NOWHERE"), "cannot read NOWHERE", id="no-file"),
        pytest.param(("--tls-cert-file=KEY", "--tls-key-file=KEY"), "the certificate in KEY", id="no-certificate"),
        pytest.param(("--tls-cert-file=CERTIFICATE", "--tls-key-file=OTHER"), "the certificate in", id="other-key"),
        pytest.param(("--receiverAddr=hooks",), "is not an address to listen on", id="no-address"),
    ],
)
async def test_what_cannot_be_started_says_why(
    files: tuple[Path, Path, ssl.SSLContext], tmp_path: Path, flags: tuple[str, ...], message: str
) -> None:
    other = tmp_path / "other.key"
    other.write_bytes(create_authority("other").key)
    places = {"CERTIFICATE": str(files[0]), "KEY": str(files[1]), "OTHER": str(other)}
    given = [flag.partition("=") for flag in flags]
    options = parse((*QUIET, *(f"{name}={places.get(value, value)}" for name, _, value in given)), flags=FLAGS)
    process = Process(options, name="receiver", config=ClusterConfig(""), environ={})
    expected = message.replace("KEY", str(files[1]))
    with pytest.raises(CannotStart) as caught:
        build(process)
    assert expected in str(caught.value)
    assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize(
    "flag",
    ["--hook-rate=0", "--source-rate=-1", "--max-connections=0", "--drain-delay=-1s", "--trusted-proxies=10.0.0.0/99"],
)
def test_values_of_flags(flag: str) -> None:
    with pytest.raises(BadFlag):
        parse((flag,), flags=FLAGS)


async def test_a_port_that_is_taken_ends_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with ScriptedServer() as api:
            world = ReceiverHarness(api, f"--receiverAddr=127.0.0.1:{taken.getsockname()[1]}")
            assert await world.task == 1


async def test_it_is_ready_when_it_serves_and_not_when_it_ends() -> None:
    async with receiving("--drain-delay=300ms") as world:
        assert (await world.process.readiness(Request())).body == b"ok"
        path = world.put_receiver()
        await world.ready()
        port = world.port
        world.process.stop()
        await world.wait_until(lambda: world.serving.explain_unready() is not None)
        assert b"hooks: shutting down" in (await world.process.readiness(Request())).body
        assert (await world.ask(path, {"push_data": {}, "repository": {}})).status in {200, 400}  # until all have heard
        assert await world.task == 0
        with pytest.raises(ConnectionRefusedError):
            await ask(port, post(path))
