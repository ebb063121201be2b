"""The one place that speaks HTTP to the Kubernetes API server.

Generated clients cost tens of megabytes and a millisecond a request; an operator needs seven verbs on JSON, so they
are written out here over one aiohttp session. Decoding lives in `serializer`, credentials in `config`.
There is no client-side rate limit: API priority and fairness of the server decides, and its 429 is honoured.
API: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from api.resource import Resource
from controllers.clock import SYSTEM_CLOCK, Clock
from controllers.net.library_errors import describe
from controllers.runtime.kube import serializer
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.kube.errors import NotFound, Throttled, TooLarge, Unreachable
from controllers.runtime.kube.paths import describe_request, request_path
from controllers.runtime.kube.serializer import K, Page, T, WatchEvent

CONNECTIONS = 64
"""Upper bound of open connections: a handful of watches, and one a worker."""
KEEPALIVE_SECONDS = 30.0
"""Shorter than the server's 90 s, so that we never write into a connection it is closing."""
REQUEST_SECONDS = 30.0
LIST_SECONDS = 60.0
CONNECT_SECONDS = 10.0
MAX_OBJECT_BYTES = 8 << 20
MAX_PAGE_BYTES = 16 << 20
"""Ten objects of the largest size a server stores; thousands of the usual one."""
MAX_ERROR_BYTES = 64 << 10
READ_ATTEMPTS = 3
MAX_RETRY_AFTER_SECONDS = 10.0
"""A read waits this long for a throttling server, no longer; what it asks beyond is the caller's to plan."""
DEFAULT_RETRY_AFTER_SECONDS = 1.0

_MERGE_PATCH = "application/merge-patch+json"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class _Request:
    operation: str
    """Verb, resource and key: the beginning of every error text."""
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = _JSON
    seconds: float = REQUEST_SECONDS
    max_bytes: int = MAX_OBJECT_BYTES


class KubeClient:
    """Typed requests to one API server. Safe to use from several tasks of one event loop.

    Every method raises an ApiError of `errors`; reads wait for a throttling server a little, writes never: they raise
    Throttled and the caller decides. A 401 makes it read its credentials anew and try once more. Reads and deletes
    whose connection breaks before an answer are repeated once, by aiohttp.
    """

    def __init__(
        self,
        config: ClusterConfig,
        *,
        user_agent: str,
        observe: Callable[[str, int], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """observe: called with method and HTTP status of every answer; status 0 when there was none."""
        self._config = config
        self._user_agent = user_agent
        self._observe = observe
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T:
        """Return one object, read from the server (never from a cache)."""
        call = _Request(
            describe_request("get", resource, namespace, name), "GET", request_path(resource, namespace, name)
        )
        return serializer.decode(await self._read(call), into, operation=call.operation)

    async def list(
        self,
        resource: Resource,
        *,
        into: type[T],
        namespace: str = "",
        label_selector: str = "",
        limit: int = 500,
        continue_: str = "",
        resource_version: str = "",
    ) -> Page[T]:
        """Return one page; its `continue_` requests the next.

        limit: objects a page; 0 for all at once
        resource_version: "" for the newest state, "0" for any the server has in memory
        Raises Gone when a `continue_` token is too old: begin again. Raises TooLarge when the page is: lower `limit`.
        """
        call = _Request(
            describe_request("list", resource, namespace),
            "GET",
            request_path(resource, namespace),
            _drop_empty(
                labelSelector=label_selector,
                limit=str(limit) if limit else "",
                resourceVersion=resource_version,
                **{"continue": continue_},
            ),
            seconds=LIST_SECONDS,
            max_bytes=MAX_PAGE_BYTES,
        )
        return serializer.decode_page(await self._read(call), into, operation=call.operation)

    async def watch(
        self,
        resource: Resource,
        *,
        into: type[K],
        namespace: str = "",
        label_selector: str = "",
        resource_version: str,
        timeout_seconds: int,
    ) -> AsyncGenerator[WatchEvent[K], None]:
        """Yield what happens after `resource_version`, bookmarks included, until the server ends the stream.

        timeout_seconds: when the server is asked to end it. A silent stream is the caller's to notice.
        Close it (`contextlib.aclosing`) when leaving early: it holds a connection.
        Raises Gone when `resource_version` is too old (answer or event), Unreachable when the stream breaks.
        """
        query = _drop_empty(
            labelSelector=label_selector,
            resourceVersion=resource_version,
            watch="true",
            allowWatchBookmarks="true",
            timeoutSeconds=str(timeout_seconds),
        )
        call = _Request(describe_request("watch", resource, namespace), "GET", request_path(resource, namespace), query)
        with _map_network_errors(call.operation):
            async with asyncio.timeout(REQUEST_SECONDS):
                response = await self._send(call, aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS))
        lines = serializer.LineSplitter(operation=call.operation)
        try:
            with _map_network_errors(call.operation):
                async for chunk in response.content.iter_any():
                    for line in lines.feed(chunk):
                        yield serializer.decode_event(line, into, operation=call.operation)
        finally:
            response.close()

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: object,
        *,
        into: type[T],
        name: str = "",
        subresource: str = "",
    ) -> T:
        """Create an object and return it as the server stored it. Raises AlreadyExists.

        name, subresource: to create something of an object that is there, a ServiceAccount's token for example.
        """
        operation = describe_request("create", resource, namespace, name, subresource)
        call = _Request(
            operation, "POST", request_path(resource, namespace, name, subresource), body=serializer.encode(body)
        )
        return serializer.decode(await self._write(call), into, operation=operation)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: object,
        *,
        into: type[T],
        subresource: str = "",
        field_manager: str = "",
    ) -> T:
        """Apply a JSON merge patch and return the object after it.

        body: with `metadata.resourceVersion` it is a precondition: raises Conflict when the object has moved on.
        After Unreachable the patch may or may not have been applied: read again.
        """
        operation = describe_request("patch", resource, namespace, name, subresource)
        call = _Request(
            operation,
            "PATCH",
            request_path(resource, namespace, name, subresource),
            _drop_empty(fieldManager=field_manager),
            serializer.encode(body),
            _MERGE_PATCH,
        )
        return serializer.decode(await self._write(call), into, operation=operation)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None:
        """Ask for deletion; an object that is not there is fine.

        uid: delete only this incarnation; raises Conflict when the name belongs to another by now.
        """
        body: dict[str, object] = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        operation = describe_request("delete", resource, namespace, name)
        try:
            await self._write(
                _Request(operation, "DELETE", request_path(resource, namespace, name), body=serializer.encode(body))
            )
        except NotFound:
            return

    async def close(self) -> None:
        """Close all connections; running watches end with Unreachable."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read(self, call: _Request) -> bytes:
        """Return the body of an idempotent request; wait for a throttling server within bounds."""
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                return await self._write(call)
            except Throttled as error:
                wait = DEFAULT_RETRY_AFTER_SECONDS if error.retry_after is None else error.retry_after
                if attempt == READ_ATTEMPTS or wait > MAX_RETRY_AFTER_SECONDS:
                    raise
            await self._clock.sleep(wait)
        raise AssertionError("unreachable")

    async def _write(self, call: _Request) -> bytes:
        """Return the body of a request that is sent once."""
        limits = aiohttp.ClientTimeout(total=call.seconds, sock_connect=CONNECT_SECONDS)
        with _map_network_errors(call.operation):
            response = await self._send(call, limits)
            async with response:
                return await _read_body(response, call.operation, limit=call.max_bytes)

    async def _send(self, call: _Request, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """Return a successful response whose body is still to be read."""
        response = await self._attempt(call, limits, renew=False)
        if response.status == 401 and self._config.credentials is not None:
            response.close()
            response = await self._attempt(call, limits, renew=True)
        if response.status < 300:
            return response
        async with response:
            body = await _read_body(response, call.operation, limit=MAX_ERROR_BYTES)
            retry_after = response.headers.get("Retry-After")
            raise serializer.decode_error(
                body, operation=call.operation, status=response.status, retry_after=retry_after
            )

    async def _attempt(self, call: _Request, limits: aiohttp.ClientTimeout, *, renew: bool) -> aiohttp.ClientResponse:
        headers = {"Content-Type": call.content_type} if call.body is not None else {}
        if self._config.credentials is not None:
            headers["Authorization"] = await self._config.credentials.authorization(renew=renew)
        try:
            response = await self._get_session().request(
                call.method,
                URL(self._config.server + call.path, encoded=True).with_query(call.query),
                data=call.body,
                headers=headers,
                timeout=limits,
                allow_redirects=False,
                server_hostname=self._config.server_name or None,
                proxy=self._config.proxy or None,
            )
        except (aiohttp.ClientError, OSError, TimeoutError):
            self._observe_response(call.method, 0)
            raise
        self._observe_response(call.method, response.status)
        return response

    def _observe_response(self, method: str, status: int) -> None:
        if self._observe is not None:
            self._observe(method, status)

    def _get_session(self) -> aiohttp.ClientSession:
        # Made on first use: a session belongs to the event loop it is made in.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=CONNECTIONS,
                    keepalive_timeout=KEEPALIVE_SECONDS,
                    ssl=self._config.tls or True,
                ),
                # Uncompressed: the server is near, and inflating list pages would hold the event loop.
                headers={"User-Agent": self._user_agent, "Accept": _JSON, "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


@contextmanager
def _map_network_errors(operation: str) -> Iterator[None]:
    """Raise Unreachable for what the network can raise."""
    try:
        yield
    except TimeoutError as error:
        raise Unreachable(operation, describe(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(operation, describe(error)) from error


async def _read_body(response: aiohttp.ClientResponse, operation: str, *, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            response.close()
            raise TooLarge(operation, f"answer of more than {limit} bytes", status=response.status)
        chunks.append(chunk)
    return b"".join(chunks)


def _drop_empty(**query: str) -> dict[str, str]:
    return {key: value for key, value in query.items() if value}
