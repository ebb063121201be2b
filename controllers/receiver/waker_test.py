import asyncio
import logging
from random import Random

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from api.names import IMAGE_REPOSITORIES, PUSHED_TAGS, REQUESTED_AT
from api.pushedtags import MAX_PUSHED_TAGS, PushedTag, decode_pushed_tags, encode_pushed_tags, requested_tags
from controllers.receiver.metrics import HookMetrics
from controllers.receiver.repositories import Repository
from controllers.receiver.waker import IMAGE_REPOSITORY, NotWoken, Tags, Waker
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import Conflict, Unreachable
from testing.clock import VirtualClock, settle
from testing.kube import FakeKube
from testing.receivers import FakeRepositories, repository

APP = Key("apps", "app")
PATCH = "patch imagerepositories apps/app"
DIGEST, OTHER_DIGEST = "sha256:" + "a" * 64, "sha256:" + "b" * 64


class World:
    """A waker with one ImageRepository."""

    def __init__(self) -> None:
        self.kube, self.clock = FakeKube(), VirtualClock()
        self.kube.put(IMAGE_REPOSITORIES.plural, repository())
        self.cache = FakeRepositories(self.kube)
        self.metrics = HookMetrics(CollectorRegistry())
        self.waker = Waker(
            self.kube,
            self.cache,
            IMAGE_REPOSITORY,
            clock=self.clock,
            rng=Random(1),  # noqa: S311
            metrics=self.metrics,
            log=logging.getLogger("controllers.test"),
            field_manager="test",
        )

    def begin(self, tags: Tags | None = None) -> "asyncio.Task[None]":
        return asyncio.create_task(self.waker.wake(APP, tags or {}))

    async def wake(self, tags: Tags | None = None, *, seconds: float = 0.05) -> None:
        task = self.begin(tags)
        await self.clock.advance(seconds)
        await task

    @property
    def annotations(self) -> dict[str, str]:
        found: dict[str, str] = self.kube.get_stored(IMAGE_REPOSITORIES.plural, *APP)["metadata"]["annotations"]
        return found

    @property
    def asked_for(self) -> list[str]:
        return [pushed.tag for pushed in requested_tags(self.annotations)]

    @property
    def patches(self) -> int:
        return self.kube.requests.count(PATCH)

    def handle(self) -> None:
        """Do what a scan does at its end."""
        status = {"lastHandledReconcileAt": self.annotations[REQUESTED_AT]}
        self.kube.change(IMAGE_REPOSITORIES, *APP, {"status": status})


@pytest.fixture
def world() -> World:
    return World()


async def test_a_tag_is_announced_with_its_digest(world: World) -> None:
    await world.wake({"1.0": DIGEST})
    at = world.annotations[REQUESTED_AT]
    assert at == "2024-01-01T00:00:00.050000000Z"
    assert requested_tags(world.annotations) == (PushedTag(tag="1.0", digest=DIGEST, at=at),)
    assert world.kube.field_managers == {"test"}


async def test_a_tag_is_announced_with_the_trace_of_its_request(world: World) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    task = asyncio.create_task(world.waker.wake(APP, {"1.0": ""}, trace=trace))
    await world.clock.advance(0.05)
    await task
    assert [tag.trace for tag in requested_tags(world.annotations)] == [trace]


async def test_without_a_tag_the_whole_list_is_asked_for(world: World) -> None:
    await world.wake()
    assert world.annotations[REQUESTED_AT]
    assert world.annotations[PUSHED_TAGS] == "[]"


async def test_a_hundred_events_at_once_are_one_patch_and_all_wait_for_it(world: World) -> None:
    asked = [world.begin({f"1.{number % 10}": ""}) for number in range(100)]
    await settle()
    assert not any(task.done() for task in asked)
    await world.clock.advance(0.05)
    await asyncio.gather(*asked)
    assert world.patches == 1
    assert world.asked_for == [f"1.{number}" for number in range(10)]
    assert world.metrics.coalesced._value.get() == 99


async def test_the_same_tag_again_is_no_second_patch(world: World) -> None:
    await world.wake({"1.0": DIGEST})
    for _ in range(100):
        await world.waker.wake(APP, {"1.0": DIGEST})
        await world.clock.advance(0.5)
    assert world.patches == 1


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        pytest.param({"1.0": DIGEST}, {"1.0": OTHER_DIGEST}, 0, id="another-digest"),
        pytest.param({"1.0": DIGEST}, {"1.1": DIGEST}, 0, id="another-tag"),
        pytest.param({"1.0": DIGEST}, {}, 0, id="no-tag"),
        pytest.param({}, {}, 0, id="no-tag-twice"),
        pytest.param({"1.0": ""}, {"1.0": ""}, 31, id="later-without-a-digest"),
        pytest.param({"1.0": DIGEST}, {"1.0": DIGEST}, 121, id="much-later"),
    ],
)
async def test_what_is_new_is_a_patch_at_some_distance(world: World, first: Tags, second: Tags, seconds: float) -> None:
    await world.wake(first)
    began = world.clock.monotonic()
    await world.clock.advance(seconds)
    again = world.begin(second)
    if not seconds:
        await world.clock.advance(1.9)
        assert not again.done()
    await world.clock.advance(0.2)
    await again
    assert world.patches == 2
    assert world.clock.monotonic() - began >= 2


async def test_what_comes_while_a_patch_is_under_way_is_in_the_next_one(world: World) -> None:
    gate = asyncio.Event()

    async def hold(request: str) -> None:
        if request == PATCH:
            await gate.wait()

    world.kube.before = hold
    first = world.begin()
    await world.clock.advance(0.05)
    assert world.patches == 1
    second = world.begin()
    gate.set()
    await first
    assert not second.done()
    await world.clock.advance(2)
    await second
    assert world.patches == 2


async def test_the_same_tag_again_while_its_patch_is_under_way_waits_for_that(world: World) -> None:
    gate = asyncio.Event()

    async def hold(request: str) -> None:
        if request == PATCH:
            await gate.wait()

    world.kube.before = hold
    first = world.begin({"1.0": DIGEST})
    await world.clock.advance(0.05)
    again = [world.begin({"1.0": DIGEST}), world.begin({"1.0": ""})]
    other = world.begin({"1.0": OTHER_DIGEST})
    await settle()
    assert not any(task.done() for task in again)
    gate.set()
    await asyncio.gather(first, *again)
    assert world.patches == 1
    await world.clock.advance(2)
    await other
    assert world.patches == 2


async def test_tags_that_no_scan_has_handled_stay_announced(world: World) -> None:
    await world.wake({"1.0": ""})
    await world.wake({"1.1": ""}, seconds=2)
    assert world.asked_for == ["1.0", "1.1"]
    world.handle()
    await world.wake({"1.2": ""}, seconds=2)
    assert world.asked_for == ["1.2"]


async def test_a_whole_scan_that_is_pending_stays_one(world: World) -> None:
    by_hand = {"metadata": {"annotations": {REQUESTED_AT: "of a user"}}}
    world.kube.change(IMAGE_REPOSITORIES, *APP, by_hand)
    await world.wake({"1.0": ""})
    assert world.annotations[REQUESTED_AT] != "of a user"
    assert world.asked_for == []


async def test_more_tags_than_can_be_asked_for_are_a_whole_scan(world: World) -> None:
    await world.wake({str(number): "" for number in range(MAX_PUSHED_TAGS)})
    assert len(world.asked_for) == MAX_PUSHED_TAGS
    await world.wake({"one-more": ""}, seconds=2)
    assert world.asked_for == []
    world.handle()
    await world.wake({str(number): "" for number in range(100, 101 + MAX_PUSHED_TAGS)}, seconds=2)
    assert world.asked_for == []


async def test_annotations_of_others_stay(world: World) -> None:
    odd = {PUSHED_TAGS: "nonsense", "team": "a"}
    world.kube.change(IMAGE_REPOSITORIES, *APP, {"metadata": {"annotations": odd}})
    await world.wake({"1.0": ""})
    assert world.annotations["team"] == "a"
    assert world.asked_for == ["1.0"]


async def test_an_object_that_has_moved_on_is_read_again(world: World) -> None:
    world.cache.old[APP] = msgspec.convert(repository(), Repository)  # before it was put
    at = "2023-12-31T00:00:00.000000000Z"
    pending = {REQUESTED_AT: at, PUSHED_TAGS: encode_pushed_tags([PushedTag(tag="0.9", at=at)])}
    world.kube.change(IMAGE_REPOSITORIES, *APP, {"metadata": {"annotations": pending}})
    world.kube.failures[PATCH] = [Conflict(PATCH, "modified", status=409)]
    await world.wake({"1.0": ""}, seconds=1)
    assert world.asked_for == ["0.9", "1.0"]
    assert world.patches == 2


async def test_an_object_that_is_not_cached_or_gone(world: World) -> None:
    world.cache.old[APP] = None
    await world.wake({"1.0": ""})
    assert world.asked_for == ["1.0"]
    world.kube.remove(IMAGE_REPOSITORIES.plural, *APP)
    await world.wake({"1.1": ""}, seconds=2)
    assert decode_pushed_tags("") == ()


async def test_an_api_that_is_away_is_said_to_all_who_wait(world: World) -> None:
    world.kube.failures[PATCH] = [Unreachable(PATCH, "refused")] * 5
    asked = [world.begin({"1.0": DIGEST}), world.begin({"1.0": DIGEST})]
    await world.clock.advance(10)
    for task in asked:
        with pytest.raises(NotWoken, match="refused"):
            await task
    await world.wake({"1.0": DIGEST}, seconds=2)  # what failed was not announced
    assert world.asked_for == ["1.0"]


async def test_an_api_that_never_answers_is_given_up(world: World) -> None:
    async def hang(request: str) -> None:
        if request == PATCH:
            await asyncio.Event().wait()

    world.kube.before = hang
    asked = world.begin()
    await world.clock.advance(16)
    with pytest.raises(NotWoken):
        await asked


async def test_whoever_does_not_wait_does_not_stop_it(world: World) -> None:
    asked = world.begin({"1.0": ""})
    await settle()
    asked.cancel()
    await world.clock.advance(0.05)
    await world.waker.flush()
    assert world.asked_for == ["1.0"]
