"""Picks the way to a remote and keeps it open between runs."""

import threading
from urllib.parse import urlsplit

from cachetools import LRUCache

from .conversation import Conversation
from .errors import BadCredentials, ProtocolError
from .remote import Basic, Bearer, Remote, SshKey
from .smarthttp import HttpPools, HttpTransport
from .transport import Transport

KEPT_CONVERSATIONS = 1024


class Connections:
    """Conversations by remote. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._http = HttpPools()
        self._kept: LRUCache[Remote, Conversation] = LRUCache(KEPT_CONVERSATIONS)

    def conversation(self, remote: Remote) -> Conversation:
        """The conversation with a remote as an identity. Raises BadCredentials, ProtocolError."""
        with self._lock:
            kept = self._kept.get(remote)
            if kept is None:
                if len(self._kept) >= KEPT_CONVERSATIONS:
                    self._kept.popitem()[1].close()
                kept = self._kept[remote] = Conversation(remote.url, self._transport(remote))
            return kept

    def _transport(self, remote: Remote) -> Transport:
        match remote.scheme, remote.credentials:
            case (("http" | "https"), (None | Basic() | Bearer())):
                return HttpTransport(remote, self._http)
            case "ssh", SshKey() as key:
                from .ssh import ssh_transport  # noqa: PLC0415  # paramiko is optional and slow to import

                return ssh_transport(remote, key)
            case "ssh", _:
                raise BadCredentials("invalid 'ssh' auth option: 'identity' is required")
            case ("http" | "https") as scheme, _:
                raise BadCredentials(f"an SSH key is no credential for an {scheme} URL")
            case scheme, _:
                raise ProtocolError(f"transport '{scheme}' is not supported; use http, https or ssh")

    def close(self) -> None:
        with self._lock:
            while self._kept:
                self._kept.popitem()[1].close()
        self._http.close()


def place(url: str) -> str:
    """One spelling for the ways to write a repository's URL."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/').removesuffix('.git')}"
