"""An SSH server on loopback that shows its host key, of type ecdsa-sha2-nistp256, and lets nobody in."""

import socket
import threading
from contextlib import suppress
from typing import Self

import paramiko  # type: ignore[import-untyped]  # comes without type hints

HANDSHAKE_SECONDS = 10


class SshHost:
    """Listens on a port of its own while the context lasts; `port` is known from the beginning."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self._key = paramiko.ECDSAKey.generate(bits=256)
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept of the other thread
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._greet, args=(connection,), daemon=True).start()

    def _greet(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(self._key)
        with suppress(paramiko.SSHException, OSError, EOFError):
            transport.start_server(server=paramiko.ServerInterface())
            transport.join(HANDSHAKE_SECONDS)
        transport.close()
