"""Git's smart HTTP protocol over urllib3: one file that does the I/O (gitprotocol-http).

Credentials go with each request and only to the origin they are for: redirects are followed by hand, for the greeting
alone, as `git` does. Git configuration is not read; proxies of the environment count where a remote names none.
"""

import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import urllib3
from cachetools import LRUCache
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError, ReadTimeoutError
from urllib3.exceptions import TimeoutError as HTTPTimeout

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
from controllers.git.protocol.pktline import Stream
from controllers.git.protocol.transport import Deadline
from controllers.git.protocol.wire import AGENT, UPLOAD_PACK
from controllers.git.remote import Basic, Bearer, Remote
from controllers.net.foreign_text import sanitize
from controllers.net.headers import basic_authorization, parse_retry_after
from controllers.net.proxy.address import BadProxy, Proxy
from controllers.net.tls import BadAuthority, BadKeyPair, TlsMaterial, ssl_context
from controllers.net.url import origin, strip_userinfo

MAX_REDIRECTS = 5
MAX_ADVERTISEMENT_BYTES = 64 << 20
CHUNK_BYTES = 64 << 10
MAX_CACHED_POOLS = 64
MAX_HOSTS_PER_POOL = 32
MAX_CONNECTIONS_PER_HOST = 4


class HttpPools:
    """Connection pools, shared by remotes that agree in TLS material and proxy. Thread-safe."""

    def __init__(self) -> None:
        self._pools: LRUCache[tuple[TlsMaterial, Proxy | None], urllib3.PoolManager] = LRUCache(MAX_CACHED_POOLS)
        self._lock = threading.Lock()

    def pool(self, remote: Remote) -> urllib3.PoolManager:
        proxy = proxy_for(remote)
        with self._lock:
            pool = self._pools.get((remote.tls, proxy))
            if pool is None:
                if len(self._pools) >= MAX_CACHED_POOLS:
                    self._pools.popitem()[1].clear()
                pool = self._pools[remote.tls, proxy] = _new_pool(remote.tls, proxy)
            return pool

    def close(self) -> None:
        with self._lock:
            while self._pools:
                self._pools.popitem()[1].clear()


class HttpTransport:
    """See GitTransport. Remembers where the greeting was redirected to until something fails."""

    def __init__(self, remote: Remote, pools: HttpPools) -> None:
        self._remote = remote
        self._pools = pools
        self._base = remote.url.rstrip("/")

    @contextmanager
    def advertise(self, service: str, deadline: Deadline) -> Iterator[Stream]:
        tail = f"/info/refs?service={service}"
        headers = {"Accept": "*/*"} | ({"Git-Protocol": "version=2"} if service == UPLOAD_PACK else {})
        url = self._remote.url.rstrip("/") + tail
        for _ in range(MAX_REDIRECTS + 1):
            with self._request("GET", url, headers, deadline) as response:
                if (location := response.get_redirect_location()) is None or location is False:
                    self._base = url.removesuffix(tail)
                    _check(response, url, f"application/x-{service}-advertisement")
                    yield _stream(response, deadline, MAX_ADVERTISEMENT_BYTES)
                    return
                url = _redirected(url, str(location), tail)
        raise ProtocolError(f"more than {MAX_REDIRECTS} redirects")

    @contextmanager
    def send_request(
        self, service: str, body: bytes, deadline: Deadline, *, version: int, max_bytes: int
    ) -> Iterator[Stream]:
        url = f"{self._base}/{service}"
        headers = {"Content-Type": f"application/x-{service}-request", "Accept": f"application/x-{service}-result"}
        if version == 2:
            headers["Git-Protocol"] = "version=2"
        try:
            with self._request("POST", url, headers, deadline, body) as response:
                _check(response, url, f"application/x-{service}-result")
                yield _stream(response, deadline, max_bytes)
        except GitError:
            self._base = self._remote.url.rstrip("/")
            raise

    def close(self) -> None:
        """Nothing of our own: the pools keep the connections."""

    @contextmanager
    def _request(
        self, method: str, url: str, headers: dict[str, str], deadline: Deadline, body: bytes | None = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        left = deadline.remaining()
        headers = {"User-Agent": AGENT, "Pragma": "no-cache", **self._authorization(url), **headers}
        with translate_errors(self._remote, deadline):
            response = self._pools.pool(self._remote).urlopen(
                method, url, body=body, headers=headers, redirect=False, retries=False, preload_content=False,
                timeout=urllib3.Timeout(total=left),
            )  # fmt: skip
            try:
                yield response
                response.drain_conn()  # what is read to its end can be used again
            except BaseException:
                response.close()
                raise
            finally:
                response.release_conn()

    def _authorization(self, url: str) -> dict[str, str]:
        if origin(url) != origin(self._remote.url):
            return {}
        match self._remote.credentials:
            case Basic(username=user, password=password) if user or password:
                return {"Authorization": basic_authorization(user, password)}
            case Bearer(token=token):
                return {"Authorization": f"Bearer {token}"}
            case _:
                return {}


def _stream(response: urllib3.BaseHTTPResponse, deadline: Deadline, max_bytes: int) -> Stream:
    seen = 0

    def receive() -> bytes:
        nonlocal seen
        deadline.remaining()
        chunk = response.read1(CHUNK_BYTES)
        seen += len(chunk)
        if seen > max_bytes:
            raise RepositoryTooLarge(f"the answer is larger than {max_bytes >> 20} MiB")
        return bytes(chunk)

    return Stream(receive)


def _check(response: urllib3.BaseHTTPResponse, url: str, content_type: str) -> None:
    status = response.status
    got = response.headers.get("Content-Type", "")
    if status == 200:
        if got.split(";")[0].strip() != content_type:
            raise ProtocolError(
                f"not a smart Git server: {sanitize(url)} answers with {sanitize(got) or 'no content type'}"
            )
        return
    text = "" if "html" in got else sanitize(response.read(1024))
    said = f": {text}" if text else ""
    if status == 401:
        raise AuthenticationFailed(f"authentication required{said}")
    if status == 403:
        raise AuthenticationFailed(f"authorization failed{said}")
    if status == 407:
        raise AuthenticationFailed("the proxy asks for credentials")
    if status in (404, 410):
        raise RepositoryNotFound(f"repository not found{said}")
    if status == 429 or status >= 500:
        wait = parse_retry_after(response.headers.get("Retry-After", ""), now=None)
        raise Unreachable(f"the server answered {status}{said}", retry_after=wait)
    raise ProtocolError(f"the server answered {status}{said}")


def _redirected(url: str, location: str, tail: str) -> str:
    target = urljoin(url, location)
    old, new = urlsplit(url), urlsplit(target)
    if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme != "https"):
        raise ProtocolError(f"refused to follow a redirect to {sanitize(strip_userinfo(target))}")
    if not target.endswith(tail):
        raise ProtocolError(f"redirected to {sanitize(strip_userinfo(target))}, which is no Git repository")
    return strip_userinfo(target)


@contextmanager
def translate_errors(remote: Remote, deadline: Deadline) -> Iterator[None]:
    """Turns what urllib3 raises into this package's errors."""
    try:
        yield
    except ReadTimeoutError as e:
        raise deadline.exceeded() from e
    except ProxyError as e:
        deadline.remaining()  # a proxy that does not answer is one of these, too
        proxy = proxy_for(remote)
        raise Unreachable(f"proxy {proxy.address if proxy else ''}: {_cause(e)}") from e
    except NewConnectionError as e:  # a timeout by inheritance only
        raise Unreachable(_cause(e)) from e
    except HTTPTimeout as e:
        raise DeadlineExceeded(f"{deadline.exceeded()} (connecting)") from e
    except (HTTPError, OSError) as e:
        raise Unreachable(_cause(e)) from e


def _cause(error: BaseException) -> str:
    """The system's or TLS library's words, without addresses of Python objects."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"certificate verify failed: {inner.verify_message}"
        if isinstance(inner, OSError) and not isinstance(inner, HTTPError) and inner.strerror:
            return sanitize(inner.strerror.lower())
        error = inner
        arguments = [a for a in inner.args if isinstance(a, BaseException)]
        inner = inner.__cause__ or inner.__context__ or (arguments[0] if arguments else None)
    return sanitize(str(error).rpartition(": ")[2])


def proxy_for(remote: Remote) -> Proxy | None:
    """The proxy by which an http(s) remote is reached: its own, else that of the environment."""
    return remote.proxy or _environment_proxy(remote.url)


def _new_pool(tls: TlsMaterial, proxy: Proxy | None) -> urllib3.PoolManager:
    context = _ssl_context(tls)
    if proxy is None:
        return urllib3.PoolManager(num_pools=MAX_HOSTS_PER_POOL, maxsize=MAX_CONNECTIONS_PER_HOST, ssl_context=context)
    match proxy.scheme:
        case "http" | "https":
            # Not by urllib3's make_headers, which fails for what is not Latin-1.
            login = basic_authorization(proxy.username, proxy.password) if proxy.username else ""
            return urllib3.ProxyManager(
                proxy.address, num_pools=MAX_HOSTS_PER_POOL, maxsize=MAX_CONNECTIONS_PER_HOST, ssl_context=context,
                proxy_headers={"Proxy-Authorization": login} if login else None,
            )  # fmt: skip
        case "socks5" | "socks5h":
            from controllers.git.transport.sockspool import socks_pool  # noqa: PLC0415  # for the few who need it

            return socks_pool(proxy, context, num_pools=MAX_HOSTS_PER_POOL, maxsize=MAX_CONNECTIONS_PER_HOST)
        case _:
            raise BadCredentials(f"proxy {proxy.address}: use one of http, https, socks5 or socks5h")


def _ssl_context(tls: TlsMaterial) -> ssl.SSLContext:
    """Return a verifying context with the given material. Raises BadCredentials for PEM texts that are none."""
    try:
        return ssl_context(tls)
    except BadAuthority as e:
        raise BadCredentials(f"cannot use the TLS material (ca.crt): {sanitize(str(e))}") from e
    except BadKeyPair as e:
        raise BadCredentials(f"cannot use the TLS material (tls.crt and tls.key): {sanitize(str(e))}") from e


def _environment_proxy(url: str) -> Proxy | None:
    parts = urlsplit(url)
    address = urllib.request.getproxies_environment().get(parts.scheme)
    if not address or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    try:
        return Proxy(address)
    except BadProxy as e:
        raise BadCredentials(str(e)) from None
