"""Follows manifests that change while a process stays: looked at every second, applied when they can be used."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from cli import sync
from cli.objects import SUFFIXES, BadInput, Manifests
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime import logkey
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.kube.errors import ApiError

LOOK_SECONDS: Final = 1.0
_SHARE: Final = 20
"""A look takes at most a twentieth of the time, however large the folder is."""

Fingerprint = dict[str, tuple[int, int, int]]

log = logging.getLogger("controllers.manifests")


async def follow_manifests(sources: Sequence[str], client: EmbeddedClient, *, read: Callable[[], Manifests]) -> None:
    """Apply what `read` returns whenever a file of the sources has changed, until cancelled.

    Manifests that cannot be used are logged, and the objects stay as they were.
    """
    seen = await asyncio.to_thread(fingerprint, sources)
    took = 0.0
    while True:
        await SYSTEM_CLOCK.sleep(max(LOOK_SECONDS, took * _SHARE))
        began = time.monotonic()
        found = await asyncio.to_thread(fingerprint, sources)
        took = time.monotonic() - began
        if found == seen:
            continue
        seen = found
        try:
            manifests = await asyncio.to_thread(read)
            await sync.apply(client, manifests.manifests)
        except BadInput as error:
            for line in str(error).splitlines():
                log.error("manifests cannot be used, the objects stay as they were", extra={logkey.ERROR: line})
        except ApiError as error:  # the state cannot be written
            log.error("manifests have changed and could not be applied to the end", extra={logkey.ERROR: str(error)})
        else:
            log.info("manifests have changed", extra={logkey.COUNT: len(manifests.manifests)})


def fingerprint(sources: Sequence[str]) -> Fingerprint:
    """Return what changes when a file of the sources does: its inode, size and time."""
    found: Fingerprint = {}
    for source in sources:
        path = Path(source)
        if source == "-":
            continue
        if not path.is_dir():
            _add(found, path)
        for root, folders, files in os.walk(path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                if name.endswith(SUFFIXES):
                    _add(found, Path(root, name))
    return found


def _add(found: Fingerprint, path: Path) -> None:
    with suppress(OSError):
        status = path.stat()
        found[str(path)] = (status.st_ino, status.st_size, status.st_mtime_ns)
