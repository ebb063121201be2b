"""Watches that go on where the server ends them, and streams of lines.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import json
import math
from collections.abc import Generator
from contextlib import closing
from typing import Any, Final

from cli.kube.deadline import Deadline
from cli.kube.objects import metadata
from cli.kube.transport import Call, Transport
from controllers.runtime.kube.errors import (
    ApiError,
    Forbidden,
    ServerError,
    Throttled,
    TooLarge,
    Unreachable,
    Unreadable,
)

MAX_LINE_BYTES: Final = 16 << 20
OUTAGE_SECONDS: Final = 60.0
"""How long a server may be away, as it is while its node or its control plane is upgraded."""
PAUSE_SECONDS: Final = 1.0
"""Before a connection is opened again that has brought nothing."""

Event = tuple[str, dict[str, Any]]


def watch(
    transport: Transport, call: Call, deadline: Deadline, *, resource_version: str, timeout: float
) -> Generator[Event, None, None]:
    """Yield changes after a version until `timeout` seconds have passed; see `Cluster.watch`."""
    end = deadline.within(timeout)
    outage: Deadline | None = None
    failure: ApiError | None = None
    while not end.has_passed():
        left = end.remaining()
        query = {**call.query, "resourceVersion": resource_version, "timeoutSeconds": str(math.ceil(left or 0) + 1)}
        brought = False
        try:
            with closing(split_lines(transport.stream(call._replace(query=query), end))) as lines:
                for line in filter(None, lines):
                    kind, obj = _decode(call.operation, line)
                    brought = True
                    resource_version = str(metadata(obj).get("resourceVersion") or "") or resource_version
                    if kind != "BOOKMARK":
                        yield kind, obj
        except (Unreachable, Throttled, ServerError, Forbidden) as error:
            outage = None if brought else outage
            # A server that has just begun knows no roles yet; one that was there says so for good.
            is_final = isinstance(error, Unreadable) or (isinstance(error, Forbidden) and outage is None)
            outage = outage or deadline.anew(OUTAGE_SECONDS)
            if is_final or outage.has_passed():
                raise
            failure = error
        else:
            outage = failure = None
        if not brought:
            end.sleep(PAUSE_SECONDS)
    if failure is not None:
        raise failure
    deadline.check(call.operation)


def split_lines(pieces: Generator[bytes, None, None]) -> Generator[bytes]:
    """Yield the lines of a byte stream without their ends; the last one may lack its end."""
    parts: list[bytes] = []
    size = 0
    with closing(pieces) as source:
        for piece in source:
            first, *rest = piece.split(b"\n")
            parts.append(first)
            size += len(first)
            if size > MAX_LINE_BYTES:
                raise TooLarge("read a stream", f"line of more than {MAX_LINE_BYTES >> 20} MiB", status=200)
            for part in rest:
                yield b"".join(parts)
                parts, size = [part], len(part)
    if any(parts):
        yield b"".join(parts)


def _decode(operation: str, line: bytes) -> Event:
    try:
        event = json.loads(line)
        kind, obj = event["type"], event["object"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unreadable(operation, "watch line is not an event", status=200) from None
    if kind == "ERROR":
        from cli.kube.failures import refused  # noqa: PLC0415 -- takes longer than an event

        raise refused(operation, 0, {}, json.dumps(obj).encode())
    if not isinstance(kind, str) or not isinstance(obj, dict):
        raise Unreadable(operation, "watch line is not an event", status=200)
    return kind, obj
