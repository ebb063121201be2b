"""Follows the objects that our controllers reconcile at the API server itself: every version, as a history a namespace.

Receivers are among them wherever their CRD is installed, which may be at any time.
"""

import asyncio
import json
import ssl
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from api.kinds import EVERY_PROCESS, RECEIVER
from testing.invariants import Version

METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
RETRY_SECONDS = 0.1
ABSENT_SECONDS = 0.25
"""How often a CRD is looked for that not every installation has."""

T = TypeVar("T")
Objects = dict[tuple[str, str], dict[str, Any]]


class NeverCame(AssertionError):
    """What a play waited for did not happen in time."""


@dataclass(slots=True)
class _Kind:
    """What was seen of one kind."""

    name: str
    path: str
    is_optional: bool
    """Whether a server may lack its CRD: it has no objects of it then."""
    is_listed: bool = False
    """Whether it is followed: what is listed again later may have had versions that nobody saw."""
    live: dict[str, int] = field(default_factory=dict)
    """Last resourceVersion by uid."""


class Observer:
    """Histories by namespace. Belongs to one event loop."""

    def __init__(self, server: str, *, token: str = "", tls: ssl.SSLContext | None = None) -> None:
        """Build it. token: none for a server that asks for none. tls: none for one without TLS."""
        self._server, self._tls = server, tls
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.objects: dict[str, Objects] = defaultdict(dict)
        """By namespace; then by kind and name."""
        self.versions: dict[str, list[Version]] = defaultdict(list)
        self.gone: set[str] = set()
        """Uids of objects that were deleted. Whoever reads them may clear them."""
        self._changed: dict[str, asyncio.Condition] = defaultdict(asyncio.Condition)
        self._progress = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._kinds = [
            _Kind(kind.resource.kind, f"/apis/{kind.resource.api_version}/{kind.resource.plural}", kind is RECEIVER)
            for kind in EVERY_PROCESS
        ]

    async def start(self) -> None:
        """Begin to follow."""
        self.session = aiohttp.ClientSession(
            self._server,
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls or True, keepalive_timeout=20),
            timeout=aiohttp.ClientTimeout(),
        )
        self._tasks += [asyncio.create_task(self._follow(kind)) for kind in self._kinds]

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.session.close()
        await asyncio.sleep(0)  # connections that were aborted end in the next round of the loop

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

    async def catch_up(self, *, seconds: float) -> None:
        """Return once all was seen that the server has at this moment, and of what was seen, that it is gone.

        Only of objects that came and went within the delay of the watches nothing may be known. Raises NeverCame.
        """
        missing: list[str] = ["the server itself"]
        try:
            async with asyncio.timeout(seconds):
                for kind in self._kinds:
                    present, version = await self._list_metadata(kind)
                    while missing := _unseen(kind, present, version, self.gone):
                        self._progress.clear()
                        await self._progress.wait()
                    missing = ["the server itself"]
        except TimeoutError:
            raise NeverCame(f"not seen after {seconds:.0f} s: {', '.join(missing[:5])}") from None

    def forget(self, namespace: str) -> None:
        """Drop a namespace's history."""
        self.objects.pop(namespace, None)
        self.versions.pop(namespace, None)
        self._changed.pop(namespace, None)

    async def _follow(self, kind: _Kind) -> None:
        version = ""
        while True:
            try:
                version = version or await self._list(kind)
                if version:
                    version = await self._watch(kind, version)
                else:
                    await asyncio.sleep(ABSENT_SECONDS)
            except (aiohttp.ClientError, OSError, ValueError, KeyError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self, kind: _Kind) -> str:
        """Return the version of the list; empty: the server lacks the kind, and so it may."""
        async with self.session.get(kind.path) as answer:
            found: dict[str, Any] = {"items": (), "metadata": {"resourceVersion": ""}}
            if not _is_absent(kind, answer):
                answer.raise_for_status()
                found = await answer.json()
        present = {item["metadata"]["uid"] for item in found["items"]}
        for objects in list(self.objects.values()):
            for known in [known for known in objects.values() if known["kind"] == kind.name]:
                if known["metadata"]["uid"] not in present:
                    await self._see(kind, known, gone=True)
        for item in found["items"]:
            await self._see(kind, {"kind": kind.name, **item}, gone=False, listed=True)
        kind.is_listed = True
        self._progress.set()
        return str(found["metadata"]["resourceVersion"])

    async def _list_metadata(self, kind: _Kind) -> tuple[dict[str, int], int]:
        """Return the resourceVersion of each object by uid, and that of the list."""
        while True:
            try:
                async with self.session.get(kind.path, headers={"Accept": METADATA_LIST}) as answer:
                    if _is_absent(kind, answer):
                        return {}, sys.maxsize
                    answer.raise_for_status()
                    found = await answer.json()
            except (aiohttp.ClientError, OSError, ValueError):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            items = [item["metadata"] for item in found["items"] or ()]  # metadata alone have null
            present = {item["uid"]: int(item["resourceVersion"]) for item in items}
            return present, int(found["metadata"]["resourceVersion"])

    async def _watch(self, kind: _Kind, version: str) -> str:
        query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        async with self.session.get(kind.path, params=query) as answer:
            if answer.status == 410 or _is_absent(kind, answer):
                return ""
            answer.raise_for_status()
            try:
                return await self._read_events(kind, answer, version)
            finally:
                if answer.connection and answer.connection.transport:
                    answer.connection.transport.abort()  # closing TLS would go on when the loop has ended

    async def _read_events(self, kind: _Kind, answer: aiohttp.ClientResponse, version: str) -> str:
        buffer = b""
        async for chunk in answer.content.iter_any():
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    await self._see(kind, event["object"], gone=event["type"] == "DELETED")
        return version

    async def _see(self, kind: _Kind, document: dict[str, Any], *, gone: bool, listed: bool = False) -> None:
        meta = document["metadata"]
        namespace, key = meta["namespace"], (document["kind"], meta["name"])
        known = self.objects[namespace].get(key)
        is_new = not known or int(known["metadata"]["resourceVersion"]) < int(meta["resourceVersion"])
        if gone:
            if known and known["metadata"]["uid"] == meta["uid"]:
                self.objects[namespace].pop(key)
            kind.live.pop(meta["uid"], None)
            self.gone.add(meta["uid"])
        elif is_new:
            self.objects[namespace][key] = document
            kind.live[meta["uid"]] = int(meta["resourceVersion"])
            self.versions[namespace].append(Version.of(document, at=time.monotonic(), is_listed=listed))
        else:
            return
        self._progress.set()
        async with self._changed[namespace]:
            self._changed[namespace].notify_all()


def administrators_observer(server: str, *, kubeconfig: Path, authority: Path) -> Observer:
    """Return an observer with the rights of a kubeconfig that `hack.env` has written. authority: in PEM."""
    token = json.loads(kubeconfig.read_text())["users"][0]["user"]["token"]
    return Observer(server, token=token, tls=ssl.create_default_context(cafile=str(authority)))


def _is_absent(kind: _Kind, answer: aiohttp.ClientResponse) -> bool:
    return kind.is_optional and answer.status == 404


def _unseen(kind: _Kind, present: dict[str, int], version: int, gone: set[str]) -> list[str]:
    """Name what was not seen of a kind that a list of `version` has."""
    if not kind.is_listed:
        return [f"any {kind.name}"]
    unseen = [f"{kind.name} {uid}" for uid, at in present.items() if kind.live.get(uid, 0) < at and uid not in gone]
    left = [uid for uid, at in kind.live.items() if at <= version and uid not in present]
    return unseen + [f"the end of {kind.name} {uid}" for uid in left]
