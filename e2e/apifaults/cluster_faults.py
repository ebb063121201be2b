"""Faults of the cluster: policies, schemas, clocks, leases, the API server and its store."""

import asyncio
import copy
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_TAG_LISTS, IMAGE_UPDATE_AUTOMATIONS, RECEIVERS
from api.resource import Resource
from e2e.apifaults.admission import DENY_LABEL
from e2e.apifaults.calls import WRITES
from e2e.apifaults.director import Hit
from e2e.apifaults.play import Play
from e2e.apifaults.positions import Position
from e2e.apifaults.watches import Stream
from e2e.apifaults.world import World

SECONDS = 1.5
"""How long such a fault lasts."""
LOAD_SECONDS = 60
SEVERAL_VERSIONS = {r.plural: r for r in (IMAGE_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS)}
CUSTOM = {**SEVERAL_VERSIONS, IMAGE_TAG_LISTS.plural: IMAGE_TAG_LISTS, RECEIVERS.plural: RECEIVERS}
OLD_STATUS = frozenset({
    "conditions", "observedGeneration", "lastHandledReconcileAt", "latestRef", "latestImage", "observedPreviousRef",
    "observedPreviousImage", "canonicalImageName", "lastScanResult", "observedExclusionList", "lastAutomationRunTime",
    "lastPushCommit", "lastPushTime", "observedPolicies", "observedSourceRevision", "revision", "chunk", "chunks",
    "tagCount", "data", "firstSeen", "webhookPath",
})  # fmt: skip
"""What the status of an older schema has: that of Flux's kinds."""
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Act = Callable[[Hit], Awaitable[web.StreamResponse]]


def is_custom_write(position: Position) -> bool:
    """Return whether it writes an object of one of our kinds."""
    return position.verb in WRITES and position.what.partition("/")[0] in CUSTOM


def is_reconciled_write(position: Position) -> bool:
    """Return whether it writes an object of a kind that has several versions."""
    return position.verb in WRITES and position.what.partition("/")[0] in SEVERAL_VERSIONS


async def deny(hit: Hit) -> web.StreamResponse:
    """Have an admission policy deny such writes for a while."""

    async def label(value: str | None) -> None:
        change = {"metadata": {"labels": {DENY_LABEL: value}}}
        path = f"/api/v1/namespaces/{hit.play.namespace}"
        await hit.play.world.call("PATCH", path, change, type_="application/merge-patch+json")

    async def allow_again() -> None:
        await asyncio.sleep(SECONDS)
        await label(None)

    await label(hit.call.what.partition("/")[0])
    await _until_denied(hit)
    answer = await hit.forward()
    if answer.status < 300:
        hit.play.failed = "the admission policy did not deny"
    hit.play.spawn(allow_again())
    return hit.exchange.answer(answer)


async def _until_denied(hit: Hit) -> None:
    """Wait until the policy denies the request, which it does a little later: it reads labels from a cache."""
    target, deadline = hit.call.target, time.monotonic() + LOAD_SECONDS
    probe = f"{target}{'&' if '?' in target else '?'}dryRun=All"
    while time.monotonic() < deadline:
        if (await hit.exchange.forward(probe)).status >= 300:
            return
        await asyncio.sleep(0.05)


def older_schema(hit: Hit) -> Awaitable[web.StreamResponse]:
    """Replace the CRD by one without what is ours in the status."""

    def change(version: dict[str, Any]) -> None:
        status = version["schema"]["openAPIV3Schema"].get("properties", {}).get("status", {})
        if "properties" not in status:  # of a version that has no schema of its own
            return
        status["properties"] = {name: found for name, found in status["properties"].items() if name in OLD_STATUS}
        status["required"] = [name for name in status.get("required", ()) if name in OLD_STATUS]

    return _replace_schema(hit, lambda versions: list(map(change, versions)))


def newer_schema(hit: Hit) -> Awaitable[web.StreamResponse]:
    """Replace the CRD by one with fields that nobody knows yet, which have defaults."""

    def change(version: dict[str, Any]) -> None:
        parts = version["schema"]["openAPIV3Schema"].get("properties", {})
        for part in parts.keys() & {"spec", "status"}:
            parts[part].setdefault("properties", {})["ofTheFuture"] = {"type": "string", "default": "unknown"}

    return _replace_schema(hit, lambda versions: list(map(change, versions)))


def other_storage(hit: Hit) -> Awaitable[web.StreamResponse]:
    """Have objects stored in another version from now on."""

    def change(versions: list[dict[str, Any]]) -> None:
        stored = next(version for version in versions if version["storage"])
        other = next(version for version in versions if not version["storage"])
        stored["storage"], other["storage"] = False, True

    return _replace_schema(hit, change)


async def _replace_schema(hit: Hit, change: Callable[[list[dict[str, Any]]], object]) -> web.StreamResponse:
    resource = CUSTOM[hit.call.what.partition("/")[0]]
    path, world = f"{_CRDS}/{resource.plural}.{resource.group}", hit.play.world
    before = await world.call("GET", path)
    changed = copy.deepcopy(before)
    change(changed["spec"]["versions"])
    column = f"Of {hit.play.namespace}"
    for version in changed["spec"]["versions"]:
        version.setdefault("additionalPrinterColumns", []).append(
            {"name": column, "type": "string", "jsonPath": ".metadata.name"}
        )

    async def put(versions: list[dict[str, Any]], *, is_changed: bool) -> None:
        current = await world.call("GET", path)
        current["spec"]["versions"] = versions
        await world.call("PUT", path, current)
        await _wait_loaded(world, resource, column, is_there=is_changed)

    async def restore() -> None:
        await put(before["spec"]["versions"], is_changed=False)

    async def restore_later() -> None:
        await asyncio.sleep(SECONDS)
        await restore()

    await put(changed["spec"]["versions"], is_changed=True)
    hit.play.undo.append(restore)
    hit.play.spawn(restore_later())
    return await hit.relay()


async def _wait_loaded(world: World, resource: Resource, column: str, *, is_there: bool) -> None:
    """Wait until the API server works by a schema: what it answers at once after a change is of the former one."""
    path = f"/apis/{resource.group}/{resource.version}/{resource.plural}?limit=1"
    deadline = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < deadline:
        columns = await world.columns(path)
        if columns is not None and (column in columns) == is_there:
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(f"the CRD of {resource.plural} was not loaded within {LOAD_SECONDS} s")


def step_clock(seconds: int) -> Act:
    """Return a fault: the clock of the process steps by so many seconds."""

    async def act(hit: Hit) -> web.StreamResponse:
        clock = hit.play.world.replicas[hit.call.replica].clock
        clock.write_text(str(seconds))

        async def back() -> None:
            clock.unlink(missing_ok=True)

        hit.play.undo.append(back)
        return await hit.relay()

    return act


async def lose_lease(hit: Hit) -> web.StreamResponse:
    """Freeze the process until another one has taken the lease; it wakes up to the answer that it waited for."""
    replica = hit.play.world.replicas[hit.call.replica]
    async with replica.lock:
        assert replica.running is not None
        pid = replica.running.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            if not await hit.director.wait_for_other_leader(hit.call.replica, hit.call.process):
                hit.play.failed = "no other replica took the lease"
            answer = await hit.forward()
        finally:
            os.kill(pid, signal.SIGCONT)
    return hit.exchange.answer(answer)


async def end_leader(hit: Hit) -> web.StreamResponse:
    """End the leader in order, as a rollout does; it comes back as a candidate."""
    replica = hit.play.world.replicas[hit.call.replica]

    async def end() -> None:
        async with replica.lock:
            await replica.stop(kill=False)
            replica.start()

    hit.play.spawn(asyncio.shield(asyncio.ensure_future(end())))
    return await hit.relay()


async def kill_leader(hit: Hit) -> web.StreamResponse:
    """Kill the leader; another one has to wait for its lease to run out."""
    await hit.crash()
    return hit.exchange.abort()


async def restart_api_server(hit: Hit) -> web.StreamResponse:
    """Kill the API server, and start it again."""
    await hit.play.world.plane.restart_api_server()
    return hit.exchange.abort()


async def compact(stream: Stream, play: Play, line: bytes) -> None:
    """Have the store forget what was before now, and the server what it had in memory: the watch cannot go on."""
    await play.world.plane.compact()
    await play.world.plane.restart_api_server()
    await stream.abort()
