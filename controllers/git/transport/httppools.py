"""Connection pools of urllib3, for all HTTP requests to Git hosts, and what its failures mean here.

Git configuration is not read; proxies of the environment count where a remote names none.
"""

import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError, ReadTimeoutError
from urllib3.exceptions import TimeoutError as HTTPTimeout

from controllers.git.errors import BadCredentials, DeadlineExceeded, Unreachable
from controllers.git.faircache import FairCache
from controllers.git.protocol.deadline import Deadline
from controllers.git.remote import Remote
from controllers.git.transport.cutting import cut_at
from controllers.git.transport.pooled import use
from controllers.net.headers import basic_authorization
from controllers.net.library_errors import describe
from controllers.net.proxy.address import BadProxy, Proxy
from controllers.net.tls import BadAuthority, BadKeyPair, TlsMaterial, ssl_context

MAX_CACHED_POOLS = 64
MAX_HOSTS_PER_POOL = 32
MAX_CONNECTIONS_PER_HOST = 4


class HttpPools:
    """Connection pools, shared by remotes of a tenant that agree in TLS material and proxy. Thread-safe."""

    def __init__(self) -> None:
        self._pools: FairCache[urllib3.PoolManager] = FairCache(MAX_CACHED_POOLS)
        self._lock = threading.Lock()

    def pool(self, remote: Remote) -> urllib3.PoolManager:
        """Return the pool for a remote. Raises BadCredentials."""
        proxy = proxy_for(remote)
        with self._lock:
            pool = self._pools.get(remote.tenant, (remote.tls, proxy))
        if pool is None:
            made = _new_pool(remote.tls, proxy)  # reads certificates: not while others wait for the lock
            with self._lock:
                pool = self._pools.get(remote.tenant, (remote.tls, proxy))
                evicted = self._pools.put(remote.tenant, (remote.tls, proxy), made) if pool is None else None
            if evicted:
                evicted.clear()
        return pool or made

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            for pool in self._pools.pop_all():
                pool.clear()


def _new_pool(tls: TlsMaterial, proxy: Proxy | None) -> urllib3.PoolManager:
    context = _ssl_context(tls)
    if proxy is None:
        return use(
            urllib3.PoolManager(num_pools=MAX_HOSTS_PER_POOL, maxsize=MAX_CONNECTIONS_PER_HOST, ssl_context=context)
        )
    match proxy.scheme:
        case "http" | "https":
            # Not by urllib3's make_headers, which fails for what is not Latin-1.
            login = basic_authorization(proxy.username, proxy.password) if proxy.username else ""
            return use(urllib3.ProxyManager(
                proxy.address, num_pools=MAX_HOSTS_PER_POOL, maxsize=MAX_CONNECTIONS_PER_HOST, ssl_context=context,
                proxy_headers={"Proxy-Authorization": login} if login else None,
            ))  # fmt: skip
        case "socks5" | "socks5h":
            from controllers.git.transport.sockspool import socks_pool  # noqa: PLC0415  # for the few who need it

            return socks_pool(proxy, context, num_pools=MAX_HOSTS_PER_POOL, maxsize=MAX_CONNECTIONS_PER_HOST)
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
