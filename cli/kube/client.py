"""The verbs of the Kubernetes API, on plain JSON values.

API: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import json
from collections.abc import Generator, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from api.resource import Resource
from cli.kube.connection import Connection
from cli.kube.deadline import Deadline
from cli.kube.objects import decode, metadata, pages, request_object, with_kind
from cli.kube.transport import Call, Transport
from controllers.runtime.kube.errors import Invalid
from controllers.runtime.kube.paths import describe_request, request_path

MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
_APPLY_PATCH: Final = "application/apply-patch+yaml"
"""JSON is YAML, and every server reads this one."""
PAGE_SIZE: Final = 500

Object: TypeAlias = dict[str, Any]
Objects: TypeAlias = list[Object]  # where `list` is the method


class Cluster:
    """One API server, until the deadline. Use as a context manager; not safe to use from several threads.

    Every method raises an ApiError of `controllers.runtime.kube.errors`: `message` is what the server says in full, or
    one line that says what to check; TimedOut when the deadline has passed; and NotConfigured when a plugin or a
    certificate of the kubeconfig cannot be used. Answers that ask to come back later (Retry-After) are waited for.
    """

    def __init__(self, connection: Connection, deadline: Deadline, *, user_agent: str = "tagline") -> None:
        self._connection = connection
        self._deadline = deadline
        self._transport = Transport(connection, deadline, user_agent=user_agent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    @property
    def namespace(self) -> str:
        """The context's namespace; empty where it names none."""
        return self._connection.namespace

    @property
    def server(self) -> str:
        """The API server's URL, fit for a message."""
        return self._connection.server

    @property
    def deadline(self) -> Deadline:
        """The deadline of all requests."""
        return self._deadline

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Return one object. Raises NotFound."""
        return self._send("get", "GET", resource, namespace, name)

    def list(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = "", page_size: int = PAGE_SIZE
    ) -> Iterator[Object]:
        """Yield objects, a request for each page. namespace: empty for all; labels, fields: selectors.

        When the server forgets where the list was, it is asked anew, and yields what was not yielded yet.
        """
        seen: set[str] = set()
        for page, _, _ in pages(
            self._transport, resource, namespace, labels=labels, fields=fields, page_size=page_size
        ):
            for item in page:
                uid = str(metadata(item).get("uid") or "")
                if not uid or uid not in seen:
                    seen.add(uid)
                    yield item

    def list_versioned(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = "", page_size: int = PAGE_SIZE
    ) -> tuple[Objects, str]:
        """Return all objects and the resourceVersion at which a `watch` begins."""
        items: Objects = []
        version = ""
        for page, version, is_first in pages(  # noqa: B007 -- the last one is used
            self._transport, resource, namespace, labels=labels, fields=fields, page_size=page_size
        ):
            items = [*page] if is_first else items + page
        return items, version

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        resource_version: str,
        timeout: float,
    ) -> Generator[tuple[str, Object], None, None]:
        """Yield what happens after `resource_version`, as ADDED, MODIFIED or DELETED and the object.

        Has a connection of its own; opens it again when the server ends it. Ends after `timeout` seconds. Raises Gone
        when the version is too old: list again. Close the iterator (`contextlib.closing`) when leaving it early.
        """
        from cli.kube.watching import watch  # noqa: PLC0415 -- few verbs watch

        call = Call(
            describe_request("watch", resource, namespace),
            "GET",
            request_path(resource, namespace),
            {"labelSelector": labels, "fieldSelector": fields, "watch": "true", "allowWatchBookmarks": "true"},
        )
        return watch(self._transport, call, self._deadline, resource_version=resource_version, timeout=timeout)

    def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, manager: str = "", dry_run: bool = False
    ) -> Object:
        """Create an object and return it as the server stored it. Raises AlreadyExists."""
        query = {"fieldManager": manager, "dryRun": "All" if dry_run else ""}
        return self._send("create", "POST", resource, namespace, body=with_kind(resource, body), query=query)

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        manager: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Replace an object and return it. Raises Conflict when body's `metadata.resourceVersion` is not the newest."""
        query = {"fieldManager": manager, "dryRun": "All" if dry_run else ""}
        return self._send("update", "PUT", resource, namespace, name, body=with_kind(resource, body), query=query)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: object,
        *,
        subresource: str = "",
        manager: str = "",
        content_type: str = MERGE_PATCH,
    ) -> Object:
        """Change an object and return it. body: what `content_type` means by a patch."""
        return self._send(
            "patch",
            "PATCH",
            resource,
            namespace,
            name,
            subresource=subresource,
            body=body,
            content_type=content_type,
            query={"fieldManager": manager},
        )

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        manager: str,
        force: bool = False,
        dry_run: bool = False,
    ) -> Object:
        """Apply what `manager` wants of an object (server-side apply); return the object.

        force: take over fields of other managers; without it they raise Conflict, which names them.
        """
        query = {"fieldManager": manager, "force": "true" if force else "", "dryRun": "All" if dry_run else ""}
        return self._send(
            "apply",
            "PATCH",
            resource,
            namespace,
            name,
            body=with_kind(resource, body),
            content_type=_APPLY_PATCH,
            query=query,
        )

    def delete(self, resource: Resource, namespace: str, name: str, *, propagation: str = "", uid: str = "") -> None:
        """Ask for deletion; finalizers may delay it. Raises NotFound.

        propagation: Background, Foreground or Orphan; empty for the kind's own
        uid: delete only this incarnation; raises Conflict when the name belongs to another by now
        """
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if propagation:
            body["propagationPolicy"] = propagation
        if uid:
            body["preconditions"] = {"uid": uid}
        self._send("delete", "DELETE", resource, namespace, name, body=body)

    def raw(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """Return the body that the server has at a path (from the server's root, percent-encoded)."""
        return self._transport.request(Call(f"get {path}", "GET", path, query or {}))

    def stream_lines(
        self, path: str, query: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> Generator[bytes, None, None]:
        """Yield lines without their ends as they come, such as a pod's log, on a connection of its own.

        timeout: seconds after which the lines end, whatever the deadline of the other requests; None for no limit,
        as who follows a log wants it. Raises Unreachable when the connection breaks.
        """
        from cli.kube.watching import split_lines  # noqa: PLC0415 -- few verbs stream

        call = Call(f"read {path}", "GET", path, query or {})
        return split_lines(self._transport.stream(call, self._deadline.anew(timeout)))

    def server_version(self) -> dict[str, Any]:
        """Return what the server says of itself: `gitVersion`, `major`, `minor` and more."""
        return decode("get /version", self.raw("/version"))

    def _send(
        self,
        verb: str,
        method: str,
        resource: Resource,
        namespace: str,
        name: str = "",
        *,
        subresource: str = "",
        body: object = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Object:
        if not name and verb != "create":  # it would be asked of all objects at once
            raise Invalid(f"{verb} {resource.plural}", "resource name may not be empty", status=400)
        shown = name or (str(metadata(body).get("name") or "") if isinstance(body, Mapping) else "")
        call = Call(
            describe_request(verb, resource, namespace, shown, subresource),
            method,
            request_path(resource, namespace, name, subresource),
            query or {},
            None if body is None else json.dumps(body, separators=(",", ":"), allow_nan=False).encode(),
            content_type,
        )
        return request_object(self._transport, call, resource)
