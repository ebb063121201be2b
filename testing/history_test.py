"""`testing.history`: what tests break is found, whose it is, and that nothing was looked at is said."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from api.names import IMAGE_POLICIES
from testing.apiserver import ScriptedServer
from testing.history import History, Part
from testing.observer import NeverCame, Observer

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"


@dataclass(frozen=True, slots=True)
class World:
    """A server, and what is followed of it."""

    api: ScriptedServer
    history: History

    def put(self, name: str = "app", *, generation: int = 1, **status: Any) -> None:
        """Store an object with a status."""
        meta = {"namespace": "ns", "name": name, "generation": generation}
        self.api.put(IMAGE_POLICIES, {"metadata": meta, "status": status})

    async def check(self) -> list[str]:
        return await asyncio.to_thread(self.history.check)


def ready(*, at: str = EARLY, message: str = "fine", generation: int = 1, status: str = "True") -> list[dict[str, Any]]:
    more = {"reason": "Because", "message": message, "observedGeneration": generation, "lastTransitionTime": at}
    return [{"type": "Ready", "status": status, **more}]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with ScriptedServer() as api:
        history = await asyncio.to_thread(lambda: History(lambda: Observer(api.config.server)))
        try:
            yield World(api, history)
        finally:
            await asyncio.to_thread(history.close)


async def test_a_violation_is_told_once_with_the_part_and_the_versions(world: World) -> None:
    world.history.begin(Part("test_of_apps"))
    world.put(observedGeneration=1, conditions=ready())
    assert await world.check() == []
    world.put(observedGeneration=1, conditions=ready(at=LATE))
    text = "\n".join(await world.check())
    assert "lastTransitionTime: ImagePolicy ns/app: Ready True -> True, but its time moved" in text
    assert "test_of_apps" in text
    assert f"Ready=True Because of 1 since {LATE}: 'fine'" in text
    assert await world.check() == []
    assert world.history.judged == 2


async def test_a_violation_of_an_object_that_is_gone_is_found(world: World) -> None:
    world.put(observedGeneration=1, conditions=ready())
    world.put(observedGeneration=2, conditions=ready())
    world.api.remove(IMAGE_POLICIES, "ns", "app")
    assert "2 is ahead of generation 1" in "\n".join(await world.check())


async def test_objects_of_an_exempt_part_are_never_judged_and_those_of_the_next_are(world: World) -> None:
    world.history.begin(Part("breaks the rules", is_exempt=True))
    world.put("broken", observedGeneration=2)
    assert await world.check() == []
    world.history.begin(Part("another"))
    world.put("broken", observedGeneration=3)
    assert await world.check() == []
    world.put("app", observedGeneration=2)
    assert "ns/app" in (await world.check())[0]
    assert world.history.judged == 1


async def test_what_the_watch_does_not_show_is_no_success(world: World) -> None:
    world.put(observedGeneration=1, conditions=ready())
    assert await world.check() == []
    world.api.silent = True
    world.put("unseen", observedGeneration=1, conditions=ready())
    world.history.patience = 0.05
    with pytest.raises(NeverCame, match="ImagePolicy"):
        await world.check()
    world.history.patience = 10
    world.api.silent = False
    world.api.end_watches()
    assert await world.check() == []


async def test_an_end_that_the_watch_does_not_show_is_no_success(world: World) -> None:
    world.put(observedGeneration=1, conditions=ready())
    assert await world.check() == []
    world.api.silent = True
    world.api.remove(IMAGE_POLICIES, "ns", "app")
    world.history.patience = 0.05
    with pytest.raises(NeverCame, match="the end of ImagePolicy"):
        await world.check()


async def test_steps_that_nobody_saw_are_no_violations_and_what_stands_there_is_judged(world: World) -> None:
    world.put("app", observedGeneration=1, conditions=ready())
    world.put("gone", observedGeneration=1, conditions=ready())
    assert await world.check() == []
    world.api.silent = True
    unready = ready(status="False", at=LATE)
    world.put("app", observedGeneration=1, conditions=[*unready, {**unready[0], "type": "Stalled", "status": "True"}])
    world.put("app", observedGeneration=1, conditions=ready(at=LATE))
    world.put("lies", observedGeneration=1, conditions=unready)
    world.api.remove(IMAGE_POLICIES, "ns", "gone")
    world.api.silent = False
    world.api.compact()
    world.api.end_watches()
    found = [text for text in await world.check() if not text.startswith(" ")]
    assert [text.partition(" (")[0] for text in found] == [
        "kstatus: ImagePolicy ns/lies: not Ready, and neither Reconciling nor Stalled"
    ]


async def test_a_server_without_the_kinds_is_said_at_once(world: World) -> None:
    with pytest.raises(NeverCame, match="the server itself"):
        await asyncio.to_thread(lambda: History(lambda: Observer("http://127.0.0.1:1"), patience=0.05))


@pytest.mark.parametrize("edited", [True, False])
async def test_a_status_that_follows_edits_of_another_object_is_not_flapping(world: World, *, edited: bool) -> None:
    for number in range(6):
        if edited:
            world.put("other", generation=1 + number)
        text = ("narrow", "wide")[number % 2]
        world.put(observedGeneration=1, conditions=ready(message=text))
    assert bool(await world.check()) is not edited
