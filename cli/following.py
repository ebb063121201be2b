"""Follows manifests that change while a process stays: looked at every second, applied when they can be used."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from cli import sync
from cli.objects import KUSTOMIZATIONS, SUFFIXES, BadInput, Manifests
from controllers.clock import SYSTEM_CLOCK, Clock
from controllers.net.library_errors import describe
from controllers.runtime import logkey
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.kube.errors import ApiError

LOOK_SECONDS: Final = 1.0
_SHARE: Final = 20
"""A look takes at most a twentieth of the time, however large the folder is."""

Fingerprint = dict[str, tuple[int, int, int]]

log = logging.getLogger("controllers.manifests")


class Follower:
    """Applies what `read` returns whenever a file of the sources has changed."""

    def __init__(
        self,
        sources: Sequence[str],
        client: EmbeddedClient,
        *,
        seen: Fingerprint,
        read: Callable[[], Manifests],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Begin nothing yet. seen: from before the manifests were first read. read: raises BadInput."""
        self._sources = sources
        self._client = client
        self._read = read
        self._clock = clock
        self._seen = seen

    async def run(self) -> None:
        """Follow until cancelled; manifests that cannot be used are logged, and the objects stay as they were."""
        took = 0.0
        while True:
            await self._clock.sleep(max(LOOK_SECONDS, took * _SHARE))
            began = self._clock.monotonic()
            found = await asyncio.to_thread(fingerprint, self._sources)
            took = self._clock.monotonic() - began
            if found != self._seen:
                self._seen = found
                await self._apply()

    async def _apply(self) -> None:
        try:
            manifests = await asyncio.to_thread(self._read)
            await sync.apply(self._client, manifests.manifests)
        except BadInput as error:
            for line in str(error).splitlines():
                log.error("manifests cannot be used, the objects stay as they were", extra={logkey.ERROR: line})
        except OSError as error:
            log.error("manifests cannot be read, the objects stay as they were", extra={logkey.ERROR: describe(error)})
        except ApiError as error:  # the state cannot be written
            log.error("manifests have changed and could not be applied to the end", extra={logkey.ERROR: str(error)})
        else:
            log.info("manifests have changed", extra={logkey.COUNT: len(manifests.manifests)})


def fingerprint(sources: Sequence[str]) -> Fingerprint:
    """Return what changes when a file of the sources does, or a kustomization beside it: its inode, size and time."""
    found: Fingerprint = {}
    for source in sources:
        if source == "-":
            continue
        if not os.path.isdir(source):
            _add(found, source)
            for name in KUSTOMIZATIONS:
                _add(found, os.path.join(os.path.dirname(source), name))
        for root, folders, files in os.walk(source):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                if name.endswith(SUFFIXES) or name in KUSTOMIZATIONS:
                    _add(found, os.path.join(root, name))
    return found


def _add(found: Fingerprint, path: str) -> None:
    with suppress(OSError):
        status = os.stat(path)
        found[path] = (status.st_ino, status.st_size, status.st_mtime_ns)
