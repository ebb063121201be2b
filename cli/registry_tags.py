"""The tags of images, as registries list them, for verbs that work without a cluster.

Registries are asked as the user of Docker's own configuration file. Imports the registry client: load it when needed.
"""

import asyncio
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from api.version import VERSION
from cli import own_machine
from cli.docker_helpers import complete_config
from cli.dockerlogin import config_file, pull_secret, read_config
from cli.progress import Progress, waiting
from cli.tags import TagLists
from controllers.clock import SYSTEM_CLOCK
from controllers.image.reference import BadReference, Image, parse_image
from controllers.registry.access import Access
from controllers.registry.client import RegistryClient
from controllers.registry.dockerconfig import Credentials, resolve_credentials
from controllers.registry.errors import RegistryError, Unavailable
from controllers.registry.settings import RegistrySettings

USER_AGENT = f"tagline/{VERSION}"
TIMEOUT = timedelta(seconds=30)
CONCURRENCY = 16
"""Images asked for at the same time; the registry's own budget is below."""
PROGRESS_AFTER_SECONDS = 1.0


def ask_registries(images: Iterable[str]) -> TagLists:
    """Return the tags of images. Shows progress on a terminal when it takes longer than a second."""
    names = list(dict.fromkeys(images))
    config, notices = _read_config(names)
    lists = asyncio.run(_ask_all(names, config))
    lists.notices += notices
    return lists


def _read_config(images: Iterable[str]) -> tuple[bytes | None, list[str]]:
    """Return Docker's configuration with what its helpers know, and why some gave no answer.

    Not in a thread: Ctrl-C would not end a helper there, and wait for it.
    """
    file = config_file(os.environ)
    config = read_config(file)
    if config is None:
        return None, []
    with waiting("asking Docker's credential helpers"):
        return complete_config(config, _registries(images), title=str(file), environ=os.environ)


async def _ask_all(images: Sequence[str], config: bytes | None) -> TagLists:
    client = RegistryClient(
        clock=SYSTEM_CLOCK, user_agent=USER_AGENT, settings=RegistrySettings(destinations=own_machine.DESTINATIONS)
    )
    lists, broken, limit = TagLists(), dict[str, str](), asyncio.Semaphore(CONCURRENCY)
    file = config_file(os.environ)

    async def ask(name: str) -> None:
        async with limit:
            try:
                image = parse_image(name)
                if image.registry in broken:
                    lists.failures[name] = broken[image.registry]
                    return
                access = Access(credentials=_credentials(image, config, file))
                lists.tags[name] = (await client.list_tags(image, access, timeout=TIMEOUT)).tags
            except (RegistryError, BadReference) as error:
                lists.failures[name] = str(error)
                if isinstance(error, Unavailable) and error.unreachable:  # for all of its images
                    broken[image.registry] = str(error)

    progress = asyncio.create_task(_show_progress(lists, len(images)))
    try:
        await asyncio.gather(*(ask(image) for image in images))
    finally:
        progress.cancel()
        with suppress(asyncio.CancelledError):
            await progress
        await client.aclose()
    return lists


def _registries(images: Iterable[str]) -> set[str]:
    hosts = set()
    for name in images:
        with suppress(BadReference):  # said of the image itself
            hosts.add(parse_image(name).registry)
    return hosts


def _credentials(image: Image, config: bytes | None, file: Path) -> Credentials | None:
    return resolve_credentials(image, [pull_secret(config, file)]) if config is not None else None


async def _show_progress(lists: TagLists, total: int) -> None:
    with Progress("asking registries", after_seconds=0) as progress:
        while True:
            await asyncio.sleep(PROGRESS_AFTER_SECONDS)
            progress.show("images", len(lists.tags) + len(lists.failures), total)
