"""Open sessions with remotes over HTTP or SSH, and keep them between runs."""

import threading
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from controllers.faircache import FairCache
from controllers.git.errors import BadCredentials, ProtocolError
from controllers.git.protocol.session import GitTransport, RemoteSession
from controllers.git.remote import Basic, Bearer, Remote, SshAlgorithms, SshKey
from controllers.git.transport.httppools import HttpPools
from controllers.git.transport.smarthttp import HttpTransport
from controllers.net.destinations import Destinations

MAX_HTTP_SESSIONS = 1024
MAX_SSH_SESSIONS = 64
"""Each is an open connection with a thread; far more than can be in use at a time."""


class Connections:
    """Sessions by remote. Thread-safe."""

    def __init__(self, ssh: SshAlgorithms, *, destinations: Destinations, now: Callable[[], datetime]) -> None:
        """destinations: where URLs, redirects and the proxies of remotes may lead."""
        self._ssh = ssh
        self._destinations = destinations
        self._now = now
        self._lock = threading.Lock()
        self._http = HttpPools(destinations)
        self._over_http: FairCache[Remote, RemoteSession] = FairCache(MAX_HTTP_SESSIONS)
        self._over_ssh: FairCache[Remote, RemoteSession] = FairCache(MAX_SSH_SESSIONS)

    def session(self, remote: Remote) -> RemoteSession:
        """Return the session with a remote as one identity. Raises BadCredentials, ProtocolError."""
        evicted: list[RemoteSession] = []
        with self._lock:
            sessions = self._over_ssh if remote.scheme == "ssh" else self._over_http
            session = sessions.get(remote.tenant, remote)
            if session is None:
                session = RemoteSession(remote.url, self._transport(remote), remote.secrets)
                evicted = sessions.put(remote.tenant, remote, session)
        for old in evicted:
            old.close()  # may wait until the thread that uses it has connected: not while others wait for the lock
        return session

    def _transport(self, remote: Remote) -> GitTransport:
        match remote.scheme, remote.credentials:
            case (("http" | "https"), (None | Basic() | Bearer())):
                return HttpTransport(remote, self._http)
            case "ssh", SshKey() as key:
                from controllers.git.transport.ssh import SshTransport  # noqa: PLC0415  # paramiko is optional and slow to import

                return SshTransport(remote, key, self._ssh, destinations=self._destinations, now=self._now)
            case "ssh", _:
                raise BadCredentials("invalid 'ssh' auth option: 'identity' is required")
            case ("http" | "https") as scheme, _:
                raise BadCredentials(f"an SSH key is no credential for an {scheme} URL")
            case scheme, _:
                raise ProtocolError(f"transport '{scheme}' is not supported; use http, https or ssh")

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for sessions in (self._over_http, self._over_ssh):
                for session in sessions.pop_all():
                    session.close()
        self._http.close()


def canonical_url(url: str) -> str:
    """Return one spelling for the many ways to write the URL of a repository."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/').removesuffix('.git')}"
