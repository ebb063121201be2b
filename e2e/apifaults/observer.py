"""Follows the objects of the three kinds at the API server itself: every version, as a history a namespace."""

import asyncio
import json
import ssl
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp

from api.kinds import RECONCILED
from testing.invariants import Version

T = TypeVar("T")
Objects = dict[tuple[str, str], dict[str, Any]]


class NeverCame(AssertionError):
    """What a play waited for did not happen in time."""


class Observer:
    """Histories by namespace. Belongs to one event loop."""

    def __init__(self, server: str, *, token: str = "", tls: ssl.SSLContext | None = None) -> None:
        """Build it. token: none for a server that asks for none. tls: none for one without TLS."""
        self._server, self._tls = server, tls
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.objects: dict[str, Objects] = defaultdict(dict)
        """By namespace; then by kind and name."""
        self.versions: dict[str, list[Version]] = defaultdict(list)
        self._changed: dict[str, asyncio.Condition] = defaultdict(asyncio.Condition)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to follow."""
        self.session = aiohttp.ClientSession(
            self._server,
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls or True, keepalive_timeout=20),
            timeout=aiohttp.ClientTimeout(),
        )
        for kind in RECONCILED:
            resource = kind.resource
            path = f"/apis/{resource.group}/{resource.version}/{resource.plural}"
            self._tasks.append(asyncio.create_task(self._follow(path, resource.kind)))

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.session.close()

    async def wait(self, namespace: str, probe: Callable[[Objects], T], *, what: str, seconds: float) -> T:
        """Return the first truthy result of `probe` over the namespace's objects. Raises NeverCame."""
        deadline, changed = time.monotonic() + seconds, self._changed[namespace]
        while not (found := probe(self.objects[namespace])):
            left = deadline - time.monotonic()
            if left <= 0:
                raise NeverCame(f"waited {seconds:.0f} s in vain for {what}")
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.5)), changed:
                    await changed.wait()
        return found

    def forget(self, namespace: str) -> None:
        """Drop a namespace's history."""
        self.objects.pop(namespace, None)
        self.versions.pop(namespace, None)
        self._changed.pop(namespace, None)

    async def _follow(self, path: str, kind: str) -> None:
        version = ""
        while True:
            try:
                if not version:
                    version = await self._list(path, kind)
                version = await self._watch(path, version)
            except (aiohttp.ClientError, OSError, ValueError, KeyError):
                await asyncio.sleep(0.1)

    async def _list(self, path: str, kind: str) -> str:
        async with self.session.get(path) as answer:
            answer.raise_for_status()
            found = await answer.json()
        for item in found["items"]:
            await self._see({"kind": kind, **item}, gone=False)
        return str(found["metadata"]["resourceVersion"])

    async def _watch(self, path: str, version: str) -> str:
        query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        async with self.session.get(path, params=query) as answer:
            if answer.status == 410:
                return ""
            answer.raise_for_status()
            buffer = b""
            async for chunk in answer.content.iter_any():
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return ""
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        await self._see(event["object"], gone=event["type"] == "DELETED")
        return version

    async def _see(self, document: dict[str, Any], *, gone: bool) -> None:
        namespace, key = document["metadata"]["namespace"], (document["kind"], document["metadata"]["name"])
        known = self.objects[namespace].get(key)
        if known and int(known["metadata"]["resourceVersion"]) >= int(document["metadata"]["resourceVersion"]):
            return
        if gone:
            self.objects[namespace].pop(key, None)
        else:
            self.objects[namespace][key] = document
            self.versions[namespace].append(Version.of(document, at=time.monotonic()))
        async with self._changed[namespace]:
            self._changed[namespace].notify_all()
