"""Git over SSH through paramiko: key and host keys in memory, one connection a remote, a channel an operation.

paramiko is optional and imported when the first ssh remote is used. There is no agent, no configuration file and no
trust on first use. Protocol 2 is asked for; a server that does not pass the request on speaks protocol 0.
"""

import io
import shlex
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from .errors import (
    AuthenticationFailed,
    BadCredentials,
    GitError,
    ProtocolError,
    RepositoryNotFound,
    TooLarge,
    Unreachable,
    foreign,
)
from .knownhosts import KnownHosts, parse_known_hosts
from .pktline import FLUSH, Stream
from .remote import Remote, SshAlgorithms, SshKey
from .sshkeys import BadKey, load_private_key
from .transport import Deadline
from .wire import UPLOAD_PACK, read_advertisement

if TYPE_CHECKING:
    import paramiko  # type: ignore[import-untyped]  # comes without type hints

CHUNK_BYTES = 64 << 10
MAX_GREETING_BYTES = 64 << 20
MAX_STDERR_BYTES = 4096
NOT_FOUND = ("not found", "does not exist", "not appear to be a git repository", "no such", "could not find")
DENIED = ("denied", "not allowed", "unauthorized", "permission", "access")


class SshTransport:
    """See Transport. Connects when first used, and again when the connection is gone."""

    def __init__(self, remote: Remote, key: SshKey, algorithms: SshAlgorithms) -> None:
        parts = urlsplit(remote.url)
        if remote.proxy is not None:
            raise BadCredentials("a proxy is not supported for ssh URLs; use https")
        self._host: Final = parts.hostname or ""
        self._port: Final = parts.port or 22
        path = unquote(parts.path)
        self._path: Final = path.removeprefix("/") if path.startswith("/~") else path
        self._user: Final = remote.user
        self._key = key
        self._algorithms = algorithms
        self._known: Final[KnownHosts] = parse_known_hosts(key.known_hosts)
        self._lock = threading.Lock()
        self._connection: paramiko.Transport | None = None

    @contextmanager
    def greet(self, service: str, deadline: Deadline) -> Iterator[Stream]:
        version = 2 if service == UPLOAD_PACK else 0
        with self._channel(service, deadline, version) as channel:
            yield _stream(channel, deadline, MAX_GREETING_BYTES)
            with suppress(*_gone()):
                channel.sendall(FLUSH)  # nothing more is wanted

    @contextmanager
    def ask(self, service: str, body: bytes, deadline: Deadline, *, version: int, max_bytes: int) -> Iterator[Stream]:
        with self._channel(service, deadline, version) as channel:
            stream = _stream(channel, deadline, MAX_GREETING_BYTES + max_bytes)
            if read_advertisement(stream).version != version:
                raise ProtocolError("the remote changed its protocol version")
            channel.sendall(body)
            channel.shutdown_write()
            yield stream

    def close(self) -> None:
        with self._lock:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _channel(self, service: str, deadline: Deadline, version: int) -> Iterator["paramiko.Channel"]:
        with _explained(deadline):
            channel = self._open(deadline)
            try:
                channel.settimeout(deadline.remaining())
                if version == 2:
                    channel.update_environment({"GIT_PROTOCOL": "version=2"})
                try:
                    _start(channel, f"{service} {shlex.quote(self._path)}")
                    yield channel
                except ProtocolError as e:
                    raise _told_on_stderr(channel, e) from None
            finally:
                with suppress(*_gone()):
                    channel.close()

    def _open(self, deadline: Deadline) -> "paramiko.Channel":
        """A session on the connection that is there, or on a new one."""
        with self._lock:
            if self._connection is not None and self._connection.is_active():
                with suppress(*_gone()):  # it died since it was last used
                    return self._connection.open_session(timeout=deadline.remaining())
            self._hang_up()
            self._connection = self._connect(deadline)
            return self._connection.open_session(timeout=deadline.remaining())

    def _connect(self, deadline: Deadline) -> "paramiko.Transport":
        import paramiko  # noqa: PLC0415

        identity = _identity(self._key)
        plain = socket.create_connection((self._host, self._port), timeout=deadline.remaining())
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # several small messages a channel
        connection = paramiko.Transport(plain)
        try:
            options = connection.get_security_options()
            if self._algorithms.host_keys:
                options.key_types = _allowed(self._algorithms.host_keys, options.key_types, "--ssh-hostkey-algos")
            else:
                known = self._known.algorithms(self._host, self._port)
                options.key_types = [a for a in known if a in options.key_types] or options.key_types
            if self._algorithms.key_exchanges:
                options.kex = _allowed(self._algorithms.key_exchanges, options.kex, "--ssh-kex-algos")
            connection.banner_timeout = connection.handshake_timeout = deadline.remaining()
            connection.start_client(timeout=deadline.remaining())
            self._known.check(self._host, self._port, connection.get_remote_server_key().asbytes())
            connection.auth_timeout = deadline.remaining()
            connection.auth_publickey(self._user, identity)
        except BaseException:
            connection.close()
            plain.close()  # which a connection that never started leaves open
            raise
        return connection


def _allowed(wanted: Sequence[str], known: Sequence[str], flag: str) -> list[str]:
    """Those that are wanted and known, in the order wanted. Raises BadCredentials when there is none."""
    both = [name for name in wanted if name in known]
    if not both:
        raise BadCredentials(
            f"ssh: none of {', '.join(wanted)} ({flag}) can be used here; known are {', '.join(known)}"
        )
    return both


def _gone() -> tuple[type[Exception], ...]:
    """What is raised on a connection that is no more."""
    import paramiko  # noqa: PLC0415

    return OSError, EOFError, paramiko.SSHException


def _start(channel: "paramiko.Channel", command: str) -> None:
    import paramiko  # noqa: PLC0415

    try:
        channel.exec_command(command)
    except paramiko.SSHException:
        if not channel.get_transport().is_active():
            raise
        raise ProtocolError("ssh: the server hung up instead of running the command") from None


def _stream(channel: "paramiko.Channel", deadline: Deadline, max_bytes: int) -> Stream:
    seen = 0

    def receive() -> bytes:
        nonlocal seen
        channel.settimeout(deadline.remaining())
        chunk = channel.recv(CHUNK_BYTES)
        seen += len(chunk)
        if seen > max_bytes:
            raise TooLarge(f"the answer is larger than {max_bytes >> 20} MiB")
        return bytes(chunk)

    return Stream(receive)


def _told_on_stderr(channel: "paramiko.Channel", error: ProtocolError) -> GitError:
    """What went wrong in the server's own words, where it has any; they come on stderr before it hangs up."""
    said = b""
    with suppress(*_gone()):
        channel.settimeout(1.0)
        while len(said) < MAX_STDERR_BYTES and (more := channel.recv_stderr(MAX_STDERR_BYTES)):
            said += more
    words = foreign(said)
    if not words or isinstance(error, TooLarge):
        return error
    if any(sign in words.lower() for sign in NOT_FOUND):
        return RepositoryNotFound(f"repository not found: {words}")
    if any(sign in words.lower() for sign in DENIED):
        return AuthenticationFailed(f"authorization failed: {words}")
    return ProtocolError(f"remote error: {words}")


@contextmanager
def _explained(deadline: Deadline) -> Iterator[None]:
    try:
        import paramiko  # noqa: PLC0415
    except ImportError:
        raise BadCredentials("ssh URLs need the package 'paramiko', which is not installed; use https") from None
    try:
        yield
    except TimeoutError as e:
        raise deadline.exceeded() from e
    except paramiko.AuthenticationException as e:
        raise AuthenticationFailed("ssh: handshake failed: the server does not accept the key") from e
    except (paramiko.SSHException, EOFError, OSError) as e:
        deadline.remaining()  # a handshake that took too long is reported in many ways
        cause = e.strerror if isinstance(e, OSError) and e.strerror else str(e) or "the connection was closed"
        raise Unreachable(f"ssh: {foreign(cause).lower()}") from e


def _identity(key: SshKey) -> "paramiko.PKey":
    import paramiko  # noqa: PLC0415

    try:
        private = load_private_key(key.identity, key.passphrase)
    except BadKey as e:
        raise BadCredentials(f"cannot use the SSH identity: {e}") from e
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    match private:
        case ed25519.Ed25519PrivateKey():
            return paramiko.Ed25519Key.from_private_key(io.StringIO(text))
        case rsa.RSAPrivateKey():
            return paramiko.RSAKey.from_private_key(io.StringIO(text))
        case _:
            return paramiko.ECDSAKey.from_private_key(io.StringIO(text))
