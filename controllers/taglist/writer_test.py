"""How tag lists are stored: what a crash leaves, who owns a chunk, and when a tag was first seen."""

from contextlib import suppress
from dataclasses import replace as replace_scan
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

import pytest
from msgspec.structs import replace

from api.imagerepository import ImageRepository
from api.imagetaglist import ImageTagList, chunk_name, repository_label
from api.names import IMAGE_TAG_LISTS
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import Forbidden
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.taglist import codec, resources
from controllers.taglist.reader import TagListReader, fetch_list
from controllers.taglist.resources import BY_REPOSITORY, ChunkHeader
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


class WriterHarness:
    """A writer with its API and its view of it."""

    def __init__(self, kube: FakeKube | None = None, *, sees: bool = True) -> None:
        self.kube = kube or FakeKube()
        self.headers = FakeHeaders(self.kube if sees else FakeKube())
        self.writer = TagListWriter(self.kube, self.headers, field_manager="test")
        self.repository = image_repository()
        self.is_deposed = False

    async def write(self, scan: TagSet, *, now: datetime = START) -> None:
        await self.writer.write(self.repository, scan, now=now, check=self.check)

    def check(self) -> None:
        if self.is_deposed:
            raise LostLeadership

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
def harness() -> WriterHarness:
    return WriterHarness()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `MANY` fill several chunks."""
    monkeypatch.setattr(codec, "encode", partial(codec.encode, max_bytes=1500))


def scan(*tags: str) -> TagSet:
    return build_tag_set(tags, None)


def many(since: int, until: int) -> TagSet:
    return build_tag_set([sha256(b"%d" % number).hexdigest() for number in range(since, until)], None)


MANY, OTHERS, FEW = many(0, 60), many(20, 80), scan("1.0", "2.0")


async def test_number_of_dropped_tags_is_stored_and_removed_again(harness: WriterHarness, small_chunks: None) -> None:
    await harness.write(replace_scan(MANY, excluded_count=3))
    assert (await harness.read()).excluded_count == 3
    assert {chunk.status.excluded_count for chunk in harness.objects if chunk.status} == {3}
    await harness.write(OTHERS)
    assert (await harness.read()).excluded_count == 0


async def test_written_list_reads_back(harness: WriterHarness) -> None:
    assert harness.stored_revision() is None
    await harness.write(FEW)
    assert harness.stored_revision() == FEW.revision
    found = await harness.read()
    assert (found.tags, found.revision) == (("2.0", "1.0"), FEW.revision)
    assert harness.kube.requests[0] == "create imagetaglists apps/app-tags-0"


async def test_times_that_a_clock_put_into_the_future_become_the_present(harness: WriterHarness) -> None:
    await harness.write(FEW)
    await harness.write(scan("1.0", "2.0", "3.0"), now=START + HOUR)
    await harness.write(scan("1.0", "2.0", "3.0", "4.0"), now=START + 9999 * HOUR)
    await harness.write(scan("1.0", "2.0", "3.0", "4.0"), now=START + 2 * HOUR)
    times = (await harness.read()).first_seen
    assert times == {"1.0": None, "2.0": None, "3.0": SECONDS + 3600, "4.0": SECONDS + 7200}


async def test_times_of_a_first_scan_are_not_made_for_each_tag(
    harness: WriterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "_runs", None)
    written = await harness.writer.write(harness.repository, MANY, now=START, check=harness.check)
    assert written == {}
    assert set((await harness.read()).first_seen.values()) == {None}


async def test_next_tag_of_a_short_list_takes_one_request(harness: WriterHarness) -> None:
    await harness.write(FEW)
    harness.headers.catch_up()
    harness.kube.requests.clear()
    await harness.write(scan("1.0", "2.0", "3.0"), now=START + HOUR)
    await harness.write(scan("1.0", "2.0", "3.0", "4.0"), now=START + 2 * HOUR)
    assert harness.kube.requests == ["patch imagetaglists apps/app-tags-0"] * 2
    times = (await harness.read()).first_seen
    assert times == {"1.0": None, "2.0": None, "3.0": SECONDS + 3600, "4.0": SECONDS + 7200}
    found = await harness.writer.read(harness.repository)
    assert (found.tags if found else ()) == ("4.0", "3.0", "2.0", "1.0")


async def test_long_list_is_not_kept_in_memory(harness: WriterHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "MAX_KEPT_BYTES", 1000)
    await harness.write(MANY)
    (header,) = harness.headers.by_index(BY_REPOSITORY, str(APP))
    assert (header.status.data, header.status.first_seen, header.status.revision) == ("", "", MANY.revision)
    harness.kube.requests.clear()
    await harness.write(OTHERS, now=START + HOUR)
    assert harness.kube.requests == ["get imagetaglists apps/app-tags-0", "patch imagetaglists apps/app-tags-0"]
    times = (await harness.read()).first_seen
    assert [times[tag] for tag in OTHERS.tags if tag not in MANY.tags] == [SECONDS + 3600] * 20
    assert {times[tag] for tag in OTHERS.tags if tag in MANY.tags} == {None}


async def test_damaged_list_in_memory_is_asked_for(harness: WriterHarness) -> None:
    await harness.write(FEW)
    (header,) = harness.headers.by_index(BY_REPOSITORY, str(APP))
    harness.headers.record_write(replace(header, status=replace(header.status, data="bm90IGEgbGlzdA==")))
    await harness.write(scan("1.0", "2.0", "3.0"), now=START + HOUR)
    assert (await harness.read()).first_seen == {"1.0": None, "2.0": None, "3.0": SECONDS + 3600}


async def test_empty_list_is_a_list(harness: WriterHarness) -> None:
    await harness.write(scan())
    assert harness.stored_revision() == scan().revision
    assert (await harness.read()).tags == ()


async def test_chunks_are_owned_by_their_repository_and_labelled(harness: WriterHarness) -> None:
    await harness.write(FEW)
    (chunk,) = harness.objects
    (owner,) = chunk.metadata.owner_references
    assert (owner.api_version, owner.kind) == ("image.toolkit.fluxcd.io/v1", "ImageRepository")
    assert (owner.name, owner.uid, owner.controller) == ("app", "uid-of-app", True)
    assert chunk.metadata.labels == {"image.toolkit.fluxcd.io/repository": "app"}
    assert chunk.spec.image_repository_ref.name == "app"


async def test_long_names_are_shortened(harness: WriterHarness) -> None:
    harness.repository = image_repository("a" * 250)
    await harness.write(FEW)
    (chunk,) = harness.objects
    assert chunk.metadata.name == chunk_name("a" * 250, 0)
    assert chunk.metadata.labels == {"image.toolkit.fluxcd.io/repository": repository_label("a" * 250)}
    assert harness.stored_revision() == FEW.revision


async def test_rewriting_patches_the_chunk_in_place(harness: WriterHarness) -> None:
    await harness.write(scan("1.0"))
    harness.kube.requests.clear()
    await harness.write(FEW)
    assert harness.kube.requests == ["patch imagetaglists apps/app-tags-0"]
    assert harness.stored_revision() == FEW.revision


@pytest.mark.usefixtures("small_chunks")
async def test_many_tags_fill_several_chunks(harness: WriterHarness) -> None:
    await harness.write(MANY)
    assert len(harness.objects) > 2
    assert {chunk.status.chunks for chunk in harness.objects if chunk.status} == {len(harness.objects)}
    assert (await harness.read()).tags == MANY.tags
    assert harness.stored_revision() == MANY.revision


@pytest.mark.usefixtures("small_chunks")
async def test_shrinking_deletes_what_is_left_over(harness: WriterHarness) -> None:
    await harness.write(MANY)
    await harness.write(FEW)
    assert harness.names == ["app-tags-0"]
    harness.headers.catch_up()
    assert harness.stored_revision() == FEW.revision
    assert (await harness.read()).tags == FEW.tags


@pytest.mark.usefixtures("small_chunks")
async def test_left_over_chunk_is_deleted_by_the_next_write(harness: WriterHarness) -> None:
    await harness.write(MANY)
    harness.kube.forbid("delete imagetaglists apps/app-tags-1")
    with pytest.raises(Forbidden):
        await harness.write(FEW)
    harness.headers.catch_up()
    assert harness.stored_revision() is None
    await harness.write(FEW)
    harness.headers.catch_up()
    assert (harness.names, harness.stored_revision()) == (["app-tags-0"], FEW.revision)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    "restart", [pytest.param(False, id="refused-by-the-server"), pytest.param(True, id="process-killed")]
)
async def test_crash_between_two_chunks_is_noticed_and_repaired(harness: WriterHarness, restart: bool) -> None:
    await harness.write(MANY)
    harness.kube.forbid("patch imagetaglists apps/app-tags-1")
    with pytest.raises(Forbidden):
        await harness.write(OTHERS)
    if restart:
        harness = WriterHarness(harness.kube)
    assert harness.stored_revision() is None
    assert await fetch_list(harness.kube, APP) is None
    await harness.write(OTHERS)
    assert harness.stored_revision() == OTHERS.revision
    assert (await harness.read()).tags == OTHERS.tags


@pytest.mark.usefixtures("small_chunks")
async def test_crash_between_two_chunks_forgets_no_ages(harness: WriterHarness) -> None:
    await harness.write(MANY)
    await harness.write(OTHERS, now=START + HOUR)
    before = (await harness.read()).first_seen
    latest = many(20, 83)
    harness.kube.forbid("patch imagetaglists apps/app-tags-2")
    with pytest.raises(Forbidden):
        await harness.write(latest, now=START + 2 * HOUR)
    harness = WriterHarness(harness.kube)
    assert harness.stored_revision() is None
    await harness.write(latest, now=START + 3 * HOUR)
    after = (await harness.read()).first_seen
    changed = [tag for tag in before if after[tag] != before[tag]]
    assert len(changed) <= 1  # a tag on the border between an old chunk and a new one may be in neither
    new = set(latest.tags) - set(OTHERS.tags)
    assert {after[tag] for tag in new} <= {SECONDS + 7200, SECONDS + 10800}


@pytest.mark.usefixtures("small_chunks")
async def test_crash_in_the_first_write_makes_no_tag_young(harness: WriterHarness) -> None:
    harness.kube.forbid("create imagetaglists apps/app-tags-1")
    with pytest.raises(Forbidden):
        await harness.write(MANY)
    await harness.write(MANY, now=START + HOUR)
    assert set((await harness.read()).first_seen.values()) == {None}


@pytest.mark.usefixtures("small_chunks")
async def test_chunk_that_somebody_deleted_makes_no_tag_young(harness: WriterHarness) -> None:
    await harness.write(MANY)
    harness.kube.remove(LISTS, "apps", "app-tags-1")
    harness.headers.catch_up()
    await harness.write(MANY, now=START + HOUR)
    assert set((await harness.read()).first_seen.values()) == {None}


@pytest.mark.usefixtures("small_chunks")
async def test_crash_in_the_first_write_is_noticed_and_repaired(harness: WriterHarness) -> None:
    harness.kube.forbid("create imagetaglists apps/app-tags-1")
    with pytest.raises(Forbidden):
        await harness.write(MANY)
    assert harness.stored_revision() is None
    await harness.write(MANY)
    assert harness.stored_revision() == MANY.revision


async def test_first_scan_knows_no_ages(harness: WriterHarness) -> None:
    await harness.write(FEW)
    assert (await harness.read()).first_seen == {"1.0": None, "2.0": None}


async def test_later_scans_date_new_tags_and_keep_the_dates_of_old_ones(harness: WriterHarness) -> None:
    await harness.write(scan("1.0"))
    await harness.write(scan("1.0", "2.0"), now=START + HOUR)
    await harness.write(scan("1.0", "2.0", "3.0"), now=START + 2 * HOUR)
    later = SECONDS + 3600
    assert (await harness.read()).first_seen == {"1.0": None, "2.0": later, "3.0": later + 3600}


async def test_tag_that_went_and_came_back_is_new(harness: WriterHarness) -> None:
    await harness.write(scan("1.0", "2.0"))
    await harness.write(scan("1.0"), now=START + HOUR)
    await harness.write(scan("1.0", "2.0"), now=START + 2 * HOUR)
    assert (await harness.read()).first_seen == {"1.0": None, "2.0": SECONDS + 7200}


async def test_list_that_becomes_of_unknown_age_keeps_no_old_date(harness: WriterHarness) -> None:
    await harness.write(scan("1.0"))
    await harness.write(scan("1.0", "2.0"), now=START + HOUR)
    await harness.write(scan("1.0"), now=START + 2 * HOUR)
    found = await harness.read()
    assert (found.tags, found.first_seen) == (("1.0",), {"1.0": None})


async def test_chunk_of_an_earlier_object_of_that_name_is_replaced(harness: WriterHarness) -> None:
    await harness.write(scan("0.1", "0.2"))
    harness.repository = _remade(harness.repository)
    assert harness.stored_revision() is None
    harness.kube.requests.clear()
    await harness.write(FEW, now=START + HOUR)
    name = "imagetaglists apps/app-tags-0"
    assert harness.kube.requests == [f"create {name}", f"get {name}", f"delete {name}", f"create {name}"]
    assert (await harness.read()).first_seen == {"1.0": None, "2.0": None}
    assert harness.stored_revision() == FEW.revision
    assert harness.objects[0].metadata.owner_references[0].uid == "uid-of-the-new-one"


async def test_list_that_a_restarted_process_does_not_see_yet_keeps_its_ages(harness: WriterHarness) -> None:
    await harness.write(scan("1.0"))
    await harness.write(scan("1.0", "2.0"), now=START + HOUR)
    harness.kube.requests.clear()
    restarted = WriterHarness(harness.kube, sees=False)
    await restarted.write(scan("1.0", "2.0", "3.0"), now=START + 2 * HOUR)
    later = SECONDS + 3600
    assert (await restarted.read()).first_seen == {"1.0": None, "2.0": later, "3.0": later + 3600}
    assert restarted.names == ["app-tags-0"]
    assert not [request for request in harness.kube.requests if request.startswith("delete")]


async def test_a_chunk_that_tells_of_thousands_costs_no_request_for_each(harness: WriterHarness) -> None:
    await harness.write(FEW)
    body = {"status": {"chunks": 100_000}}
    await harness.kube.patch(
        IMAGE_TAG_LISTS, APP.namespace, "app-tags-0", body, into=ChunkHeader, field_manager="somebody"
    )
    restarted = WriterHarness(harness.kube, sees=False)
    harness.kube.requests.clear()
    await restarted.write(scan("1.0", "2.0"))
    assert (await restarted.read()).tags == ("2.0", "1.0")
    assert len(harness.kube.requests) < 10


@pytest.mark.usefixtures("small_chunks")
async def test_long_list_that_a_restarted_process_does_not_see_yet_keeps_its_ages(harness: WriterHarness) -> None:
    await harness.write(many(0, 60))
    await harness.write(many(0, 70), now=START + HOUR)
    assert len(harness.names) > 1
    restarted = WriterHarness(harness.kube, sees=False)
    await restarted.write(many(0, 75), now=START + 2 * HOUR)
    ages = (await restarted.read()).first_seen
    assert {ages[tag] for tag in many(0, 60).tags} == {None}
    assert {ages[tag] for tag in many(60, 70).tags} == {SECONDS + 3600}
    assert {ages[tag] for tag in many(70, 75).tags} == {SECONDS + 7200}


async def test_chunk_that_memory_never_takes_is_made_anew(
    harness: WriterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.write(scan("1.0"))
    restarted = WriterHarness(harness.kube, sees=False)
    monkeypatch.setattr(restarted.headers, "record_write", lambda _: None)
    await restarted.write(FEW)
    assert (await restarted.read()).tags == FEW.tags


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("stopped_at", range(8))
async def test_process_that_was_stopped_until_another_one_led_writes_nothing_more(
    harness: WriterHarness, stopped_at: int
) -> None:
    await harness.write(MANY)
    harness.kube.requests.clear()

    async def stop(_: str) -> None:
        harness.is_deposed = len(harness.kube.requests) > stopped_at

    harness.kube.before = stop
    with suppress(LostLeadership):
        await harness.write(many(20, 23))
    after = harness.kube.requests[stopped_at + 1 :]
    assert [request for request in after if not request.startswith("get ")] == []


async def test_chunk_that_somebody_deleted_is_missed_and_written_again(harness: WriterHarness) -> None:
    await harness.write(FEW)
    harness.kube.remove(LISTS, "apps", "app-tags-0")
    harness.headers.catch_up()
    assert harness.stored_revision() is None
    await harness.write(FEW)
    assert harness.stored_revision() == FEW.revision


async def test_lists_of_other_repositories_are_left_alone(harness: WriterHarness) -> None:
    await harness.write(FEW)
    harness.repository = image_repository("app-tags-0")
    await harness.write(scan("9.9"))
    assert harness.names == ["app-tags-0", "app-tags-0-tags-0"]
    assert (await harness.read()).tags == FEW.tags


async def test_reader_gets_what_the_writer_stored(harness: WriterHarness) -> None:
    await harness.write(FEW)
    found = await TagListReader(harness.kube, VirtualClock()).read(APP, FEW.revision)
    assert found.tags == FEW.tags


def _remade(repository: ImageRepository) -> ImageRepository:
    return replace(repository, metadata=replace(repository.metadata, uid="uid-of-the-new-one"))
