"""The question that the controller and the command line ask: which tag, from objects alone."""

import asyncio
from functools import partial
from threading import Event

import pytest

from api.imagepolicy import AlphabeticalPolicy, ImagePolicy, ImagePolicyChoice, ImageRef, TagFilter
from api.imagerepository import ImageRepositoryStatus
from controllers.image.reference import parse_image
from controllers.imageaccess.reader import AccessReader
from controllers.policy.alphabetical import Alphabetical
from controllers.policy.errors import InvalidPolicy, NoMatch
from controllers.policy.index import TagIndex
from controllers.policy.rules import Selection
from controllers.policy.tag_filter import Extractor, Filter
from controllers.registry.inspection import Inspection
from controllers.runtime.kube.errors import Unreachable
from controllers.selection.errors import NotScanned, TagsNotRead
from controllers.selection.image_reader import ImageReader
from controllers.selection.selector import read_index, select_tag
from controllers.selection.tag_index_cache import TagIndexCache
from controllers.selection.threads import NamespaceThreads
from testing.builders import IMAGE, image_policy, image_repository, scanned
from testing.clock import START
from testing.kube import FakeKube
from testing.policy_harness import APP, FakeImageRegistry
from testing.process import TEST_TIMEOUT_SECONDS
from testing.tag_lists import FakeTagListReader

APP_IMAGE = parse_image(IMAGE)
INDEX = TagIndex(("1.1.0", "1.0.0"))


async def ask(policy: ImagePolicy, index: TagIndex = INDEX, *, registry: FakeImageRegistry | None = None) -> Selection:
    """Return the choice of a policy of image_repository()."""
    registry = registry or FakeImageRegistry()
    reader = ImageReader(registry, registry, AccessReader(FakeKube()))
    return await select_tag(
        policy, image_repository(), index, image=APP_IMAGE, reader=reader, threads=NamespaceThreads(), now=START
    )


async def test_choice_needs_no_registry_where_no_rule_looks_at_images() -> None:
    registry = FakeImageRegistry()
    selection = await ask(image_policy(), registry=registry)
    assert (selection.choice.tag, registry.inspected) == ("1.1.0", [])


async def test_images_are_read_until_one_satisfies_the_rules() -> None:
    registry = FakeImageRegistry(images={"1.0.0": Inspection(frozenset({"linux/arm64"}), None)})
    choice = ImagePolicyChoice(alphabetical=AlphabeticalPolicy(), platforms=("linux/arm64",))
    policy = image_policy(policy=choice)
    selection = await ask(policy, registry=registry)
    assert (selection.choice.tag, registry.inspected) == ("1.0.0", ["1.1.0", "1.0.0"])


@pytest.mark.parametrize(
    ("name", "kept"), [pytest.param(IMAGE, "1.2.0", id="same-image"), pytest.param("x/y", "", id="another-image")]
)
async def test_last_choice_counts_while_the_image_is_the_same(name: str, kept: str) -> None:
    choice = ImagePolicyChoice(alphabetical=AlphabeticalPolicy(), allow_downgrade=False)
    policy = image_policy(latest=ImageRef(name=name, tag="1.2.0"), policy=choice)
    selection = await ask(policy)
    assert selection.choice.tag == (kept or "1.1.0")


@pytest.mark.parametrize("pattern", [pytest.param("1", id="its-filter"), pytest.param("0$", id="another-filter")])
async def test_event_loop_does_not_wait_for_a_thread_within_a_filter(
    monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    reached, may_go_on, value, index = Event(), Event(), Extractor.value, TagIndex(("1.1.0", "1.0.0"))

    def held(self: Extractor, tag: str) -> str | None:
        if not reached.is_set():
            reached.set()
            assert may_go_on.wait(TEST_TIMEOUT_SECONDS), "the event loop waited for the thread"
        return value(self, tag)

    monkeypatch.setattr(Extractor, "value", held)
    thread = asyncio.create_task(asyncio.to_thread(partial(index.choose, Alphabetical(), Filter("1"))))
    assert await asyncio.to_thread(partial(reached.wait, TEST_TIMEOUT_SECONDS))
    selection = await ask(image_policy(filter_tags=TagFilter(pattern=pattern)), index)
    may_go_on.set()
    assert (selection.choice.tag, (await thread).tag) == ("1.1.0", "1.1.0")


async def test_failure_says_why_each_tag_lost() -> None:
    with pytest.raises(NoMatch) as failure:
        await ask(image_policy(), TagIndex(("2.0.0",)))
    assert sum(failure.value.tally.counts.values()) == 1


async def test_index_is_that_of_the_last_scan() -> None:
    lists = FakeTagListReader()
    repository = image_repository(status=scanned(lists.put(APP, "1.0.0")))
    assert "1.0.0" in await read_index(
        image_policy(), repository, image=APP_IMAGE, tags=TagIndexCache(lists), threads=NamespaceThreads()
    )


@pytest.mark.parametrize(
    "status",
    [pytest.param(ImageRepositoryStatus(), id="never-scanned"), pytest.param(scanned(image="x/y"), id="another-image")],
)
async def test_without_a_scan_there_is_no_index(status: ImageRepositoryStatus) -> None:
    tags = TagIndexCache(FakeTagListReader())
    with pytest.raises(NotScanned, match="waiting for ImageRepository 'apps/app' to scan"):
        await read_index(
            image_policy(), image_repository(status=status), image=APP_IMAGE, tags=tags, threads=NamespaceThreads()
        )
    with pytest.raises(InvalidPolicy):
        await read_index(
            image_policy(policy=ImagePolicyChoice()),
            image_repository(status=status),
            image=APP_IMAGE,
            tags=tags,
            threads=NamespaceThreads(),
        )


async def test_tags_that_the_api_does_not_give() -> None:
    lists = FakeTagListReader()
    lists.failure = Unreachable("get imagetaglists apps/app-tags-0", "connection refused")
    with pytest.raises(TagsNotRead, match="failed to read tags of ImageRepository 'apps/app': connection refused"):
        await read_index(
            image_policy(),
            image_repository(status=scanned()),
            image=APP_IMAGE,
            tags=TagIndexCache(lists),
            threads=NamespaceThreads(),
        )
