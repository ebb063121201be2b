"""Connection pools of urllib3, for all HTTP requests to Git hosts, and what its failures mean here.

Git configuration is not read; proxies of the environment count where a remote names none. Those are the operator's and
may be anywhere; what a tenant's Secret names is judged as hosts are.
"""

import ssl
import threading
import urllib.request
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError, ReadTimeoutError
from urllib3.exceptions import TimeoutError as HTTPTimeout

from controllers.faircache import FairCache
from controllers.git.errors import BadCredentials, DeadlineExceeded, Unreachable
from controllers.git.protocol.deadline import Deadline
from controllers.git.remote import Remote
from controllers.git.transport.cutting import cut_at
from controllers.git.transport.dial import check_name
from controllers.git.transport.pooled import connect_within, use
from controllers.net.destinations import Destinations
from controllers.net.headers import basic_authorization
from controllers.net.library_errors import describe
from controllers.net.proxy.address import BadProxy, Proxy
from controllers.net.tls import BadAuthority, BadKeyPair, TlsMaterial, ssl_context

MAX_CACHED_POOLS = 64
MAX_HOSTS_PER_POOL = 32
MAX_CONNECTIONS_PER_HOST = 4

_PoolKey: TypeAlias = tuple[TlsMaterial | None, Proxy | None, Destinations | None]
"""Which connections may be used for one another."""


class HttpPools:
    """Connection pools, shared by remotes of a tenant that agree in TLS, proxy and policy. Thread-safe."""

    def __init__(self, destinations: Destinations) -> None:
        """destinations: where any URL may lead; what the host of a remote's own URL opens comes on top."""
        self._destinations = destinations
        self._pools: FairCache[_PoolKey, urllib3.PoolManager] = FairCache(MAX_CACHED_POOLS)
        self._lock = threading.Lock()

    def send(
        self,
        remote: Remote,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout: float,
        body: bytes | None = None,
        home: str = "",
    ) -> urllib3.BaseHTTPResponse:
        """Send one request by way of a remote; the body of the answer is still to be read, redirects are not followed.

        home: the host that the user's URL names, if it is not the remote's; see `Destinations.starting_from`.
        Raises DestinationForbidden, BadCredentials, and what `translate_errors` translates.
        """
        policy = self._destinations.starting_from(home or urlsplit(remote.url).hostname or "")
        # Where a proxy resolves the name, this is all that can be judged; otherwise addresses are, too.
        check_name(urlsplit(url).hostname or "", policy)
        return self._pool(remote, policy).urlopen(
            method, url, body=body, headers=headers, redirect=False, retries=False, preload_content=False,
            timeout=urllib3.Timeout(total=timeout),
        )  # fmt: skip

    def _pool(self, remote: Remote, policy: Destinations) -> urllib3.PoolManager:
        proxy = proxy_for(remote)
        guard = None if proxy and not remote.proxy else policy
        key = (remote.tls, proxy, guard)
        with self._lock:
            pool = self._pools.get(remote.tenant, key)
        if pool is None:
            made = _new_pool(remote.tls, proxy, guard)  # reads certificates: not while others wait for the lock
            with self._lock:
                pool = self._pools.get(remote.tenant, key)
                evicted = self._pools.put(remote.tenant, key, made) if pool is None else []
            for old in evicted:
                old.clear()
        return pool or made

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            for pool in self._pools.pop_all():
                pool.clear()


def _new_pool(tls: TlsMaterial, proxy: Proxy | None, guard: Destinations | None) -> urllib3.PoolManager:
    """Return a pool. guard: where it may connect to, which with a proxy is where the proxy is; None: anywhere."""
    limits: dict[str, Any] = {
        "num_pools": MAX_HOSTS_PER_POOL, "maxsize": MAX_CONNECTIONS_PER_HOST, "ssl_context": _ssl_context(tls)
    }  # fmt: skip
    if proxy is None:
        return use(urllib3.PoolManager(**limits), connect_within(guard))
    match proxy.scheme:
        case "http" | "https":
            # Not by urllib3's make_headers, which fails for what is not Latin-1.
            login = basic_authorization(proxy.username, proxy.password) if proxy.username else ""
            headers = {"Proxy-Authorization": login} if login else None
            manager = urllib3.ProxyManager(proxy.address, proxy_headers=headers, **limits)
            return use(manager, connect_within(guard))
        case "socks5" | "socks5h":
            from controllers.git.transport.sockspool import connect_through  # noqa: PLC0415  # for the few who need it

            return use(urllib3.PoolManager(**limits), connect_through(proxy, guard))
        case _:
            raise BadCredentials(f"proxy {proxy.address}: use one of http, https, socks5 or socks5h")


def _ssl_context(tls: TlsMaterial) -> ssl.SSLContext:
    """Return a verifying context with the given material. Raises BadCredentials for malformed PEM texts."""
    try:
        return ssl_context(tls)
    except BadAuthority as e:
        raise BadCredentials(f"cannot use the TLS material (ca.crt): {e}") from e
    except BadKeyPair as e:
        raise BadCredentials(f"cannot use the TLS material (tls.crt and tls.key): {e}") from e


def is_answer_of(hosts: Container[str | None], url: str, proxy: Proxy | None) -> bool:
    """Return whether what a URL answers is said by one of these hosts, and so may be quoted.

    proxy: of a tenant's Secret; over plain HTTP it can answer anything itself.
    """
    parts = urlsplit(url)
    return parts.hostname in hosts and not (proxy and parts.scheme == "http")


def proxy_for(remote: Remote) -> Proxy | None:
    """Return the proxy for an http(s) remote: its own, else that of the environment."""
    return remote.proxy or _environment_proxy(remote.url)


def _environment_proxy(url: str) -> Proxy | None:
    parts = urlsplit(url)
    address = urllib.request.getproxies_environment().get(parts.scheme)
    if not address or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    try:
        return Proxy(address)
    except BadProxy as e:
        raise BadCredentials(str(e)) from None


@contextmanager
def translate_errors(remote: Remote, deadline: Deadline) -> Iterator[None]:
    """Turn what urllib3 raises into this package's errors, and end its connections when the time is over."""
    try:
        with cut_at(deadline):
            yield
    except ReadTimeoutError as e:
        raise deadline.exceeded() from e
    except ProxyError as e:
        deadline.remaining()  # a proxy that does not answer is reported as one, too
        proxy = proxy_for(remote)
        raise Unreachable(f"proxy {proxy.address if proxy else ''}: {_cause(e)}") from e
    except NewConnectionError as e:  # a timeout by inheritance only
        raise Unreachable(_cause(e)) from e
    except HTTPTimeout as e:
        raise DeadlineExceeded(f"{deadline.exceeded()} (connecting)") from e
    except (HTTPError, OSError) as e:
        deadline.remaining()  # a connection that was cut is reported in many ways
        raise Unreachable(_cause(e)) from e


def _cause(error: BaseException) -> str:
    """Return what happened in words that quote nothing, to go on with in the middle of a sentence."""
    text = describe(error)
    return text[:1].lower() + text[1:]
