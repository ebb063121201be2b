"""What is measured: each scenario on fresh processes, an empty namespace and a registry that begins anew."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from api.names import IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS
from hack.bench.beside import objects, repositories
from hack.bench.beside.objects import Sizes
from hack.bench.beside.repositories import Bare
from hack.bench.beside.trial import NotReached, Trial
from hack.bench.beside.world import World

FEW_TAGS: Final = 20
"""Of an image of which the tags are not what is measured."""
REPETITIONS: Final = 5
"""In the large repository, and in all those of the fleet."""
GAP_SECONDS: Final = 1.0
"""Between two repetitions in one phase."""

IMAGE: Final = "app"
"""Of the scenarios with one; repositories, policies and automations have the name of their image."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """How it is played, and on what."""

    play: Callable[[Trial], Awaitable[None]]
    tags: Callable[[Sizes], int]
    """Of every repository of the registry."""
    prepare: Callable[[World, Sizes], None] = lambda world, sizes: None
    """Makes what takes long and is the same in every trial, once."""


async def scan_images(trial: Trial) -> None:
    """Create many ImageRepositories, then ask for a scan of each."""
    await _scan(trial, trial.sizes.images, trial.sizes.image_tags)


async def scan_large(trial: Trial) -> None:
    """Do so with fewer ones of several pages."""
    await _scan(trial, trial.sizes.large_images, trial.sizes.large_tags)


async def _scan(trial: Trial, count: int, tags: int) -> None:
    names = [f"image-{number}" for number in range(count)]
    what = f"{count:,} repositories of {tags:,} tags"
    async with trial.phase(f"{what}: created → ready") as walls:
        began = time.monotonic()
        await trial.create(objects.repository(name, f"{trial.world.registry}/{name}") for name in names)
        walls.append(await trial.scanned(names) - began)
    _check_tags(trial, tags)
    async with trial.phase(f"{what}: scanned again") as walls:
        began = time.monotonic()
        tokens = await trial.request_all(IMAGE_REPOSITORIES, names)
        walls.append(await trial.handled(trial.observer.repositories, tokens) - began)


def _check_tags(trial: Trial, tags: int) -> None:
    for one in trial.observer.repositories.list():
        found = one.status.last_scan_result
        if found is None or found.tag_count != tags:
            raise NotReached(f"{trial.side.name}: {one.metadata.name} has not {tags} tags: {found}")


async def choose(trial: Trial) -> None:
    """Scan one long list; have many policies choose from it, and again when a tag has come."""
    tags, rules = trial.sizes.list_tags, dict(objects.mixed_rules(trial.sizes.policies, trial.sizes.list_tags))
    async with trial.phase(f"one list of {tags:,} tags") as walls:
        began = time.monotonic()
        await trial.create([objects.repository(IMAGE, f"{trial.world.registry}/{IMAGE}")])
        walls.append(await trial.scanned([IMAGE]) - began)
    _check_tags(trial, tags)
    async with trial.phase(f"{len(rules):,} policies on it: created → ready") as walls:
        began = time.monotonic()
        await trial.create(objects.policy(name, IMAGE, rule) for name, rule in rules.items())
        walls.append(await trial.chosen(rules, "") - began)
    async with trial.phase(f"one new tag for {len(rules):,} policies") as walls:
        tag = objects.newer_than_all()
        await asyncio.to_thread(trial.world.push_tag, IMAGE, tag)
        began = time.monotonic()
        await trial.request(IMAGE_REPOSITORIES, IMAGE)
        walls.append(await trial.chosen(rules, tag) - began)


async def push(trial: Trial) -> None:
    """Push one tag after the other; each becomes a commit in a small repository."""
    bare = await asyncio.to_thread(_small, trial, IMAGE, objects.SMALL_FILES)
    await _follow(trial, [IMAGE])
    await trial.automate({IMAGE: bare})
    async with trial.phase("tag pushed → commit") as walls:
        lines = {IMAGE: objects.count_marked(objects.SMALL_FILES)}
        walls.extend(await _push_each(trial, {IMAGE: bare}, [IMAGE] * trial.sizes.pushes, lines))


async def change_files(trial: Trial) -> None:
    """Have a large repository changed in a few files, and not at all. It is up to date when it is first seen."""
    bare = repositories.copy(_template(trial.world), trial.world.repositories / f"{IMAGE}.git")
    lines = objects.count_marked_by_service(trial.sizes.files)
    services = objects.services()
    await _follow(trial, services)
    await trial.automate({IMAGE: bare})
    what = f"{trial.sizes.files:,} files"
    async with trial.phase(f"{what}: one tag → commit") as walls:
        walls.extend(await _push_each(trial, {IMAGE: bare}, services[:REPETITIONS], lines))
    async with trial.phase(f"{what}: nothing changed") as walls:
        for _ in range(REPETITIONS):
            began = time.monotonic()
            tokens = await trial.request_all(IMAGE_UPDATE_AUTOMATIONS, [IMAGE])
            walls.append(await trial.handled(trial.observer.automations, tokens) - began)
            await asyncio.sleep(GAP_SECONDS)


def make_template(world: World, sizes: Sizes) -> None:
    """Make the large repository, up to date."""
    files = objects.large_files(sizes.files, world.registry, objects.newest(FEW_TAGS))
    repositories.make(_template(world).path, files)


def _template(world: World) -> Bare:
    return Bare(world.folder / "template.git")


async def spread(trial: Trial) -> None:
    """Push a tag that many automations write, each to a repository of its own."""
    names = [f"fleet-{number}" for number in range(trial.sizes.repositories)]
    fleet = {name: await asyncio.to_thread(_small, trial, name, objects.FLEET_FILES) for name in names}
    await _follow(trial, [IMAGE])
    await trial.automate(fleet)
    lines = {IMAGE: objects.count_marked(objects.FLEET_FILES)}
    async with trial.phase(f"one tag → {len(fleet)} commits in {len(fleet)} repositories") as walls:
        walls.extend(await _push_each(trial, fleet, [IMAGE] * REPETITIONS, lines))


async def _follow(trial: Trial, images: list[str]) -> None:
    """Create an ImageRepository and a policy for each image, and wait for the choices."""
    await trial.create(objects.repository(name, f"{trial.world.registry}/{name}") for name in images)
    await trial.create(objects.policy(name, name, objects.semver()) for name in images)
    await trial.chosen(images, objects.newest(FEW_TAGS))


def _small(trial: Trial, name: str, files: int) -> Bare:
    image = f"{trial.world.registry}/{IMAGE}:{objects.newest(FEW_TAGS)}"
    contents = objects.small_files(files, image, IMAGE, salt=f"-{name}")
    return repositories.make(trial.world.repositories / f"{name}.git", contents)


async def _push_each(trial: Trial, fleet: dict[str, Bare], images: list[str], lines: Mapping[str, int]) -> list[float]:
    """Push a tag of each image in turn; return how long each took. lines: of one repository, by image."""
    walls = []
    for number, image in enumerate(images):
        walls.append(await trial.committed(fleet, image, objects.newer_than_all(number), lines=lines[image]))
        await asyncio.sleep(GAP_SECONDS)
    return walls


SCENARIOS: Final = {
    "images": Scenario(scan_images, lambda sizes: sizes.image_tags),
    "large": Scenario(scan_large, lambda sizes: sizes.large_tags),
    "list": Scenario(choose, lambda sizes: sizes.list_tags),
    "push": Scenario(push, lambda sizes: FEW_TAGS),
    "files": Scenario(change_files, lambda sizes: FEW_TAGS, make_template),
    "fleet": Scenario(spread, lambda sizes: FEW_TAGS),
}
