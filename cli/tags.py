"""The tags of images, for verbs that work without a cluster: from files, or from registries.

Registries are asked as the user of Docker's own configuration file. Nothing of the registry client is imported before
the first image is asked for.
"""

import asyncio
import importlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from api.version import VERSION
from controllers.image.reference import BadReference, parse_image

USER_AGENT = f"tagline/{VERSION}"
TIMEOUT = timedelta(seconds=30)
CONCURRENCY = 16
"""Images asked for at the same time; the registry's own budget is below."""
PROGRESS_AFTER_SECONDS = 1.0


class BadTagFile(ValueError):
    """A file of tags cannot be used; the text says why."""


@dataclass(slots=True)
class TagLists:
    """What is known of images, by their names as written."""

    tags: dict[str, Sequence[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Why a registry gave no tags."""

    def of(self, image: str) -> Sequence[str] | None:
        """Return the tags of an image, None where they are unknown."""
        return self.tags.get(image)


def read_tag_files(arguments: Iterable[str]) -> dict[str, Sequence[str]]:
    """Return the tags of each `IMAGE=FILE`, one tag a line; the last file of an image counts. Raises BadTagFile."""
    found: dict[str, Sequence[str]] = {}
    for argument in arguments:
        image, equals, file = argument.partition("=")
        if not equals or not image or not file:
            raise BadTagFile(f"{argument!r} is not of the form IMAGE=FILE")
        try:
            lines = Path(file).read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise BadTagFile(f"cannot read the tags in {file}: {getattr(error, 'strerror', None) or error}") from None
        found[image] = list(dict.fromkeys(lines))
    return found


def ask_registries(images: Iterable[str]) -> TagLists:
    """Return the tags of images. Shows progress on a terminal when it takes longer than a second."""
    return asyncio.run(_ask_all(list(dict.fromkeys(images))))


async def _ask_all(images: Sequence[str]) -> TagLists:
    clock = importlib.import_module("controllers.clock").SYSTEM_CLOCK
    client = importlib.import_module("controllers.registry.client").RegistryClient(clock=clock, user_agent=USER_AGENT)
    lists, broken, limit = TagLists(), dict[str, str](), asyncio.Semaphore(CONCURRENCY)
    config = read_docker_config(os.environ)

    async def ask(image: str) -> None:
        async with limit:
            await _ask(client, image, config, lists, broken)

    progress = asyncio.create_task(_show_progress(lists, len(images)))
    try:
        await asyncio.gather(*(ask(image) for image in images))
    finally:
        progress.cancel()
        with suppress(asyncio.CancelledError):
            await progress
        await client.aclose()
    return lists


async def _ask(client: Any, name: str, config: bytes, lists: TagLists, broken: dict[str, str]) -> None:
    """List the tags of one image; a registry that cannot be reached at all is not tried again."""
    errors = importlib.import_module("controllers.registry.errors")
    access = importlib.import_module("controllers.registry.access")
    try:
        image = parse_image(name)
        if image.registry in broken:
            lists.failures[name] = broken[image.registry]
            return
        credentials = _credentials(image, config)
        lists.tags[name] = await client.list_tags(image, access.Access(credentials=credentials), timeout=TIMEOUT)
    except errors.Unavailable as error:
        lists.failures[name] = broken[image.registry] = str(error)
    except (errors.RegistryError, BadReference) as error:
        lists.failures[name] = str(error)


def _credentials(image: Any, config: bytes) -> Any:
    dockerconfig = importlib.import_module("controllers.registry.dockerconfig")
    if not config:
        return None
    secret = dockerconfig.PullSecret(dockerconfig.JSON_TYPE, {dockerconfig.JSON_KEY: config}, "Docker's config.json")
    return dockerconfig.resolve_credentials(image, [secret])


def read_docker_config(environment: Mapping[str, str]) -> bytes:
    """Return Docker's configuration file of the user, nothing where there is none."""
    folder = environment.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
    try:
        return (Path(folder) / "config.json").read_bytes()
    except OSError:
        return b""


async def _show_progress(lists: TagLists, total: int) -> None:
    if not sys.stderr.isatty():
        return
    try:
        while True:
            await asyncio.sleep(PROGRESS_AFTER_SECONDS)
            done = len(lists.tags) + len(lists.failures)
            sys.stderr.write(f"\rasking registries: {done} of {total} images")
            sys.stderr.flush()
    finally:
        sys.stderr.write("\r\x1b[K")
