"""Git over SSH through paramiko: key and host keys in memory, one connection per remote, one channel per operation.

paramiko is optional and imported when the first ssh remote is used. There is no agent, no configuration file and no
trust on first use. We ask for protocol 2; a server that does not pass the request on speaks protocol 0.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from controllers.git.errors import (
    AuthenticationFailed,
    BadCredentials,
    DeadlineExceeded,
    GitError,
    ProtocolError,
    RepositoryNotFound,
    RepositoryTooLarge,
    Unreachable,
)
from controllers.git.protocol.deadline import Deadline
from controllers.git.protocol.pktline import FLUSH, Stream, bounded_stream
from controllers.git.protocol.session import MAX_REFS_BYTES, Check, anyone
from controllers.git.protocol.wire import UPLOAD_PACK, read_advertisement
from controllers.git.remote import Remote, SshAlgorithms, SshKey
from controllers.git.transport.cutting import cut_at, cuttable
from controllers.git.transport.knownhosts import parse_known_hosts
from controllers.git.transport.sshhost import SshHost
from controllers.net.destinations import Destinations
from controllers.net.foreign_text import sanitize
from controllers.net.library_errors import describe

if TYPE_CHECKING:
    import paramiko  # type: ignore[import-untyped]  # comes without type hints

CHUNK_BYTES = 64 << 10
MAX_STDERR_BYTES = 4096
STDERR_TIMEOUT = timedelta(seconds=1)
DEFAULT_PORT = 22
NOT_FOUND = ("not found", "does not exist", "not appear to be a git repository", "no such", "could not find")
DENIED = ("denied", "not allowed", "unauthorized", "permission", "access")


class SshTransport:
    """See GitTransport. Connects when first used, and again when the connection is gone."""

    def __init__(
        self,
        remote: Remote,
        key: SshKey,
        algorithms: SshAlgorithms,
        *,
        destinations: Destinations,
        now: Callable[[], datetime],
    ) -> None:
        parts = urlsplit(remote.url)
        self._host: Final = SshHost(
            parts.hostname or "", parts.port or DEFAULT_PORT, parse_known_hosts(key.known_hosts), algorithms, now
        )
        self._proxy: Final = remote.proxy
        self._destinations: Final = destinations.starting_from(self._host.name)
        path = unquote(parts.path)
        self._path: Final = path.removeprefix("/") if path.startswith("/~") else path
        self._user: Final = remote.user
        self._key = key
        self._lock = threading.Lock()
        self._connection: paramiko.Transport | None = None

    @contextmanager
    def advertise(self, service: str, deadline: Deadline) -> Iterator[Stream]:
        version = 2 if service == UPLOAD_PACK else 0
        with self._channel(service, deadline, version) as channel:
            yield _stream(channel, deadline, MAX_REFS_BYTES)
            with suppress(*_connection_errors()):
                channel.sendall(FLUSH)  # nothing more is wanted

    @contextmanager
    def send_request(
        self,
        service: str,
        body: bytes,
        deadline: Deadline,
        *,
        version: int,
        max_bytes: int,
        check: Check = anyone,
    ) -> Iterator[Stream]:
        with self._channel(service, deadline, version) as channel:
            stream = _stream(channel, deadline, MAX_REFS_BYTES + max_bytes)
            if read_advertisement(stream).version != version:
                raise ProtocolError("the remote changed its protocol version")
            check()
            channel.sendall(body)
            channel.shutdown_write()
            yield stream

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _channel(self, service: str, deadline: Deadline, version: int) -> Iterator["paramiko.Channel"]:
        with _translate_errors(deadline), cut_at(deadline):
            channel = self._open(deadline)
            try:
                channel.settimeout(deadline.remaining())
                if version == 2:
                    channel.update_environment({"GIT_PROTOCOL": "version=2"})
                try:
                    _exec(channel, f"{service} {quote_path(self._path)}")
                    yield channel
                except ProtocolError as e:
                    raise _error_from_stderr(channel, e) from None
            finally:
                with suppress(*_connection_errors()):
                    channel.close()

    def _open(self, deadline: Deadline) -> "paramiko.Channel":
        """Open a channel on the connection that is there, or on a new one."""
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise deadline.exceeded()
        try:
            if self._connection is not None and self._connection.is_active():
                cuttable(self._connection.sock)
                with suppress(*_connection_errors()):  # it died since it was last used
                    return self._connection.open_session(timeout=deadline.remaining())
            self._disconnect()
            self._connection = self._connect(deadline)
            return self._connection.open_session(timeout=deadline.remaining())
        finally:
            self._lock.release()

    def _connect(self, deadline: Deadline) -> "paramiko.Transport":
        from controllers.git.transport.sshlogin import log_in  # noqa: PLC0415

        return log_in(self._host, self._proxy, self._user, self._key, deadline, destinations=self._destinations)


def _connection_errors() -> tuple[type[Exception], ...]:
    """Return the errors that a broken connection raises."""
    import paramiko  # noqa: PLC0415

    return OSError, EOFError, paramiko.SSHException


def _exec(channel: "paramiko.Channel", command: str) -> None:
    import paramiko  # noqa: PLC0415

    try:
        channel.exec_command(command)
    except paramiko.SSHException:
        if not channel.get_transport().is_active():
            raise
        raise ProtocolError("ssh: the server hung up instead of running the command") from None


def _stream(channel: "paramiko.Channel", deadline: Deadline, max_bytes: int) -> Stream:
    def receive() -> bytes:
        channel.settimeout(deadline.remaining())
        chunk = bytes(channel.recv(CHUNK_BYTES))
        if not chunk:
            deadline.remaining()  # or was it cut?
        return chunk

    return bounded_stream(receive, max_bytes=max_bytes)


def _error_from_stderr(channel: "paramiko.Channel", error: ProtocolError) -> GitError:
    """Return the error in the server's own words, if any: they come on stderr before it hangs up."""
    stderr, patience = b"", Deadline(STDERR_TIMEOUT, monotonic=time.monotonic)
    with suppress(DeadlineExceeded, *_connection_errors()):
        while len(stderr) < MAX_STDERR_BYTES:
            channel.settimeout(patience.remaining())
            more = channel.recv_stderr(MAX_STDERR_BYTES)
            if not more:
                break
            stderr += more
    words = sanitize(stderr)
    if not words or isinstance(error, RepositoryTooLarge):
        return error
    if any(phrase in words.lower() for phrase in NOT_FOUND):
        return RepositoryNotFound(f"repository not found: {words}")
    if any(phrase in words.lower() for phrase in DENIED):
        return AuthenticationFailed(f"authorization failed: {words}")
    return ProtocolError(f"remote error: {words}")


@contextmanager
def _translate_errors(deadline: Deadline) -> Iterator[None]:
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
        raise Unreachable(f"ssh: {describe(e).lower()}") from e


def quote_path(path: str) -> str:
    """Return the path in single quotes, as git itself writes it (quote.c, `sq_quote_buf`), whatever is in it.

    Servers parse this command themselves; many of them expect the quotes even where a shell would need none.
    """
    return "'" + path.replace("'", "'\\''").replace("!", "'\\!'") + "'"
