"""`testing.observer`: which objects are followed, also where a CRD comes and goes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from api.kinds import EVERY_PROCESS
from api.names import IMAGE_POLICIES, RECEIVERS
from testing.apiserver import ScriptedServer
from testing.invariants import check_versions
from testing.observer import NeverCame, Observer
from testing.scripted_answers import failure_response

SECONDS = 5.0


class Crd:
    """Whether a server has the CRD of Receivers."""

    def __init__(self, api: ScriptedServer) -> None:
        self.is_there = False
        for verb in ("list", "watch"):
            api.script(verb, *[self._answer] * 1000)

    async def _answer(self, request: web.Request) -> web.StreamResponse | None:
        is_asked_for = f"/{RECEIVERS.plural}" in request.path
        return failure_response(404, "NotFound") if is_asked_for and not self.is_there else None


@pytest.fixture
async def api() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def observer(api: ScriptedServer) -> AsyncIterator[Observer]:
    observer = Observer(api.config.server)
    await observer.start()
    yield observer
    await observer.close()


def put(api: ScriptedServer, *, observed: int = 1) -> str:
    meta = {"namespace": "ns", "name": "app", "generation": 1}
    stored: dict[str, Any] = api.put(RECEIVERS, {"metadata": meta, "status": {"observedGeneration": observed}})
    return str(stored["metadata"]["uid"])


async def test_each_kind_that_a_controller_reconciles_is_followed(api: ScriptedServer, observer: Observer) -> None:
    for kind in EVERY_PROCESS:
        api.put(kind.resource, {"metadata": {"namespace": "ns", "name": "app"}})
    await observer.catch_up(seconds=SECONDS)
    assert {kind for kind, _ in observer.objects["ns"]} == {kind.resource.kind for kind in EVERY_PROCESS}


async def test_receivers_are_judged_from_when_their_crd_is_installed(api: ScriptedServer) -> None:
    crd, observer = Crd(api), Observer(api.config.server)
    await observer.start()
    try:
        api.put(IMAGE_POLICIES, {"metadata": {"namespace": "ns", "name": "app"}})
        await observer.catch_up(seconds=SECONDS)
        assert list(observer.objects["ns"]) == [("ImagePolicy", "app")]
        crd.is_there = True
        put(api, observed=7)
        await observer.catch_up(seconds=SECONDS)
        texts = [str(violation) for violation in check_versions(observer.versions["ns"])]
        assert len(texts) == 1
        assert "Receiver ns/app: 7 is ahead of generation 1" in texts[0]
    finally:
        await observer.close()


async def test_receivers_are_gone_with_their_crd(api: ScriptedServer) -> None:
    crd, observer = Crd(api), Observer(api.config.server)
    crd.is_there = True
    await observer.start()
    try:
        uid = put(api)
        await observer.catch_up(seconds=SECONDS)
        crd.is_there = False
        api.silent = True
        api.remove(RECEIVERS, "ns", "app")
        api.silent = False
        api.end_watches()
        await observer.catch_up(seconds=SECONDS)
        assert observer.gone == {uid}
        assert not observer.objects["ns"]
        crd.is_there = True
        assert put(api) != uid
        await observer.catch_up(seconds=SECONDS)
        assert len(observer.objects["ns"]) == 1
    finally:
        await observer.close()


async def test_a_server_that_lacks_another_kind_is_not_caught_up_with(api: ScriptedServer) -> None:
    async def absent(request: web.Request) -> web.StreamResponse | None:
        return failure_response(404, "NotFound") if IMAGE_POLICIES.plural in request.path else None

    api.script("list", *[absent] * 1000)
    observer = Observer(api.config.server)
    await observer.start()
    try:
        with pytest.raises(NeverCame, match="the server itself"):
            await observer.catch_up(seconds=0.2)
    finally:
        await observer.close()
