"""Kinds in this very process, on an embedded API: the reconcilers of `tagline run`, without a cluster."""

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cli import own_machine
from controllers.clock import SYSTEM_CLOCK, Clock
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.process import flags
from controllers.runtime.process.process import Process

SCANNERS = ("imagerepository", "imagepolicy")
"""The kinds that find out what is to be written."""
WRITERS = ("imageupdateautomation",)
"""The kinds that write it."""
QUIET = ("--metrics-addr=", "--health-addr=")
_LOOK_SECONDS = 0.01

Build = Callable[[Process], None]


class Host:
    """One process of some kinds on an embedded API. Raises BadFlag, CannotStart."""

    def __init__(
        self,
        api: EmbeddedApi,
        kinds: Sequence[str],
        *,
        argv: Sequence[str] = QUIET,
        build: Mapping[str, Build] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        client: EmbeddedClient | None = None,
    ) -> None:
        """Declare the kinds; nothing runs yet.

        kinds: by name, as in `tagline run`. argv: flags of `tagline run` for them; URLs may lead to this machine in any
        case. build: kind → what declares it in place of its package. client: of the API, in place of a plain one.
        """
        packages = {kind: importlib.import_module(f"controllers.{kind}.__main__") for kind in kinds}
        programs = [package.PROGRAM for package in packages.values()]
        kind_flags = {flag.name: flag for program in programs for flag in program.flags}
        gates = {gate: on for program in programs for gate, on in program.feature_gates.items()}
        options = flags.parse((own_machine.FLAG, *argv), flags=tuple(kind_flags.values()), feature_gates=gates)
        self._clock = clock
        self._client = client or api.connect()
        self.process = Process(
            options, name="+".join(kinds), config=ClusterConfig(""), client=self._client, clock=clock, environ={}
        )
        for kind, package in packages.items():
            ((build or {}).get(kind) or package.PROGRAM.build)(self.process)
        self._task: asyncio.Task[int] | None = None

    async def __aenter__(self) -> "Host":
        self._task = asyncio.create_task(self.process.run())
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self.process.stop()
        if self._task:
            await self._task

    async def run(self) -> int:
        """Run until `process.stop` is called; return the exit status."""
        return await self.process.run()

    async def settle(self) -> bool:
        """Return once nothing is left to do before a timer fires; False if the process ended before that.

        Every change has been seen then. Failed runs wait for a timer, too, so nothing is tried twice.
        """
        assert self._task, "use it in an async with block"
        quiet = 0
        while quiet < 2:  # what the last run has changed may be on its way between two looks
            if self._task.done():
                return False
            await self._clock.sleep(_LOOK_SECONDS)
            quiet = quiet + 1 if self._is_quiet() else 0
        return True

    def _is_quiet(self) -> bool:
        return self.process.is_idle and not self._client.has_undelivered_events


def writer_with(wrap: Any, wrap_forge: Any = None) -> Mapping[str, Build]:
    """Return the `build` of a host whose automations use `wrap(git)` in place of the Git engine.

    wrap_forge: returns what they use in place of a forge
    """
    package = importlib.import_module("controllers.imageupdateautomation.__main__")
    further = {"wrap_forge": wrap_forge} if wrap_forge else {}
    return {"imageupdateautomation": lambda process: package.build(process, wrap=wrap, **further)}
