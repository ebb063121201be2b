"""The start of an SSH connection: reach the host, agree on algorithms, check who it is, log in.

This module imports paramiko, which is optional, so it is itself imported only when the first connection is made.
"""

import io
import secrets
import socket
from typing import Any, ClassVar

import paramiko  # type: ignore[import-untyped]  # comes without type hints
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from controllers.git.errors import BadCredentials
from controllers.git.protocol.deadline import Deadline
from controllers.git.remote import SshKey
from controllers.git.sshkeys import BadPrivateKey, load_private_key
from controllers.git.transport.dial import dial
from controllers.git.transport.sshhost import SshHost
from controllers.net.destinations import Destinations
from controllers.net.proxy.address import Proxy

MAX_GROUP_BITS = 8192
MAX_UNASKED_MESSAGES = 1000
"""Before a channel is open, and between two of them."""
EXPONENT_BITS = 512


def _short_exponent(exchange: Any) -> None:
    """Choose the secret exponent of a Diffie-Hellman exchange: twice as long as any key it makes (RFC 4419, 6.2).

    paramiko takes one as long as the group. Python computes with it, alone in the process: 1.3 s instead of 0.08 s for
    the largest group that a server may choose.
    """
    bits = int(exchange.p.bit_length() if hasattr(exchange, "p") else exchange.P.bit_length())
    if bits > MAX_GROUP_BITS:
        raise paramiko.SSHException(f"the server wants a group of {bits} bits; at most {MAX_GROUP_BITS} are allowed")
    exchange.x = secrets.randbits(EXPONENT_BITS - 1) | 1 << EXPONENT_BITS - 1


def _bounded(exchange: Any) -> Any:
    """Return the class of a Diffie-Hellman exchange with exponents of our own."""
    return type(exchange.__name__, (exchange,), {"_generate_x": _short_exponent})


class _Client(paramiko.Transport):  # type: ignore[misc]  # untyped
    """Offers host key algorithms in the order set; paramiko would put certificates behind all others."""

    _kex_info: ClassVar[dict[str, Any]] = {
        name: _bounded(exchange) if name.startswith("diffie-hellman") else exchange
        for name, exchange in paramiko.Transport._kex_info.items()  # noqa: SLF001  # there is no other way in
    }

    def __init__(self, connection: socket.socket) -> None:
        """Take over a connection. Messages that nobody asked for are counted: they cost work also when none is done."""
        super().__init__(connection)
        read = self.packetizer.read_message
        unasked = 0

        def read_bounded() -> Any:
            nonlocal unasked
            unasked = 0 if len(self._channels) else unasked + 1
            if unasked > MAX_UNASKED_MESSAGES:
                raise paramiko.SSHException("the server sends more than anybody asked for")
            return read()

        self.packetizer.read_message = read_bounded

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """Host key algorithms, best first; read by paramiko."""
        return tuple(self.get_security_options().key_types)


def log_in(
    host: SshHost, proxy: Proxy | None, user: str, key: SshKey, deadline: Deadline, *, destinations: Destinations
) -> Any:
    """Connect, check the host and log in. Return the connection: a paramiko.Transport.

    destinations: where host and proxy may be.
    Raises BadCredentials and AuthenticationFailed; Unreachable and DeadlineExceeded for a proxy; DestinationForbidden;
    and the errors of paramiko and sockets.
    """
    identity = _identity(key)
    sock = dial(host.name, host.port, proxy, deadline, destinations)
    connection = _Client(sock)
    try:
        options = connection.get_security_options()
        options.key_types = host.key_types(options.key_types)
        options.kex = host.key_exchanges(options.kex)
        connection.banner_timeout = connection.handshake_timeout = deadline.remaining()
        connection.start_client(timeout=deadline.remaining())
        presented = connection.get_remote_server_key()
        certificate = presented.public_blob.key_blob if presented.public_blob else None
        host.check(presented.asbytes(), certificate)
        connection.auth_timeout = deadline.remaining()
        connection.auth_publickey(user, identity)
    except BaseException:
        connection.close()
        sock.close()  # a connection that never started leaves it open
        raise
    return connection


def _identity(key: SshKey) -> Any:
    try:
        private = load_private_key(key.identity, key.passphrase)
    except BadPrivateKey as e:
        raise BadCredentials(f"cannot use the SSH identity: {e}") from e
    match private:
        case ed25519.Ed25519PrivateKey():
            text = private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
            )
            return paramiko.Ed25519Key.from_private_key(io.StringIO(text.decode()))
        case rsa.RSAPrivateKey():
            return paramiko.RSAKey(key=private)  # not as text: paramiko would look for primes in it
        case _:
            return paramiko.ECDSAKey(vals=(private, private.public_key()))
