"""Follows manifests that change while a process stays, and applies them when they can be used.

Files are looked at every second, and read when two looks find the same: a `git pull` removes what it moves before it
is there again, and objects that are missing for a moment would lose what is known of them. Repositories are looked at
at an interval. Logins that somebody else keeps expire, so those are asked for again, too. What could not be applied
is tried again at the interval, as the reason may be elsewhere.
"""

import asyncio
import logging
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final, Protocol

from api.names import SECRETS
from cli import sync
from cli.dockerlogin import SECRET_NAME as DOCKER_SECRET
from cli.objects import KUSTOMIZATIONS, SUFFIXES, BadInput, Manifest, Manifests
from controllers.clock import SYSTEM_CLOCK, Clock
from controllers.net.library_errors import describe
from controllers.runtime import logkey
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.kube.errors import ApiError

LOOK_SECONDS: Final = 1.0
RESTLESS_SECONDS: Final = 60.0
"""After so long, files are read although they change with each look."""
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
        has_borrowed_logins: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin nothing yet.

        seen: from before the manifests were first read. read: raises BadInput. applied: what it returned then. remotes:
        looked at each `interval`. has_borrowed_logins: whether `read` has asked somebody else for logins, which expire.
        """
        self._sources = sources
        self._client = client
        self._read = read
        self._clock = clock
        self._seen = seen
        self._applied = tuple(applied)
        self._last = seen
        """What was found at the last look; `_seen` is what was read."""
        self._quiet = 0.0
        """When the files were the same in two looks, or were read all the same."""
        self._remotes = remotes
        self._interval = interval.total_seconds()
        self._failure = ""
        """What was logged last about repositories that cannot be looked at; empty when they can."""
        self._asks_others = has_borrowed_logins
        self._refusal: tuple[str, ...] = ()
        """Why the manifests were not applied the last time; empty when they were."""

    async def run(self) -> None:
        """Follow until cancelled; manifests that cannot be used are logged, and the objects stay as they were."""
        took = cost = 0.0
        looked = read = self._quiet = self._clock.monotonic()
        while True:
            await self._clock.sleep(max(LOOK_SECONDS, took * _SHARE))
            began = self._clock.monotonic()
            found = await asyncio.to_thread(fingerprint, self._sources)
            took = self._clock.monotonic() - began
            is_new = self._is_new(found, began)
            if self._remotes and began - looked >= self._interval:
                is_new = await self._have_remotes_changed(self._remotes) or is_new
                looked = self._clock.monotonic()
            waited = began - read
            if is_new or waited >= self._seconds_until_next(cost):
                await self._apply(is_new=is_new)
                read = self._clock.monotonic()
                cost = read - began

    def _is_new(self, found: Fingerprint, now: float) -> bool:
        """Return whether files are to be read: others than those that were, and nobody is writing them any more."""
        if found != self._last:
            self._last = found
            if now - self._quiet < RESTLESS_SECONDS:
                return False
        self._quiet = now
        is_new, self._seen = found != self._seen, found
        return is_new

    def _seconds_until_next(self, cost: float) -> float:
        """Return how long after the last reading the next one is due, though nothing has changed."""
        if self._refusal:
            return max(self._interval, cost * _SHARE)
        return LOGIN_SECONDS if self._has_borrowed_logins() else math.inf

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
        return self._asks_others() or DOCKER_SECRET in secrets

    async def _apply(self, *, is_new: bool) -> None:
        """Apply what there is now. is_new: what was said of the last time is said again."""
        try:
            manifests = await asyncio.to_thread(self._read)
            is_other = manifests.manifests != self._applied
            if is_other or self._refusal:
                await sync.apply(self._client, manifests.manifests)
        except BadInput as error:
            text, reasons = "manifests cannot be used, the objects stay as they were", str(error).splitlines()
        except OSError as error:
            text, reasons = "manifests cannot be read, the objects stay as they were", [describe(error)]
        except ApiError as error:
            text, reasons = "manifests have changed and could not be applied to the end", [str(error)]
        else:
            if is_other or self._refusal:
                text = "manifests have changed" if is_other else "manifests can be used again"
                log.info(text, extra={logkey.COUNT: len(manifests.manifests)})
            self._applied, self._refusal = manifests.manifests, ()
            return
        if is_new or self._refusal != (text, *reasons):
            for reason in reasons:
                log.error(text, extra={logkey.ERROR: reason})
        self._refusal = (text, *reasons)


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
