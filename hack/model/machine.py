"""Makes histories up, with Hypothesis, and shrinks those after which the world is not where the model is."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from hack.model.player import Player, World
from hack.model.steps import Step, histories

HISTORY_STEPS = 50
Worlds = Callable[[], AbstractAsyncContextManager[World]]


class _Machine(RuleBasedStateMachine):
    """One history: a new world, a new model. Each run of the loop goes on where the last one stopped."""

    worlds: Worlds
    count: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._player = self._runner.run(self._begin())

    async def _begin(self) -> Player:
        player = Player(await self._stack.enter_async_context(type(self).worlds()))
        await player.begin()
        return player

    def play(self, step: Step) -> None:
        type(self).count()
        self._runner.run(self._player.play(step))

    def teardown(self) -> None:
        try:
            self._runner.run(self._stack.aclose())
        finally:
            self._runner.close()


def search(worlds: Worlds, *, steps: int, number: int, has_own_clock: bool, shrinks: bool = True) -> int:
    """Play random histories of altogether about so many steps; return how many were played.

    number: the seed; the same one makes the same histories up. Raises Different, with the shortest history found.
    """
    played = 0

    def count() -> None:
        nonlocal played
        played += 1

    class Machine(_Machine):
        play = rule(step=histories(has_own_clock=has_own_clock))(_Machine.play)

    Machine.worlds, Machine.count = staticmethod(worlds), staticmethod(count)
    length = min(steps, HISTORY_STEPS)
    phases: tuple[Any, ...] = (Phase.generate, Phase.shrink) if shrinks else (Phase.generate,)
    run_state_machine_as_test(
        seed(number)(Machine),
        settings=settings(
            max_examples=max(steps // length, 1),
            stateful_step_count=length,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
    return played
