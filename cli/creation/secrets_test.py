"""`tagline create secret …`: what Secrets hold, what is refused, and that nothing of it is told."""

import base64
import builtins
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cli.creation.giturl import split_ssh
from cli.main import main
from cli.yaml_documents import load_documents
from testing.certificates import KeyPair, create_authority
from testing.sshserver import CLIENT, HOST, SshServer, openssh, public


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    server = SshServer(tmp_path, HOST, [])
    yield server
    server.close()


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[KeyPair, KeyPair]:
    """Write two pairs of certificate and key into the working folder, and garbage and nothing beside them."""
    monkeypatch.chdir(tmp_path)
    found = create_authority("one.test"), create_authority("two.test")
    for name, pair in zip(("one", "two"), found, strict=True):
        Path(f"{name}.crt").write_bytes(pair.certificate)
        Path(f"{name}.key").write_bytes(pair.key)
    Path("garbage").write_text("garbage\n")
    Path("empty").write_text("")
    Path("binary").write_bytes(b"\xff\xfe")
    return found


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["create", "secret", *arguments, "--export"]) == 0
    ((_, obj),) = load_documents(capsys.readouterr().out.encode())
    return dict(obj)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["create", "secret", *arguments, "--export"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    return output.err.removeprefix("✗ ").removesuffix("\n")


@pytest.mark.parametrize(
    ("flags", "kind", "algorithm"),
    [
        ([], ec.EllipticCurvePrivateKey, "ecdsa-sha2-nistp384"),
        (["--ssh-ecdsa-curve=p256"], ec.EllipticCurvePrivateKey, "ecdsa-sha2-nistp256"),
        (["--ssh-key-algorithm=rsa"], rsa.RSAPrivateKey, "ssh-rsa"),
        (["--ssh-key-algorithm=ed25519"], ed25519.Ed25519PrivateKey, "ssh-ed25519"),
    ],
)
def test_a_key_is_made_and_the_host_asked_for_its_own(
    flags: list[str], kind: type, algorithm: str, server: SshServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ssh://git@127.0.0.1:{server.port}/org/fleet"
    data = made(capsys, "git", "auth", f"--url={url}", *flags)["stringData"]
    key = load_pem_private_key(data["identity"].encode(), None)
    assert isinstance(key, kind)
    assert data["identity.pub"] == f"{public(key)}\n"  # type: ignore[arg-type]
    assert data["identity.pub"].startswith(f"{algorithm} ")
    assert data["known_hosts"] == f"[127.0.0.1]:{server.port} {public(HOST)}"


def test_a_given_key_is_kept_as_it_is_with_its_passphrase(
    server: SshServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "id"
    file.write_text(openssh(CLIENT, b"sesame"))
    command = ("git", "auth", f"--url=ssh://git@127.0.0.1:{server.port}/x", f"--private-key-file={file}")
    data = made(capsys, *command, "--password=sesame")["stringData"]
    assert data["identity"] == file.read_text()
    assert data["identity.pub"] == f"{public(CLIENT)}\n"
    assert data["password"] == "sesame"
    assert refused(capsys, *command) == "ssh: this private key is passphrase protected"
    wrong = refused(capsys, *command, "--password=hunter2")
    assert wrong == "cannot use the key of --private-key-file: wrong passphrase or malformed private key"


def test_a_host_that_cannot_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    said = refused(capsys, "git", "auth", f"--url=ssh://git@127.0.0.1:{port}/x")
    address = f"127.0.0.1:{port}"
    assert said == f"SSH key scan for host {address} failed, error: dial tcp {address}: connect: connection refused"


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("a" * 300, f"dial tcp: lookup {'a' * 300}: no such host"),
        ("a..bü", "no such host"),
        ("127.0.0.1:99999", "dial tcp: address 99999: invalid port"),
        (f"127.0.0.1:{'9' * 5000}", "invalid port"),
    ],
)
def test_what_is_no_place_of_a_host(host: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert why in refused(capsys, "git", "auth", f"--url=ssh://git@{host}/x")


def test_of_a_host_that_speaks_no_ssh_one_line_is_said() -> None:
    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        url = f"--url=ssh://git@127.0.0.1:{listener.getsockname()[1]}/x"
        # In a process of its own: pytest takes what libraries log.
        command = [sys.executable, "-m", "cli.main", "create", "secret", "git", "auth", url, "--export"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
        thread.join()
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("✗ SSH key scan for host 127.0.0.1:")


def test_without_paramiko_it_is_said_how_to_get_it(
    server: SshServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import_module = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "paramiko":
            raise ImportError(name)
        return import_module(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install 'tagline[ssh]'" in refused(capsys, "git", "a1", f"--url=ssh://git@127.0.0.1:{server.port}/x")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("ssh://git@github.com/org/x", ("github.com", 22)),
        ("ssh://git@git.test:2222/x", ("git.test", 2222)),
        ("SSH://[::1]:22/x", ("::1", 22)),
        ("ssh://[::1]/x", ("::1", 22)),
    ],
)
def test_where_a_repository_is(url: str, place: tuple[str, int]) -> None:
    assert split_ssh(url) == place


def test_a_login_to_a_registry_is_written_as_docker_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    secret = made(capsys, "oci", "reg", "--url=ghcr.io", "--username=bot", '--password=<&>é"')
    text = secret["stringData"][".dockerconfigjson"]
    assert "\\u003c\\u0026\\u003eé" in text
    assert json.loads(text)["auths"]["ghcr.io"] == {
        "username": "bot",
        "password": '<&>é"',
        "auth": base64.b64encode('bot:<&>é"'.encode()).decode(),
    }
    assert "parse reference: A b" in refused(capsys, "oci", "reg", "--url=A b", "--username=a", "--password=hunter2")


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        ("one.crt", "two.key", "tls: private key does not match public key"),
        ("garbage", "one.key", "tls: failed to find any PEM data in certificate input"),
        ("one.key", "one.key", "tls: failed to find certificate PEM data in certificate input, but did find a private"),
        ("one.crt", "garbage", "tls: failed to find any PEM data in key input"),
        ("one.crt", "one.crt", "tls: found a certificate rather than a key in the PEM for the private key"),
        ("binary", "one.key", "failed to read cert file: binary is not a text in UTF-8"),
        ("one.crt", "empty", "found certificate but missing private key"),
        ("one.crt", ".", "failed to read key file: read .: is a directory"),
    ],
)
def test_certificate_and_key_must_belong_together(
    certificate: str, key: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "tls", "certs", f"--tls-crt-file={certificate}", f"--tls-key-file={key}")
    assert why in said


def test_a_pair_of_certificate_and_key(pairs: tuple[KeyPair, KeyPair], capsys: pytest.CaptureFixture[str]) -> None:
    secret = made(capsys, "tls", "certs", "--tls-crt-file=one.crt", "--tls-key-file=one.key", "--ca-crt-file=two.crt")
    assert secret["type"] == "kubernetes.io/tls"
    assert secret["stringData"]["tls.key"].encode() == pairs[0].key
    assert secret["stringData"]["ca.crt"].encode() == pairs[1].certificate


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["git", "auth", "--url=https://x", "--password=hunter2"], "the username and password, or a bearer token"),
        (["git", "auth", "--url=https://x", "-u", "a", "-p", "hunter2", "--bearer-token=t"], "cannot be used together"),
        (["git", "auth", "--url=https://me:hunter2@x:y/", "-u", "a", "-p", "b"], 'invalid port ":y" after host'),
        (["proxy", "px"], "address is required"),
        (["oci", "reg", "--url=me:hunter2@A b", "-u", "a", "-p", "hunter2"], "error parsing url"),
        (["git", "auth", "--url=ssh://x", "--ssh-rsa-bits=32768"], "RSA key bit size must be at most 16384"),
        (["git", "auth", "--url=ssh://x", "--ssh-key-algorithm="], "no public key algorithm given"),
        (["githubapp", "gh"], "unable to read private key file: open : no such file or directory"),
        (["githubapp", "gh", "--app-private-key=missing"], "unable to read private key file: open missing: no such"),
    ],
)
def test_what_is_refused_and_that_it_names_no_secret(
    command: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, *command)
    assert why in said
    assert "hunter2" not in said
