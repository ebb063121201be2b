"""When a stored list is whole, and how long the policies' side waits for one that is being rewritten."""

import asyncio
from hashlib import sha256

import pytest
from msgspec.structs import replace

from api.imagetaglist import ImageTagList, ImageTagListSpec, ImageTagListStatus, chunk_name
from api.meta import LocalObjectReference, ObjectMeta
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import Forbidden
from controllers.taglist import codec
from controllers.taglist.reader import ATTEMPTS, PAUSE_SECONDS, TagListNotFound, TagListReader
from testing.clock import VirtualClock
from testing.kube import FakeKube

APP = Key("apps", "app")
TAGS = sorted((sha256(b"%d" % number).hexdigest() for number in range(60)), reverse=True)
SEEN = {tag: number for number, tag in enumerate(TAGS)}


def stored(revision: str, *, tags: list[str] = TAGS, max_bytes: int = 1500) -> list[ImageTagList]:
    """Return a list in chunks; about three of them with the usual tags."""
    return [
        ImageTagList(
            metadata=ObjectMeta(name=chunk_name(APP.name, part.index), namespace=APP.namespace),
            spec=ImageTagListSpec(image_repository_ref=LocalObjectReference(name=APP.name)),
            status=ImageTagListStatus(
                revision=part.revision,
                chunk=part.index,
                chunks=part.chunks,
                tag_count=part.count,
                data=part.data,
                first_seen=part.first_seen,
            ),
        )
        for part in codec.encode(tags, SEEN, revision=revision, max_bytes=max_bytes)
    ]


def _damaged(chunk: ImageTagList) -> ImageTagListStatus:
    assert chunk.status is not None
    return replace(chunk.status, data="AAAA")


OLD, NEW = stored("1"), stored("2")
WITHOUT_DATA = [replace(OLD[0], status=None), *OLD[1:]]
DAMAGED = [replace(OLD[0], status=_damaged(OLD[0])), *OLD[1:]]


def put(kube: FakeKube, objects: list[ImageTagList]) -> None:
    for chunk in objects:
        kube.put("imagetaglists", chunk)


async def test_whole_list_takes_one_request_a_chunk() -> None:
    kube = FakeKube(imagetaglists=OLD)
    found = await TagListReader(kube, VirtualClock()).read(APP, "1")
    assert (list(found.tags), found.first_seen, found.revision) == (TAGS, SEEN, "1")
    assert kube.requests == [f"get imagetaglists apps/app-tags-{index}" for index in range(len(OLD))]
    assert len(OLD) > 2


@pytest.mark.parametrize(
    ("objects", "requests"),
    [
        pytest.param([], 1, id="nothing-stored"),
        pytest.param(OLD[1:], 1, id="first-chunk-missing"),
        pytest.param(OLD[:1] + OLD[2:], 2, id="middle-chunk-missing"),
        pytest.param(OLD[:-1], len(OLD), id="last-chunk-missing"),
        pytest.param(NEW[:1] + OLD[1:], len(OLD), id="half-rewritten"),
        pytest.param(WITHOUT_DATA, 1, id="chunk-without-data"),
        pytest.param(DAMAGED, len(OLD), id="damaged-chunk"),
    ],
)
async def test_list_that_is_not_whole_is_given_up_after_a_few_attempts(
    objects: list[ImageTagList], requests: int
) -> None:
    kube, clock = FakeKube(imagetaglists=objects), VirtualClock()
    reading = asyncio.create_task(TagListReader(kube, clock).read(APP, "1"))
    for _ in range(ATTEMPTS - 1):
        await clock.wait_for_sleepers()
        await clock.advance(PAUSE_SECONDS)
    with pytest.raises(TagListNotFound) as error:
        await reading
    assert str(error.value) == "no whole tag list is stored for ImageRepository apps/app"
    assert clock.monotonic() == (ATTEMPTS - 1) * PAUSE_SECONDS
    assert len(kube.requests) == ATTEMPTS * requests


async def test_list_that_becomes_whole_meanwhile_is_taken() -> None:
    kube, clock = FakeKube(imagetaglists=NEW[:1] + OLD[1:]), VirtualClock()
    reading = asyncio.create_task(TagListReader(kube, clock).read(APP, "2"))
    await clock.wait_for_sleepers()
    put(kube, NEW[1:])
    await clock.advance(PAUSE_SECONDS)
    assert (await reading).revision == "2"


async def test_announced_list_that_is_not_visible_yet_is_waited_for() -> None:
    kube, clock = FakeKube(imagetaglists=OLD), VirtualClock()
    reading = asyncio.create_task(TagListReader(kube, clock).read(APP, "2"))
    await clock.wait_for_sleepers()
    put(kube, NEW)
    await clock.advance(PAUSE_SECONDS)
    assert (await reading).revision == "2"


async def test_whole_list_of_another_scan_is_taken_after_one_pause() -> None:
    kube, clock = FakeKube(imagetaglists=NEW), VirtualClock()
    reading = asyncio.create_task(TagListReader(kube, clock).read(APP, "1"))
    await clock.wait_for_sleepers()
    await clock.advance(PAUSE_SECONDS)
    assert (await reading).revision == "2"
    assert len(kube.requests) == 2 * len(NEW)


async def test_list_that_grew_by_a_chunk_is_read_to_its_new_end() -> None:
    grown = stored("3", max_bytes=1000)
    assert len(grown) > len(OLD)
    found = await TagListReader(FakeKube(imagetaglists=grown), VirtualClock()).read(APP, "3")
    assert list(found.tags) == TAGS


async def test_api_that_refuses_is_not_asked_again() -> None:
    kube = FakeKube(imagetaglists=OLD)
    kube.forbid("get imagetaglists apps/app-tags-1")
    with pytest.raises(Forbidden):
        await TagListReader(kube, VirtualClock()).read(APP, "1")
    assert len(kube.requests) == 2
