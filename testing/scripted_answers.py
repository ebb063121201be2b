"""Answers that an `apiserver.ScriptedServer` gives instead of its usual ones when a test says so."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from testing.apistore import Json

ScriptedAnswer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""What a scripted request gets; None lets the server answer as usual."""


def fail(status: int, reason: str = "", *, message: str = "scripted", **headers: str) -> ScriptedAnswer:
    """Return a failure with a Status object; headers: `Retry_After="1"`."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return failure_response(status, reason, message, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


def raw(body: bytes, *, status: int = 200, content_type: str = "application/json") -> ScriptedAnswer:
    """Return these very bytes as the answer."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type=content_type)

    return answer


def delay_until(gate: asyncio.Event) -> ScriptedAnswer:
    """Give the usual answer, but not before `gate` is set."""

    async def answer(_: web.Request) -> None:
        await gate.wait()

    return answer


async def pass_through(_: web.Request) -> None:
    """Give the usual answer."""


async def reset_connection(request: web.Request) -> web.StreamResponse:
    """Reset the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def status_object(status: int, reason: str, message: str = "scripted") -> Json:
    """Return a `meta/v1.Status`."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Success" if status < 300 else "Failure",
        "message": message,
        "reason": reason,
        "code": status,
    }


def failure_response(
    status: int, reason: str, message: str = "scripted", *, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.json_response(status_object(status, reason, message), status=status, headers=headers)
