"""The tags of images, as registries list them, for verbs that work without a cluster.

Registries are asked as the user of Docker's own configuration file. Imports the registry client: load it when needed.
"""

import asyncio
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta

from api.version import VERSION
from cli import own_machine
from cli.dockerlogin import config_file
from cli.progress import Progress
from cli.tags import TagLists
from controllers.clock import SYSTEM_CLOCK
from controllers.image.reference import BadReference, Image, parse_image
from controllers.registry.access import Access
from controllers.registry.client import RegistryClient
from controllers.registry.dockerconfig import JSON_KEY, JSON_TYPE, Credentials, PullSecret, resolve_credentials
from controllers.registry.errors import RegistryError, Unavailable
from controllers.registry.settings import RegistrySettings

USER_AGENT = f"tagline/{VERSION}"
TIMEOUT = timedelta(seconds=30)
CONCURRENCY = 16
"""Images asked for at the same time; the registry's own budget is below."""
PROGRESS_AFTER_SECONDS = 1.0


def ask_registries(images: Iterable[str]) -> TagLists:
    """Return the tags of images. Shows progress on a terminal when it takes longer than a second."""
    return asyncio.run(_ask_all(list(dict.fromkeys(images))))


async def _ask_all(images: Sequence[str]) -> TagLists:
    client = RegistryClient(
        clock=SYSTEM_CLOCK, user_agent=USER_AGENT, settings=RegistrySettings(destinations=own_machine.DESTINATIONS)
    )
    lists, broken, limit = TagLists(), dict[str, str](), asyncio.Semaphore(CONCURRENCY)
    config = _read_docker_config()

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


async def _ask(client: RegistryClient, name: str, config: bytes, lists: TagLists, broken: dict[str, str]) -> None:
    """List the tags of one image; a registry that cannot be reached at all is not tried again."""
    try:
        image = parse_image(name)
        if image.registry in broken:
            lists.failures[name] = broken[image.registry]
            return
        credentials = _credentials(image, config)
        listed = await client.list_tags(image, Access(credentials=credentials), timeout=TIMEOUT)
        lists.tags[name] = listed.tags
    except Unavailable as error:
        lists.failures[name] = broken[image.registry] = str(error)
    except (RegistryError, BadReference) as error:
        lists.failures[name] = str(error)


def _read_docker_config() -> bytes:
    try:
        return config_file(os.environ).read_bytes()
    except OSError:
        return b""


def _credentials(image: Image, config: bytes) -> Credentials | None:
    if not config:
        return None
    return resolve_credentials(image, [PullSecret(JSON_TYPE, {JSON_KEY: config}, "Docker's config.json")])


async def _show_progress(lists: TagLists, total: int) -> None:
    with Progress("asking registries", after_seconds=0) as progress:
        while True:
            await asyncio.sleep(PROGRESS_AFTER_SECONDS)
            progress.show("images", len(lists.tags) + len(lists.failures), total)
