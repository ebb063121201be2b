"""An SSH server in this process, on loopback, that runs Git's own upload-pack and receive-pack."""

import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramiko  # type: ignore[import-untyped]  # comes without type hints
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from controllers.git.remote import SshKey
from testing.gitserver import ENVIRONMENT

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def openssh(key: Private, passphrase: bytes = b"") -> str:
    cipher = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, cipher).decode()


def public(key: Private) -> str:
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


CLIENT, HOST = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())


HUNG_UP = (OSError, EOFError, paramiko.SSHException)


class SshServer:
    """One thread a connection and one a command; serves `root` to those who have an allowed key."""

    def __init__(self, root: Path, host_key: Private, allowed: list[str]) -> None:
        self.root, self.allowed = root, allowed
        self.connections = 0
        self.closing = threading.Event()
        self.answers_requests = True
        self.commands: list[str] = []
        self.takes_environment = True
        self.says_before_hanging_up = b""
        self.drips: Callable[[Any], None] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        path = root / "host_key"
        path.write_text(openssh(host_key))
        self._host_key = paramiko.PKey.from_path(path)
        self._transports: list[Any] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, work: Any, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            transport = paramiko.Transport(connection)
            self._transports.append(transport)
            transport.add_server_key(self._host_key)
            with suppress(paramiko.SSHException, EOFError):
                transport.start_server(event=threading.Event(), server=_Session(self))

    def run(self, channel: Any, command: str, environment: dict[str, str]) -> None:
        self._start(self._run, channel, command, environment)

    def _run(self, channel: Any, command: str, environment: dict[str, str]) -> None:
        self.commands.append(command)
        if self.drips:
            with suppress(*HUNG_UP):
                while not self.closing.wait(0.02):
                    self.drips(channel)
            return
        service, path = command.split(" ", 1)
        if self.says_before_hanging_up:
            with suppress(*HUNG_UP):
                channel.sendall_stderr(self.says_before_hanging_up)
                channel.send_exit_status(1)
            with suppress(*HUNG_UP):
                channel.close()
            return
        process = subprocess.Popen(  # noqa: S603  # arguments of tests
            [*service.split("-", 1), str(self.root) + path.strip("'")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT | environment,
        )  # fmt: skip
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._start(_pump_in, channel, process.stdin)
        with suppress(*HUNG_UP):  # the client may hang up at any time
            while chunk := process.stdout.read1(65536):  # type: ignore[attr-defined]  # a BufferedReader
                channel.sendall(chunk)
        with suppress(*HUNG_UP):
            channel.sendall_stderr(process.stderr.read())
        process.stdout.close()
        process.stderr.close()
        process.wait()
        with suppress(*HUNG_UP):
            channel.send_exit_status(process.returncode)
            channel.close()

    def drop_connections(self) -> None:
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    def close(self) -> None:
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()
        for thread in list(self._threads):
            thread.join()


def _pump_in(channel: Any, into: Any) -> None:
    with suppress(*HUNG_UP):
        while chunk := channel.recv(65536):
            into.write(chunk)
            into.flush()
    with suppress(*HUNG_UP):
        into.close()


class _Session(paramiko.ServerInterface):  # type: ignore[misc]  # untyped
    def __init__(self, owner: SshServer) -> None:
        self._owner = owner
        self._environment: dict[str, str] = {}

    def check_auth_publickey(self, username: str, key: Any) -> int:
        is_known = f"{key.get_name()} {key.get_base64()}" in self._owner.allowed and username == "git"
        return int(paramiko.AUTH_SUCCESSFUL if is_known else paramiko.AUTH_FAILED)

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_env_request(self, channel: Any, name: bytes, value: bytes) -> bool:
        if self._owner.takes_environment:
            self._environment[name.decode()] = value.decode()
        return self._owner.takes_environment

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        if not self._owner.answers_requests:
            self._owner.closing.wait(10)
        environment, self._environment = self._environment, {}
        self._owner.run(channel, command.decode(), environment)
        return True


def key(server: SshServer, *, private: Private = CLIENT, host: Private = HOST) -> SshKey:
    """Return what lets a client in."""
    return SshKey(openssh(private), f"[127.0.0.1]:{server.port} {public(host)}\n")
