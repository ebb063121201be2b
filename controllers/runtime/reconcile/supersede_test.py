"""Which changes end a run, and that nothing else does."""

import asyncio

import pytest
from msgspec.structs import replace

from controllers.runtime.key import key_of
from controllers.runtime.reconcile.supersede import (
    MAX_SUPERSEDED_IN_A_ROW,
    Interrupted,
    Superseded,
    Superseder,
)
from testing.lifecycle import thing
from testing.thing import Thing


class RunUnderWay:
    """A run that waits until it is let go."""

    def __init__(self, runs: Superseder, obj: Thing) -> None:
        self.go = asyncio.Event()
        self.cleaned_up = False
        self.task = asyncio.create_task(runs.run(obj, self._work()))

    async def _work(self) -> str:
        try:
            await self.go.wait()
            return "done"
        finally:
            self.cleaned_up = True


@pytest.fixture
def runs() -> Superseder:
    return Superseder()


async def begun(runs: Superseder, obj: Thing) -> RunUnderWay:
    waiting = RunUnderWay(runs, obj)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return waiting


OBJECT = thing(generation=2)
AGAIN = replace(OBJECT, metadata=replace(OBJECT.metadata, uid="another"))


@pytest.mark.parametrize(
    "news",
    [
        pytest.param((OBJECT, thing(generation=3)), id="new-generation"),
        pytest.param((OBJECT, None), id="gone"),
        pytest.param((None, AGAIN), id="another-object-of-the-name"),
    ],
)
async def test_run_ends_when_its_spec_is_no_longer_wanted(
    runs: Superseder, news: tuple[Thing | None, Thing | None]
) -> None:
    waiting = await begun(runs, OBJECT)
    runs.on_change(*news)
    with pytest.raises(Superseded):
        await waiting.task
    assert waiting.cleaned_up


@pytest.mark.parametrize(
    "news",
    [
        pytest.param((OBJECT, OBJECT), id="status-alone"),
        pytest.param((None, thing(generation=1)), id="older-news"),
        pytest.param((None, None), id="nothing"),
    ],
)
async def test_other_news_end_nothing(runs: Superseder, news: tuple[Thing | None, Thing | None]) -> None:
    waiting = await begun(runs, OBJECT)
    runs.on_change(*news)
    waiting.go.set()
    assert await waiting.task == "done"


async def test_other_objects_end_nothing(runs: Superseder) -> None:
    other = replace(OBJECT, metadata=replace(OBJECT.metadata, name="other", generation=9))
    waiting = await begun(runs, OBJECT)
    runs.on_change(other, None)
    waiting.go.set()
    assert await waiting.task == "done"


async def test_news_after_the_run_are_too_late(runs: Superseder) -> None:
    waiting = await begun(runs, OBJECT)
    waiting.go.set()
    assert await waiting.task == "done"
    runs.on_change(OBJECT, None)


async def test_shutdown_is_no_interruption(runs: Superseder) -> None:
    waiting = await begun(runs, OBJECT)
    runs.on_change(OBJECT, None)
    waiting.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting.task


async def test_error_of_the_run_is_raised(runs: Superseder) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await runs.run(OBJECT, fail())


async def test_spec_that_changes_all_the_time_does_not_keep_runs_from_their_end(runs: Superseder) -> None:
    for generation in range(2, 2 + MAX_SUPERSEDED_IN_A_ROW):
        waiting = await begun(runs, thing(generation=generation))
        runs.on_change(OBJECT, thing(generation=generation + 1))
        with pytest.raises(Superseded):
            await waiting.task
    waiting = await begun(runs, thing(generation=9))
    runs.on_change(OBJECT, thing(generation=10))
    waiting.go.set()
    assert await waiting.task == "done"
    waiting = await begun(runs, thing(generation=10))
    runs.on_change(OBJECT, thing(generation=11))
    with pytest.raises(Superseded):
        await waiting.task


async def test_a_run_that_has_to_make_room_ends_once(runs: Superseder) -> None:
    waiting = await begun(runs, OBJECT)
    assert runs.interrupt(key_of(OBJECT))
    assert not runs.interrupt(key_of(OBJECT)), "it is ending already"
    with pytest.raises(Interrupted):
        await waiting.task
    assert waiting.cleaned_up
    assert not runs.interrupt(key_of(OBJECT)), "there is none"
