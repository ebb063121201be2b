"""Which API server, and with what credentials: in a pod, or from a kubeconfig.

In a pod that is two files and two variables, read here. A kubeconfig (exec plugins, client certificates, merged
files) is the job of the `kubernetes` package's loader, imported only when one is used: it adds 12 MB and doubles
the CPU time of a start.
Certificates are read once; a rotated CA or client certificate needs a restart, a rotated token does not.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from controllers.runtime.clock import SYSTEM_CLOCK, Clock
from controllers.runtime.errors import NotConfigured

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOME_KUBECONFIG = Path("~/.kube/config")
REREAD_SECONDS = 60.0
"""How long a token is used before its source is asked again; projected tokens are rotated minutes before they end."""


class Credentials(Protocol):
    """A source of the Authorization header."""

    async def authorization(self, *, renew: bool = False) -> str:
        """The header's value, or "" for none. renew: the server refused the last one, get it anew."""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Where the API server is and how to talk to it."""

    server: str
    """Scheme, host, port and optional path prefix, without trailing slash."""
    namespace: str = "default"
    """The pod's own namespace, or the context's."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """None for plain HTTP and for the system's trust store."""
    credentials: Credentials | None = field(default=None, repr=False)
    """None where a client certificate, or nothing, identifies us."""
    server_name: str = ""
    """Name expected in the server's certificate, where it is not the host's."""
    proxy: str = field(default="", repr=False)
    """URL of an HTTP proxy, only from a kubeconfig's `proxy-url`; the environment is not consulted."""


def load_config(
    kubeconfig: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
    clock: Clock = SYSTEM_CLOCK,
) -> ClusterConfig:
    """The cluster named by `kubeconfig`, else by KUBECONFIG, else the one this pod runs in, else by ~/.kube/config.

    Reads files and may run an exec plugin: call it before the event loop, or in a thread.
    Raises NotConfigured when there is none or it cannot be read.
    """
    chosen = kubeconfig or environ.get("KUBECONFIG")
    if chosen:
        return _from_kubeconfig(chosen, clock)
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster(environ, service_account, clock)
    home = HOME_KUBECONFIG.expanduser()
    if home.exists():
        return _from_kubeconfig(str(home), clock)
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
            f"read the service account in {directory}: {error}; is automountServiceAccountToken on?"
        ) from error
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return ClusterConfig(server, namespace, tls=tls, credentials=token)


def _text(path: Path) -> str:
    return path.read_text("utf-8").strip()


class FileToken:
    """A bearer token in a file that somebody else keeps fresh (projected service account tokens)."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Reads the file: raises OSError when it cannot be read now."""
        self._path = path
        self._clock = clock
        self._token = _text(path)
        self._read_at = clock.monotonic()

    async def authorization(self, *, renew: bool = False) -> str:
        """The token as of at most a minute ago; the last known one while the file cannot be read."""
        if renew or self._clock.monotonic() - self._read_at >= REREAD_SECONDS:
            self._read_at = self._clock.monotonic()
            # Unreadable between the two renames of a rotation; the old token is still good for minutes.
            with suppress(OSError):
                self._token = _text(self._path) or self._token
        return f"Bearer {self._token}"


class _Loaded(Protocol):
    """What is used of the `kubernetes` package's Configuration."""

    host: str
    api_key: dict[str, str]
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None
    verify_ssl: bool
    tls_server_name: str | None
    proxy: str | None
    refresh_api_key_hook: Callable[[Any], None] | None


def _from_kubeconfig(path: str, clock: Clock) -> ClusterConfig:
    read = _KubeconfigReader(path)
    loaded = read()
    try:
        tls = _tls(loaded) if loaded.host.startswith("https:") else None
    except (OSError, ssl.SSLError) as error:
        raise NotConfigured(f"load the certificates of {path}: {error}") from error
    return ClusterConfig(
        loaded.host.rstrip("/"),
        read.namespace,
        tls=tls,
        credentials=LoaderToken(read, loaded, clock) if _authorization(loaded) else None,
        server_name=loaded.tls_server_name or "",
        proxy=loaded.proxy or "",
    )


class _KubeconfigReader:
    """Runs the `kubernetes` package's loader; calling it again runs exec plugins again."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.namespace = "default"

    def __call__(self) -> _Loaded:
        from kubernetes.client import Configuration  # noqa: PLC0415 -- heavy, see the module's docstring
        from kubernetes.config import ConfigException, kube_config  # noqa: PLC0415

        yaml: Any = kube_config.yaml  # type: ignore[attr-defined]
        # An empty proxy keeps the loader from taking one from the environment.
        loaded: Any = Configuration(proxy="")
        try:
            kube_config.load_kube_config(self._path, client_configuration=loaded, persist_config=False)  # type: ignore[no-untyped-call]
            _, active = kube_config.list_kube_config_contexts(self._path)  # type: ignore[no-untyped-call]
        except (ConfigException, OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise NotConfigured(f"read kubeconfig {self._path}: {error}") from error
        self.namespace = active["context"].get("namespace") or "default"
        result: _Loaded = loaded
        return result


def _authorization(loaded: _Loaded) -> str:
    """The header's value in full: the loader yields `Bearer …` or `Basic …`."""
    return str(loaded.api_key.get("BearerToken") or loaded.api_key.get("authorization") or "")


def _tls(loaded: _Loaded) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=loaded.ssl_ca_cert or None)
    if loaded.cert_file:
        context.load_cert_chain(loaded.cert_file, loaded.key_file or None)
    if not loaded.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class LoaderToken:
    """A token the kubeconfig loader obtained; it knows its expiry, and how to get another (exec plugin, OIDC)."""

    def __init__(self, read: Callable[[], _Loaded], loaded: _Loaded, clock: Clock) -> None:
        self._read = read
        self._loaded = loaded
        self._clock = clock
        self._asked_at = clock.monotonic()
        self._one_at_a_time = asyncio.Lock()

    async def authorization(self, *, renew: bool = False) -> str:
        """The token, asked for at most once a minute. May run an exec plugin, in a thread."""
        age = self._clock.monotonic() - self._asked_at
        if renew or age >= REREAD_SECONDS:
            async with self._one_at_a_time:
                if self._clock.monotonic() - self._asked_at >= min(age, REREAD_SECONDS):
                    await asyncio.to_thread(self._again, renew)
                    self._asked_at = self._clock.monotonic()
        return _authorization(self._loaded)

    def _again(self, renew: bool) -> None:
        if renew:
            self._loaded = self._read()
        elif self._loaded.refresh_api_key_hook is not None:
            self._loaded.refresh_api_key_hook(self._loaded)
