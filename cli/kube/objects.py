"""Objects as plain JSON values: lists in pages, and what items of a list lack.

https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from api.resource import Resource
from cli.kube.transport import Call, Transport
from controllers.golang.quote import quote
from controllers.runtime.kube.errors import Gone, Invalid, NotFound, Unreadable
from controllers.runtime.kube.paths import describe_request, request_path

_SELECTS: Final = re.compile(r"[\\,=]")
"""Signs that mean something in a field selector."""
_NO_SUCH_PATH: Final = "404 page not found"
"""What a server answers that does not know a path: there, unlike for an object, is no Status."""


class NoSuchKind(NotFound):
    """The server lacks a kind, or does not serve that version of it: its CustomResourceDefinition is not installed."""


def field_is(path: str, value: str) -> str:
    """Return a field selector for one value, whatever is in it."""
    return path + "=" + _SELECTS.sub(r"\\\g<0>", value)


def pages(
    transport: Transport, resource: Resource, namespace: str, *, labels: str, fields: str, page_size: int
) -> Iterator[tuple[list[dict[str, Any]], str, bool]]:
    """Yield the objects of a page, the list's resourceVersion, and whether a list begins with this page.

    A list begins again when the server has forgotten where it was. page_size: 0 for all at once.
    """
    query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(page_size) if page_size else ""}
    operation = describe_request("list", resource, namespace)
    token = ""
    while True:
        call = Call(operation, "GET", request_path(resource, namespace), {**query, "continue": token})
        try:
            page = request_object(transport, call, resource)
        except Invalid as error:
            if labels:  # the server does not say what it speaks of
                text = f"couldn't parse the selector string {quote(labels)}: {error.message}"
                error.message = f"unable to parse label selector: {text}"
            raise
        except Gone:
            if not token:
                raise
            # In one piece this time: what takes too long once does so again.
            token, query["limit"] = "", ""
            continue
        meta, items = metadata(page), page.get("items") or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Unreadable(operation, "answer is not a list of objects", status=200)
        yield [with_kind(resource, item) for item in items], str(meta.get("resourceVersion") or ""), not token
        token = str(meta.get("continue") or "")
        if not token:
            return


def request_object(transport: Transport, call: Call, resource: Resource) -> dict[str, Any]:
    """Return the object that is the answer to a request for a kind. Raises NoSuchKind, ApiError."""
    try:
        return decode(call.operation, transport.request(call))
    except NotFound as error:
        if error.message != _NO_SUCH_PATH:
            raise
        raise NoSuchKind(
            call.operation, f'no matches for kind "{resource.kind}" in version "{resource.api_version}"', status=404
        ) from error


def with_kind(resource: Resource, obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with its kind, which items of a list do not have."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, **obj}


def metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of an object, or of a list; empty where there is none."""
    found = obj.get("metadata")
    return found if isinstance(found, Mapping) else {}


def decode(operation: str, body: bytes) -> dict[str, Any]:
    """Return the object that an answer is. Raises Unreadable."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unreadable(operation, "answer is not an object in JSON; is that an API server?", status=200)
    return value
