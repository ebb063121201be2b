"""Which API server, and with what credentials: in a pod, or from a kubeconfig.

In a pod that is two files and two variables, read here. A kubeconfig (exec plugins, client certificates, merged
files) is read by `kubeconfig`, in a child process.
Certificates are read once; a rotated CA or client certificate needs a restart, a rotated token does not.
"""

import asyncio
import os
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from controllers.clock import SYSTEM_CLOCK, Clock
from controllers.net.library_errors import describe
from controllers.runtime.kube.errors import NotConfigured
from controllers.runtime.kube.kubeconfig import ResolvedContext, resolve_kubeconfig

SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_KUBECONFIG = Path("~/.kube/config")
TOKEN_REREAD_SECONDS = 60.0
"""How long a token is used before its source is asked again; projected tokens are rotated minutes before they end."""


class AuthorizationSource(Protocol):
    """A source of the Authorization header."""

    async def authorization(self, *, renew: bool = False) -> str:
        """Return the header's value, or "" for none. renew: the server refused the last one, get a new one."""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Where the API server is and how to talk to it."""

    server: str
    """Scheme, host, port and optional path prefix, without trailing slash."""
    namespace: str = "default"
    """The pod's own namespace, or the context's."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """None for plain HTTP and for the system's trust store."""
    credentials: AuthorizationSource | None = field(default=None, repr=False)
    """None where a client certificate, or nothing, identifies us."""
    server_name: str = ""
    """Name expected in the server's certificate, where it is not the host's."""
    proxy: str = field(default="", repr=False)
    """URL of an HTTP proxy, only from a kubeconfig's `proxy-url`; the environment is not consulted."""


def load_config(
    kubeconfig: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT_DIR,
    clock: Clock = SYSTEM_CLOCK,
) -> ClusterConfig:
    """Return the cluster of `kubeconfig`, else of KUBECONFIG, else the one of this pod, else of ~/.kube/config.

    Reads files and may run an exec plugin: call it before the event loop, or in a thread.
    Raises NotConfigured when there is none or it cannot be read.
    """
    chosen = kubeconfig or environ.get("KUBECONFIG")
    if chosen:
        return _from_kubeconfig(chosen)
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster(environ, service_account, clock)
    home = DEFAULT_KUBECONFIG.expanduser()
    if home.exists():
        return _from_kubeconfig(str(home))
    raise NotConfigured(
        "find a cluster: neither KUBECONFIG nor KUBERNETES_SERVICE_HOST is set and ~/.kube/config does not exist; "
        "set KUBECONFIG or run inside a cluster"
    )


def _in_cluster(environ: Mapping[str, str], directory: Path, clock: Clock) -> ClusterConfig:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        token = FileToken(directory / "token", clock)
        tls = ssl.create_default_context(cafile=str(directory / "ca.crt"))
        namespace = _text(directory / "namespace") if (directory / "namespace").exists() else "default"
    except (OSError, ssl.SSLError) as error:
        raise NotConfigured(
            f"read the service account in {directory}: {describe(error)}; is automountServiceAccountToken on?"
        ) from error
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    if not _is_http(server):
        raise NotConfigured("find the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address")
    return ClusterConfig(server, namespace, tls=tls, credentials=token)


def _text(path: Path) -> str:
    return path.read_text("utf-8").strip()


class FileToken:
    """A bearer token in a file that another process keeps fresh (projected service account tokens)."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Read the file; raise OSError when it cannot be read now."""
        self._path = path
        self._clock = clock
        self._token = _text(path)
        self._read_at = clock.monotonic()

    async def authorization(self, *, renew: bool = False) -> str:
        """Return the token as of at most a minute ago; while the file cannot be read, the last one."""
        if renew or self._clock.monotonic() - self._read_at >= TOKEN_REREAD_SECONDS:
            self._read_at = self._clock.monotonic()
            # Unreadable between the two renames of a rotation; the old token is still good for minutes.
            with suppress(OSError):
                self._token = _text(self._path) or self._token
        return f"Bearer {self._token}"


def _from_kubeconfig(path: str) -> ClusterConfig:
    resolved = resolve_kubeconfig(path)
    if not _is_http(resolved.server):
        raise NotConfigured(f"read kubeconfig {path}: the server of its current context is no http or https URL")
    if resolved.proxy and not _is_http(resolved.proxy):
        raise NotConfigured(f"read kubeconfig {path}: the proxy-url of its current context is no http or https URL")
    try:
        tls = _tls(resolved) if resolved.server.startswith("https:") else None
    except (OSError, ssl.SSLError) as error:
        raise NotConfigured(f"load the certificates of {path}: {describe(error)}") from error
    return ClusterConfig(
        resolved.server,
        resolved.namespace,
        tls=tls,
        credentials=KubeconfigToken(path, resolved) if resolved.authorization else None,
        server_name=resolved.server_name,
        proxy=resolved.proxy,
    )


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _tls(resolved: ResolvedContext) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=resolved.ca or None)
    if resolved.certificate:
        # OpenSSL reads a key from a file only; this one is readable by its owner and gone at once.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
            pair.write(f"{resolved.certificate}\n{resolved.key}\n")
            pair.flush()
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(pair.name, password=lambda: "")
    if not resolved.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class KubeconfigToken:
    """A token from a kubeconfig (given, from a file, an exec plugin or OIDC); renewed when it is refused."""

    def __init__(self, path: str, resolved: ResolvedContext) -> None:
        self._path = path
        self._authorization = resolved.authorization
        self._renewals = 0
        self._one_at_a_time = asyncio.Lock()

    async def authorization(self, *, renew: bool = False) -> str:
        """Return the token. renew: read the kubeconfig again, in a thread; once for all who were refused together."""
        if renew:
            refused = self._renewals
            async with self._one_at_a_time:
                if self._renewals == refused:
                    with suppress(NotConfigured):  # an unreadable file: the old token, and the refusal, stay
                        self._authorization = (await asyncio.to_thread(resolve_kubeconfig, self._path)).authorization
                    self._renewals += 1
        return self._authorization
