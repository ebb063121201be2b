"""Events for Flux's notification controller (or anything that speaks its JSON) at `--events-addr`.

Body and rules: https://fluxcd.io/flux/components/notification/events/ and Flux's runtime event recorder: five
seconds an attempt, four retries on connection errors and server errors, none on 429, which means "duplicate".
A failure is logged and forgotten: the Kubernetes Event is the record.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

import aiohttp
import msgspec

from controllers.clock import Clock
from controllers.runtime import logkey
from controllers.runtime.reconcile.events import EventType, InvolvedObject, Outbox

TIMEOUT_SECONDS = 5
_RETRIES = 4
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 30.0
_SEVERITY = {EventType.NORMAL: "info", EventType.WARNING: "error"}

Post = Callable[[bytes], Awaitable[int]]
"""Send a body, return the HTTP status; raises OSError, TimeoutError or aiohttp.ClientError without one."""


class HttpPost:
    """Posts JSON to one address over one session."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, body: bytes) -> int:
        if self._session is None:  # made late: it wants a running event loop
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._address, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class Notifier:
    """An `events.EventSink`. `notify` only queues; `run` sends."""

    def __init__(self, post: Post, *, component: str, instance: str, clock: Clock, log: logging.Logger) -> None:
        self._post = post
        self._component = component
        self._instance = instance
        self._clock = clock
        self._log = log
        self._outbox = Outbox(self._send)

    def notify(self, involved: InvolvedObject, type: EventType, *, reason: str, message: str, at: datetime) -> None:
        """Queue one event. Objects without kind, name or namespace are left out, as Flux does."""
        if not (involved.kind and involved.name and involved.namespace):
            return
        body: dict[str, object] = {
            "involvedObject": involved.reference(),
            "severity": _SEVERITY[type],
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "message": message,
            "reason": reason,
        }
        if involved.metadata:
            body["metadata"] = dict(involved.metadata)
        body["reportingController"] = self._component
        if self._instance:
            body["reportingInstance"] = self._instance
        if not self._outbox.put(msgspec.json.encode(body)):
            self._log.error("unable to record event", extra={logkey.ERROR: "too many notifications wait"})

    async def run(self) -> None:
        """Send what is queued, until cancelled."""
        await self._outbox.run()

    async def flush(self) -> None:
        """Return when everything queued is sent or given up."""
        await self._outbox.flush()

    async def _send(self, body: bytes) -> None:
        wait = _FIRST_WAIT_SECONDS
        for attempt in range(_RETRIES + 1):
            try:
                status = await self._post(body)
            except (OSError, TimeoutError, aiohttp.ClientError) as error:
                failure = type(error).__name__  # the text may hold the address, and that a password
            else:
                if status < 400 or status == 429:
                    return
                failure = f"the receiver answered {status}"
                if status < 500:
                    break
            if attempt < _RETRIES:
                await self._clock.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
        self._log.error("unable to record event", extra={logkey.ERROR: failure})
