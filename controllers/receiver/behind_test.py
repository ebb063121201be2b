"""`controllers.receiver`: what senders are told while watches are broken, on a process with its real port.

Whoever is answered 2xx does not call again, so that nothing may be said to concern nobody which the server knows to.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.names import IMAGE_REPOSITORIES, RECEIVERS
from api.receiver import Receiver
from controllers.receiver.repositories import Repository
from testing.receiver_harness import ReceiverHarness, hub, receiving
from testing.scripted_answers import fail, reset_connection

MANY = 200
OTHER = [{"kind": "ImageRepository", "name": "other"}]


@pytest.fixture
async def world() -> AsyncIterator[ReceiverHarness]:
    async with receiving() as harness:
        yield harness


async def serve(world: ReceiverHarness, **spec: Any) -> str:
    path = world.put_receiver(**spec)
    await world.ready()
    return path


async def break_watches(world: ReceiverHarness) -> None:
    """Break all watches for good: nothing that happens from now on is heard of."""
    world.api.script("watch", *[reset_connection] * MANY)
    world.api.drop_watches()
    process = world.process
    informers = process.informer(RECEIVERS, into=Receiver), process.informer(IMAGE_REPOSITORIES, into=Repository)
    await world.wait_until(lambda: all(informer.is_behind for informer in informers))


async def test_image_that_was_made_meanwhile_is_woken(world: ReceiverHarness) -> None:
    path = await serve(world)
    await break_watches(world)
    world.put_repository("new", "docker.io/org/new")
    reply = await world.ask(path, hub("1.1", repository="org/new"))
    assert (reply.status, reply.reason) == (200, "Woken")
    assert world.woken("new") == ["1.1"]


async def test_what_concerns_nobody_on_the_server_either_is_fine(world: ReceiverHarness) -> None:
    path = await serve(world)
    await break_watches(world)
    reply = await world.ask(path, hub(repository="org/unknown"))
    assert (reply.status, reply.reason) == (200, "NothingToWake")


async def test_nobody_is_told_that_nothing_is_concerned_while_the_server_does_not_answer(
    world: ReceiverHarness,
) -> None:
    path = await serve(world)
    await break_watches(world)
    world.api.script("list", fail(500))
    reply = await world.ask(path, hub(repository="org/unknown"))
    assert (reply.status, reply.reason) == (503, "ApiUnavailable")
    assert reply.header("Retry-After") == "5"
    assert (await world.ask(path, hub())).reason == "Woken"  # what is known is woken all the same


async def test_receiver_that_was_changed_meanwhile_is_asked_again_as_it_is_now(world: ReceiverHarness) -> None:
    path = await serve(world, resources=OTHER)
    await break_watches(world)
    world.put_receiver()
    assert (await world.ask(path, hub())).reason == "ApiUnavailable"
    assert (await world.ask(path, hub())).reason == "Woken"


async def test_receiver_that_is_deleted_meanwhile_wakes_nothing(world: ReceiverHarness) -> None:
    path = await serve(world, resources=OTHER)
    await break_watches(world)
    world.api.remove(RECEIVERS, "apps", "hub")
    assert (await world.ask(path, hub())).reason == "ApiUnavailable"
    assert world.woken() is None


async def test_path_that_nobody_has_may_be_that_of_a_new_receiver(world: ReceiverHarness) -> None:
    await serve(world)
    await break_watches(world)
    path = world.put_receiver("new")
    assert (await world.ask(path, hub())).reason == "ApiUnavailable"
    assert (await world.ask(path + "x", hub())).reason == "ApiUnavailable"
