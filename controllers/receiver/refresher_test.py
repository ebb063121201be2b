import asyncio
from collections.abc import AsyncIterator

import pytest

from api.names import SECRETS
from api.receiver import Receiver
from controllers.receiver.hooks import Hooks
from controllers.receiver.plan import make_plan
from controllers.receiver.refresher import READS_PER_TICK, Refresher
from controllers.receiver.secrets import SecretReader
from testing.builders import secret
from testing.clock import VirtualClock
from testing.kube import FakeKube
from testing.receivers import receiver


class World:
    """A refresher, and the Receivers whose Secrets it has read."""

    def __init__(self) -> None:
        self.kube, self.clock, self.hooks = FakeKube(), VirtualClock(), Hooks()
        self.kube.put(SECRETS.plural, secret("token", token=b"first"))
        self.read: list[str] = []
        reader = SecretReader(self.kube, self.clock, on_read=lambda read, _: self.read.append(read.metadata.name))
        self.refresher = Refresher(
            self.hooks, reader, lambda made: make_plan(made, allows_others=True), clock=self.clock
        )

    def follow(self, old: Receiver | None, new: Receiver | None) -> None:
        self.hooks.on_change(old, new)
        self.refresher.on_change(old, new)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    task = asyncio.create_task(world.refresher.run())
    yield world
    task.cancel()


async def test_secrets_are_read_soon_and_then_at_the_interval(world: World) -> None:
    world.follow(None, receiver(interval="1m"))
    await world.clock.advance(2)
    assert world.read == ["hub"]
    await world.clock.advance(55)
    assert world.read == ["hub"]
    await world.clock.advance(10)
    assert world.read == ["hub"] * 2


async def test_receivers_that_are_due_all_the_time_keep_none_from_its_turn(world: World) -> None:
    greedy = [receiver(f"greedy-{number}", interval="1s") for number in range(20 * READS_PER_TICK)]
    for each in greedy:
        world.follow(None, each)
    world.follow(None, receiver())
    for _ in range(60):
        await world.clock.advance(1)
    assert world.read.count("hub") == 1
    assert len(set(world.read)) == len(greedy) + 1


async def test_a_receiver_that_is_gone_or_new_again(world: World) -> None:
    first, second = receiver(), receiver(generation=2)
    world.follow(None, first)
    world.follow(first, second)
    await world.clock.advance(2)
    assert world.read == ["hub"]
    world.follow(second, receiver(generation=3))
    await world.clock.advance(2)
    assert world.read == ["hub"] * 2
    world.follow(second, None)
    await world.clock.advance(3600)
    assert world.read == ["hub"] * 2
