"""Git's smart HTTP protocol over urllib3 (gitprotocol-http).

Credentials go with each request and only to the origin they are for: redirects are followed here, and only for the
advertisement, as `git` does. What other hosts than the URL's own answer is not quoted.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from controllers.git.errors import (
    AuthenticationFailed,
    GitError,
    ProtocolError,
    RepositoryNotFound,
    Unreachable,
)
from controllers.git.protocol.deadline import Deadline
from controllers.git.protocol.pktline import Stream, bounded_stream
from controllers.git.protocol.session import MAX_REFS_BYTES, Check, anyone
from controllers.git.protocol.wire import AGENT, UPLOAD_PACK
from controllers.git.remote import Basic, Bearer, Remote
from controllers.git.transport.httppools import HttpPools, is_answer_of, translate_errors
from controllers.net.foreign_text import sanitize
from controllers.net.headers import basic_authorization, parse_retry_after
from controllers.net.url import origin, redact_text, strip_userinfo

MAX_REDIRECTS = 5
CHUNK_BYTES = 64 << 10
FINISH_SECONDS = 1.0
"""How long the end of an answer may take to come after its content."""


class HttpTransport:
    """See GitTransport. Keeps the URL that the advertisement was redirected to until something fails."""

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
                    is_own = self._is_own(url)
                    _check(response, url, f"application/x-{service}-advertisement", is_own=is_own)
                    yield _stream(response, deadline, MAX_REFS_BYTES, is_own=is_own)
                    return
                url = _redirected(url, str(location), tail, is_own=self._is_own(url))
        raise ProtocolError(f"more than {MAX_REDIRECTS} redirects")

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
        url = f"{self._base}/{service}"
        headers = {"Content-Type": f"application/x-{service}-request", "Accept": f"application/x-{service}-result"}
        if version == 2:
            headers["Git-Protocol"] = "version=2"
        check()
        try:
            with self._request("POST", url, headers, deadline, body) as response:
                is_own = self._is_own(url)
                _check(response, url, f"application/x-{service}-result", is_own=is_own)
                yield _stream(response, deadline, max_bytes, is_own=is_own)
        except GitError:
            self._base = self._remote.url.rstrip("/")
            raise

    def close(self) -> None:
        """Do nothing: connections belong to the pools."""

    @contextmanager
    def _request(
        self, method: str, url: str, headers: dict[str, str], deadline: Deadline, body: bytes | None = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        left = deadline.remaining()
        headers = {"User-Agent": AGENT, "Pragma": "no-cache", **self._authorization(url), **headers}
        with translate_errors(self._remote, deadline):
            response = self._pools.send(self._remote, method, url, headers=headers, timeout=left, body=body)
            try:
                yield response
                _finish(response)
            except BaseException:
                response.close()
                raise
            finally:
                response.release_conn()

    def _is_own(self, url: str) -> bool:
        """Return whether what the URL answers comes from the host that the user named."""
        return is_answer_of([urlsplit(self._remote.url).hostname], url, self._remote.proxy)

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


def _stream(response: urllib3.BaseHTTPResponse, deadline: Deadline, max_bytes: int, *, is_own: bool) -> Stream:
    def receive() -> bytes:
        deadline.remaining()
        chunk = response.read1(CHUNK_BYTES, decode_content=False)
        if not chunk:
            deadline.remaining()  # or was it cut?
        return chunk

    return bounded_stream(receive, max_bytes=max_bytes, may_be_quoted=is_own)


def _finish(response: urllib3.BaseHTTPResponse) -> None:
    """Keep the connection if the response ends here, as those of Git servers do; close it if more is to come."""
    ended = False
    with suppress(HTTPError, OSError):
        if (sock := getattr(response.connection, "sock", None)) is not None:
            sock.settimeout(FINISH_SECONDS)
        ended = not response.read1(CHUNK_BYTES, decode_content=False)
    if not ended:
        response.close()


def _check(response: urllib3.BaseHTTPResponse, url: str, content_type: str, *, is_own: bool) -> None:
    status = response.status
    got = response.headers.get("Content-Type", "")
    if status == 200:
        if encoding := response.headers.get("Content-Encoding", "").replace("identity", ""):
            how = f" ({sanitize(encoding)})" if is_own else ""
            raise ProtocolError(f"the server compresses its answer unasked{how}; have it not do so")
        if got.split(";")[0].strip() != content_type:
            what = (sanitize(got) or "no content type") if is_own else "something else"
            raise ProtocolError(f"not a smart Git server: {sanitize(redact_text(url))} answers with {what}")
        return
    text = sanitize(response.read(1024, decode_content=False)) if is_own and "html" not in got else ""
    detail = f": {text}" if text else ""
    if status == 401:
        raise AuthenticationFailed(f"authentication required{detail}")
    if status == 403:
        raise AuthenticationFailed(f"authorization failed{detail}")
    if status == 407:
        raise AuthenticationFailed("the proxy asks for credentials")
    if status in (404, 410):
        raise RepositoryNotFound(f"repository not found{detail}")
    if status == 429 or status >= 500:
        wait = parse_retry_after(response.headers.get("Retry-After", ""), now=None)
        raise Unreachable(f"the server answered {status}{detail}", retry_after=wait)
    raise ProtocolError(f"the server answered {status}{detail}")


def _redirected(url: str, location: str, tail: str, *, is_own: bool) -> str:
    """Return where a redirect leads. Raises ProtocolError, which shows that only where the user's own host says it."""
    shown = f"'{sanitize(location.rpartition('@')[2])}'" if is_own else "a place that another host names"
    try:
        target = urljoin(url, location)
        old, new = urlsplit(url), urlsplit(target)
        _ = new.port  # raises for a port that is not a number
    except ValueError:
        raise ProtocolError(f"redirected to {shown}, which is not a URL") from None
    shown = sanitize(redact_text(target)) if is_own else shown
    if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme != "https"):
        raise ProtocolError(f"refused to follow a redirect to {shown}")
    if not target.endswith(tail):
        raise ProtocolError(f"redirected to {shown}, which is no Git repository")
    return strip_userinfo(target)
