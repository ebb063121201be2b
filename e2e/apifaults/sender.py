"""A registry that calls a hook: CNCF's Distribution, which sends a notification again until it is taken.

What it is answered with 2xx it never sends again. A sender that does not repeat loses what was refused, and nothing
that was taken.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from api.kinds import RECEIVER
from controllers.webhooks.hook_path import hook_path
from e2e.apifaults.calls import HOOK
from e2e.apifaults.faults import CRASH, FAULTS, PAIR
from testing.observer import NeverCame

if TYPE_CHECKING:
    from e2e.apifaults.play import Play

NAME = "app"
"""Of the Receiver."""
TIMEOUT_SECONDS = 5.0
"""For an answer: what `tagline receiver setup` writes into a registry's configuration."""
BACKOFF_SECONDS = 0.3
LATE_SECONDS = 10.0
"""For a process that was killed to know again what it knew: the server that it asks may be behind for a while."""
FORGETTING = frozenset({CRASH, PAIR})
"""Groups of faults after which the process that serves may know less than the one before."""
TAKEN = frozenset({"Woken", "Duplicate"})
OF_SERVER = range(500, 600)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender was answered. status 0: nothing."""

    status: int
    reason: str = ""

    @property
    def is_no_verdict(self) -> bool:
        """Whether a sender is to try again, as HTTP has it."""
        return self.status in (0, 429) or self.status in OF_SERVER


class Sender:
    """Calls the hook of a play's Receiver with one token."""

    def __init__(self, play: "Play", token: str, *, path: str = "") -> None:
        """Build it. path: of another token; empty: of this one."""
        self._play, self._token = play, token
        self.path = path or hook_path(token, NAME, play.namespace)

    async def push(self, tag: str) -> dict[str, Any]:
        """Push an image; return the event of that."""
        repository = f"{self._play.namespace}/app"
        digest = await asyncio.to_thread(self._play.world.pusher.push, repository, tag)
        return self._event(f"{tag}-{digest[-12:]}", digest=digest, tag=tag)

    async def announce(self, event: dict[str, Any]) -> None:
        """Send an event until it is taken. Raises NeverCame.

        To refuse it, or to say that it concerns nothing, is a violation: the Receiver says that it serves.
        """
        deadline, wrong_since = time.monotonic() + self._play.patience, 0.0
        while (answer := await self.deliver(event)).reason not in TAKEN:
            now = time.monotonic()
            wrong_since = 0.0 if answer.is_no_verdict else wrong_since or now
            if wrong_since and now - wrong_since >= self._excused_seconds():
                self._play.broken.append(f"{event['id']} was answered {answer.status} {answer.reason}")
            if now > deadline:
                raise NeverCame(f"{event['id']} was never taken; last answered {answer.status} {answer.reason}")
            await asyncio.sleep(BACKOFF_SECONDS)

    async def expect(self, reason: str, event: dict[str, Any] | None = None) -> bool:
        """Send an event until the answer has this reason; return whether that came. Raises NeverCame.

        event: by default one that wakes nothing. That it is taken is a violation, unless the process may have
        forgotten why it should not be.
        """
        deadline = time.monotonic() + self._play.patience
        event = event or self._event("blob")
        while (answer := await self.deliver(event)).reason != reason:
            if answer.reason in TAKEN:
                self._play.expect(bool(self._excused_seconds()), f"{event['id']} was {answer.reason}, not {reason}")
                return False
            if time.monotonic() > deadline:
                raise NeverCame(f"no answer was {reason}; the last one: {answer.status} {answer.reason}")
            await asyncio.sleep(BACKOFF_SECONDS)
        return True

    async def deliver(self, event: dict[str, Any]) -> Answer:
        """Send an event once."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        url = f"http://{self._play.address}:{self._play.world.hook_proxy.port}{self.path}"
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, data=json.dumps({"events": [event]}), headers=headers) as answer,
            ):
                return Answer(answer.status, (await answer.text()).strip())
        except (aiohttp.ClientError, OSError, TimeoutError):
            return Answer(0)

    @property
    def is_excused(self) -> bool:
        """Whether processes may act on what holds no more: one that was killed may scan again, unasked."""
        return self._excused_seconds() > 0

    def _excused_seconds(self) -> float:
        trial = self._play.trial
        if time.monotonic() < self._play.world.deaf_until:
            return LATE_SECONDS
        if trial is None:
            return 0.0
        is_on_the_way = trial.position.what == HOOK and self._play.fired
        is_late = trial.fault == "event-late" and trial.position.process == RECEIVER.name
        return LATE_SECONDS if is_on_the_way or is_late or FAULTS[trial.fault].group in FORGETTING else 0.0

    def _event(self, id_: str, **target: str) -> dict[str, Any]:
        repository, host = f"{self._play.namespace}/app", self._play.registry
        return {
            "id": id_,
            "timestamp": datetime.now(UTC).isoformat(),
            "action": "push",
            "target": {"repository": repository, "url": f"http://{host}/v2/{repository}/manifests/x", **target},
            "request": {"id": id_, "addr": self._play.address, "host": host, "method": "PUT", "useragent": "ci"},
        }
