"""How tag lists are stored: what a crash leaves, who owns a chunk, and when a tag was first seen."""

from dataclasses import replace as replace_scan
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

import pytest
from msgspec.structs import replace

from api.imagerepository import ImageRepository
from api.imagetaglist import ImageTagList, chunk_name, repository_label
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import Forbidden
from controllers.taglist import codec
from controllers.taglist.reader import TagListReader, fetch_list
from controllers.taglist.scan import TagSet, build_tag_set
from controllers.taglist.writer import TagListWriter
from testing.builders import image_repository
from testing.clock import START, VirtualClock
from testing.kube import FakeKube
from testing.tag_lists import FakeHeaders

APP = Key("apps", "app")
SECONDS = int(START.timestamp())
HOUR = timedelta(hours=1)
LISTS = "imagetaglists"


class Bench:
    """A writer with its API and its view of it."""

    def __init__(self, kube: FakeKube | None = None) -> None:
        self.kube = kube or FakeKube()
        self.headers = FakeHeaders(self.kube)
        self.writer = TagListWriter(self.kube, self.headers, field_manager="test")
        self.repository = image_repository()

    async def write(self, scan: TagSet, *, now: datetime = START) -> None:
        await self.writer.write(self.repository, scan, now=now)

    def stored_revision(self) -> str | None:
        return self.writer.stored_revision(self.repository)

    @property
    def objects(self) -> list[ImageTagList]:
        return self.kube.all(LISTS, ImageTagList)

    @property
    def names(self) -> list[str]:
        return [chunk.metadata.name for chunk in self.objects]

    async def read(self) -> codec.TagList:
        found = await fetch_list(self.kube, APP)
        assert found is not None
        return found


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `MANY` fill several chunks."""
    monkeypatch.setattr(codec, "encode", partial(codec.encode, max_bytes=1500))


def scan(*tags: str) -> TagSet:
    return build_tag_set(tags, None)


def many(since: int, until: int) -> TagSet:
    return build_tag_set([sha256(b"%d" % number).hexdigest() for number in range(since, until)], None)


MANY, OTHERS, FEW = many(0, 60), many(20, 80), scan("1.0", "2.0")


async def test_number_of_dropped_tags_is_stored_and_goes_again(bench: Bench, small_chunks: None) -> None:
    await bench.write(replace_scan(MANY, excluded_count=3))
    assert (await bench.read()).excluded_count == 3
    assert {chunk.status.excluded_count for chunk in bench.objects if chunk.status} == {3}
    await bench.write(OTHERS)
    assert (await bench.read()).excluded_count == 0


async def test_written_list_reads_back(bench: Bench) -> None:
    assert bench.stored_revision() is None
    await bench.write(FEW)
    assert bench.stored_revision() == FEW.revision
    found = await bench.read()
    assert (found.tags, found.revision) == (("2.0", "1.0"), FEW.revision)
    assert bench.kube.requests[0] == "create imagetaglists apps/app-tags-0"


async def test_empty_list_is_a_list(bench: Bench) -> None:
    await bench.write(scan())
    assert bench.stored_revision() == scan().revision
    assert (await bench.read()).tags == ()


async def test_chunks_are_owned_by_their_repository_and_labelled(bench: Bench) -> None:
    await bench.write(FEW)
    (chunk,) = bench.objects
    (owner,) = chunk.metadata.owner_references
    assert (owner.api_version, owner.kind) == ("image.toolkit.fluxcd.io/v1", "ImageRepository")
    assert (owner.name, owner.uid, owner.controller) == ("app", "uid-of-app", True)
    assert chunk.metadata.labels == {"image.toolkit.fluxcd.io/repository": "app"}
    assert chunk.spec.image_repository_ref.name == "app"


async def test_long_names_are_shortened(bench: Bench) -> None:
    bench.repository = image_repository("a" * 250)
    await bench.write(FEW)
    (chunk,) = bench.objects
    assert chunk.metadata.name == chunk_name("a" * 250, 0)
    assert chunk.metadata.labels == {"image.toolkit.fluxcd.io/repository": repository_label("a" * 250)}
    assert bench.stored_revision() == FEW.revision


async def test_rewriting_patches_the_chunk_in_place(bench: Bench) -> None:
    await bench.write(scan("1.0"))
    bench.kube.requests.clear()
    await bench.write(FEW)
    assert bench.kube.requests == ["get imagetaglists apps/app-tags-0", "patch imagetaglists apps/app-tags-0"]
    assert bench.stored_revision() == FEW.revision


@pytest.mark.usefixtures("small_chunks")
async def test_many_tags_fill_several_chunks(bench: Bench) -> None:
    await bench.write(MANY)
    assert len(bench.objects) > 2
    assert {chunk.status.chunks for chunk in bench.objects if chunk.status} == {len(bench.objects)}
    assert (await bench.read()).tags == MANY.tags
    assert bench.stored_revision() == MANY.revision


@pytest.mark.usefixtures("small_chunks")
async def test_shrinking_deletes_what_is_left_over(bench: Bench) -> None:
    await bench.write(MANY)
    await bench.write(FEW)
    assert bench.names == ["app-tags-0"]
    bench.headers.catch_up()
    assert bench.stored_revision() == FEW.revision
    assert (await bench.read()).tags == FEW.tags


@pytest.mark.usefixtures("small_chunks")
async def test_left_over_chunk_is_deleted_by_the_next_write(bench: Bench) -> None:
    await bench.write(MANY)
    bench.kube.forbid("delete imagetaglists apps/app-tags-1")
    with pytest.raises(Forbidden):
        await bench.write(FEW)
    bench.headers.catch_up()
    assert bench.stored_revision() is None
    await bench.write(FEW)
    bench.headers.catch_up()
    assert (bench.names, bench.stored_revision()) == (["app-tags-0"], FEW.revision)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    "restart", [pytest.param(False, id="refused-by-the-server"), pytest.param(True, id="process-killed")]
)
async def test_crash_between_two_chunks_is_seen_and_repaired(bench: Bench, restart: bool) -> None:
    await bench.write(MANY)
    bench.kube.forbid("patch imagetaglists apps/app-tags-1")
    with pytest.raises(Forbidden):
        await bench.write(OTHERS)
    if restart:
        bench = Bench(bench.kube)
    assert bench.stored_revision() is None
    assert await fetch_list(bench.kube, APP) is None
    await bench.write(OTHERS)
    assert bench.stored_revision() == OTHERS.revision
    assert (await bench.read()).tags == OTHERS.tags


@pytest.mark.usefixtures("small_chunks")
async def test_crash_between_two_chunks_forgets_no_ages(bench: Bench) -> None:
    await bench.write(MANY)
    await bench.write(OTHERS, now=START + HOUR)
    before = (await bench.read()).first_seen
    latest = many(20, 83)
    bench.kube.forbid("patch imagetaglists apps/app-tags-2")
    with pytest.raises(Forbidden):
        await bench.write(latest, now=START + 2 * HOUR)
    bench = Bench(bench.kube)
    assert bench.stored_revision() is None
    await bench.write(latest, now=START + 3 * HOUR)
    after = (await bench.read()).first_seen
    changed = [tag for tag in before if after[tag] != before[tag]]
    assert len(changed) <= 1  # a tag on the border between an old chunk and a new one may be in neither
    new = set(latest.tags) - set(OTHERS.tags)
    assert {after[tag] for tag in new} <= {SECONDS + 7200, SECONDS + 10800}


@pytest.mark.usefixtures("small_chunks")
async def test_crash_in_the_first_write_makes_no_tag_young(bench: Bench) -> None:
    bench.kube.forbid("create imagetaglists apps/app-tags-1")
    with pytest.raises(Forbidden):
        await bench.write(MANY)
    await bench.write(MANY, now=START + HOUR)
    assert set((await bench.read()).first_seen.values()) == {None}


@pytest.mark.usefixtures("small_chunks")
async def test_chunk_that_somebody_deleted_makes_no_tag_young(bench: Bench) -> None:
    await bench.write(MANY)
    bench.kube.remove(LISTS, "apps", "app-tags-1")
    bench.headers.catch_up()
    await bench.write(MANY, now=START + HOUR)
    assert set((await bench.read()).first_seen.values()) == {None}


@pytest.mark.usefixtures("small_chunks")
async def test_crash_in_the_first_write_is_seen_and_repaired(bench: Bench) -> None:
    bench.kube.forbid("create imagetaglists apps/app-tags-1")
    with pytest.raises(Forbidden):
        await bench.write(MANY)
    assert bench.stored_revision() is None
    await bench.write(MANY)
    assert bench.stored_revision() == MANY.revision


async def test_first_scan_knows_no_ages(bench: Bench) -> None:
    await bench.write(FEW)
    assert (await bench.read()).first_seen == {"1.0": None, "2.0": None}


async def test_later_scans_date_new_tags_and_keep_the_dates_of_old_ones(bench: Bench) -> None:
    await bench.write(scan("1.0"))
    await bench.write(scan("1.0", "2.0"), now=START + HOUR)
    await bench.write(scan("1.0", "2.0", "3.0"), now=START + 2 * HOUR)
    later = SECONDS + 3600
    assert (await bench.read()).first_seen == {"1.0": None, "2.0": later, "3.0": later + 3600}


async def test_tag_that_went_and_came_back_is_new(bench: Bench) -> None:
    await bench.write(scan("1.0", "2.0"))
    await bench.write(scan("1.0"), now=START + HOUR)
    await bench.write(scan("1.0", "2.0"), now=START + 2 * HOUR)
    assert (await bench.read()).first_seen == {"1.0": None, "2.0": SECONDS + 7200}


async def test_list_that_becomes_of_unknown_age_keeps_no_old_date(bench: Bench) -> None:
    await bench.write(scan("1.0"))
    await bench.write(scan("1.0", "2.0"), now=START + HOUR)
    await bench.write(scan("1.0"), now=START + 2 * HOUR)
    found = await bench.read()
    assert (found.tags, found.first_seen) == (("1.0",), {"1.0": None})


async def test_chunk_of_an_earlier_object_of_that_name_is_replaced(bench: Bench) -> None:
    await bench.write(scan("0.1", "0.2"))
    bench.repository = _remade(bench.repository)
    assert bench.stored_revision() is None
    bench.kube.requests.clear()
    await bench.write(FEW, now=START + HOUR)
    name = "imagetaglists apps/app-tags-0"
    assert bench.kube.requests == [f"create {name}", f"delete {name}", f"create {name}"]
    assert (await bench.read()).first_seen == {"1.0": None, "2.0": None}
    assert bench.stored_revision() == FEW.revision
    assert bench.objects[0].metadata.owner_references[0].uid == "uid-of-the-new-one"


async def test_chunk_that_was_not_heard_of_yet_is_replaced(bench: Bench) -> None:
    await Bench(bench.kube).write(scan("0.1"))
    await bench.write(FEW)
    assert (bench.names, bench.stored_revision()) == (["app-tags-0"], FEW.revision)
    assert (await bench.read()).tags == FEW.tags


async def test_chunk_that_somebody_deleted_is_missed_and_written_again(bench: Bench) -> None:
    await bench.write(FEW)
    bench.kube.remove(LISTS, "apps", "app-tags-0")
    bench.headers.catch_up()
    assert bench.stored_revision() is None
    await bench.write(FEW)
    assert bench.stored_revision() == FEW.revision


async def test_lists_of_other_repositories_are_left_alone(bench: Bench) -> None:
    await bench.write(FEW)
    bench.repository = image_repository("app-tags-0")
    await bench.write(scan("9.9"))
    assert bench.names == ["app-tags-0", "app-tags-0-tags-0"]
    assert (await bench.read()).tags == FEW.tags


async def test_reader_gets_what_the_writer_stored(bench: Bench) -> None:
    await bench.write(FEW)
    found = await TagListReader(bench.kube, VirtualClock()).read(APP, FEW.revision)
    assert found.tags == FEW.tags


def _remade(repository: ImageRepository) -> ImageRepository:
    return replace(repository, metadata=replace(repository.metadata, uid="uid-of-the-new-one"))
