"""Follows manifests that change while a process stays, and applies them when they can be used.

Files are looked at every second, repositories at an interval. Logins that somebody else keeps expire, so those are
asked for again, too.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final, Protocol

from api.names import SECRETS
from cli import sync
from cli.dockerlogin import SECRET_NAME as DOCKER_SECRET
from cli.git_login import SECRET_NAME as GIT_SECRET
from cli.objects import KUSTOMIZATIONS, SUFFIXES, BadInput, Manifest, Manifests
from controllers.clock import SYSTEM_CLOCK, Clock
from controllers.net.library_errors import describe
from controllers.runtime import logkey
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.kube.errors import ApiError

LOOK_SECONDS: Final = 1.0
LOGIN_SECONDS: Final = 600.0
"""How long the answer of a credential helper is used. Short ones are valid for an hour."""
_SHARE: Final = 20
"""A look takes at most a twentieth of the time, however large the folder is."""

Fingerprint = dict[str, tuple[int, int, int]]

log = logging.getLogger("controllers.manifests")


class Remotes(Protocol):
    """Repositories that manifests are from."""

    async def have_changed(self) -> bool:
        """Return whether there is something new. Raises BadInput."""


class Follower:
    """Applies what `read` returns whenever a file of the sources or a repository has changed."""

    def __init__(
        self,
        sources: Sequence[str],
        client: EmbeddedClient,
        *,
        seen: Fingerprint,
        read: Callable[[], Manifests],
        clock: Clock = SYSTEM_CLOCK,
        applied: Sequence[Manifest] = (),
        remotes: Remotes | None = None,
        interval: timedelta = timedelta(minutes=1),
    ) -> None:
        """Begin nothing yet.

        seen: from before the manifests were first read. read: raises BadInput. applied: what it returned then. remotes:
        looked at each `interval`.
        """
        self._sources = sources
        self._client = client
        self._read = read
        self._clock = clock
        self._seen = seen
        self._applied = tuple(applied)
        self._remotes = remotes
        self._interval = interval.total_seconds()
        self._failure = ""
        """What was logged last about repositories that cannot be looked at; empty when they can."""

    async def run(self) -> None:
        """Follow until cancelled; manifests that cannot be used are logged, and the objects stay as they were."""
        took = 0.0
        looked = read = self._clock.monotonic()
        while True:
            await self._clock.sleep(max(LOOK_SECONDS, took * _SHARE))
            began = self._clock.monotonic()
            found = await asyncio.to_thread(fingerprint, self._sources)
            took = self._clock.monotonic() - began
            is_new = found != self._seen
            self._seen = found
            if self._remotes and began - looked >= self._interval:
                is_new = await self._have_remotes_changed(self._remotes) or is_new
                looked = self._clock.monotonic()
            if is_new or (began - read >= LOGIN_SECONDS and self._has_borrowed_logins()):
                await self._apply()
                read = self._clock.monotonic()

    async def _have_remotes_changed(self, remotes: Remotes) -> bool:
        try:
            have_changed = await remotes.have_changed()
        except BadInput as error:
            if str(error) != self._failure:  # one that lasts is said once
                self._failure = str(error)
                log.error(
                    "a repository cannot be read, the objects stay as they were", extra={logkey.ERROR: str(error)}
                )
            return False
        if self._failure:
            self._failure = ""
            log.info("all repositories can be read again")
        return have_changed

    def _has_borrowed_logins(self) -> bool:
        secrets = (one.key.name for one in self._applied if one.resource.kind == SECRETS.kind)
        return any(name == DOCKER_SECRET or name.startswith(GIT_SECRET) for name in secrets)

    async def _apply(self) -> None:
        try:
            manifests = await asyncio.to_thread(self._read)
            if manifests.manifests == self._applied:
                return
            await sync.apply(self._client, manifests.manifests)
        except BadInput as error:
            for line in str(error).splitlines():
                log.error("manifests cannot be used, the objects stay as they were", extra={logkey.ERROR: line})
        except OSError as error:
            log.error("manifests cannot be read, the objects stay as they were", extra={logkey.ERROR: describe(error)})
        except ApiError as error:  # the state cannot be written
            self._applied = ()
            log.error("manifests have changed and could not be applied to the end", extra={logkey.ERROR: str(error)})
        else:
            self._applied = manifests.manifests
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
