"""The controllers' own reconcilers over objects from files, in this process: no cluster, nothing is left behind."""

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.kinds import KINDS
from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS, NAMESPACES
from api.resource import Resource
from cli import own_machine
from cli.hosting import QUIET, SCANNERS, Build, Host
from cli.objects import Manifest
from cli.offline_registry import OfflineRegistry
from cli.sync import read_states
from controllers.clock import Clock
from controllers.imageaccess.wiring import provide_registry_client
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.process.process import Process

_NO_LOG: Final = logging.NullHandler()
LOOK_SECONDS: Final = 0.2
_WORDS: Final = {
    IMAGE_REPOSITORIES.kind: "images",
    IMAGE_POLICIES.kind: "policies",
    IMAGE_UPDATE_AUTOMATIONS.kind: "automations",
}
FLAGS: Final = (*QUIET, "--concurrent=16", "--grace-period=1s", own_machine.FLAG)
"""Of a process of kinds that works once, for one user."""

Progress = Callable[[str, int, int], None]
"""Called with what is waited for, how many are done, and of how many."""


@dataclass(slots=True)
class Choices:
    """What the policies have chosen, and what is wrong with objects."""

    policies: list[ImagePolicy] = field(default_factory=list)
    repositories: list[ImageRepository] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Each with its place."""


async def choose(
    manifests: Sequence[Manifest],
    *,
    clock: Clock,
    tags: Mapping[str, Sequence[str]],
    offline: bool,
    progress: Progress = lambda *_: None,
) -> Choices:
    """Return what the policies among the manifests choose now.

    tags: of images, by name, instead of their registries'. offline: ask no registry. progress: told while this waits.
    """
    # What has failed is in the status of the objects. Python would write what nobody handles to standard error.
    logging.getLogger("controllers").addHandler(_NO_LOG)
    choices = Choices()
    with EmbeddedApi.in_memory(KINDS, clock=clock) as api:
        client = api.connect()
        for manifest in namespaces_first(manifests):
            try:
                await client.create(manifest.resource, manifest.key.namespace, manifest.body, into=dict)
            except ApiError as error:
                choices.problems.append(f"{manifest.place}: {manifest.name}: {error.message}")
        build = offline_registry(tags, clock=clock, offline=offline) if tags or offline else None
        async with (
            Host(api, SCANNERS, argv=FLAGS, build=build, clock=clock) as host,
            watching(client, clock, progress, of=IMAGE_REPOSITORIES),
        ):
            await host.settle()
        choices.policies = (await client.list(IMAGE_POLICIES, into=ImagePolicy, limit=0)).items
        choices.repositories = (await client.list(IMAGE_REPOSITORIES, into=ImageRepository, limit=0)).items
    return choices


def namespaces_first(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return manifests in an order in which they can be created: an object makes its namespace, without labels."""
    return sorted(manifests, key=lambda manifest: manifest.resource.plural != NAMESPACES.plural)


def offline_registry(
    tags: Mapping[str, Sequence[str]], *, clock: Clock, offline: bool, kind: str = SCANNERS[0]
) -> Mapping[str, Build]:
    """Return the `build` of a host whose registries are lists of tags. kind: the first one that the host declares."""

    def build(process: Process) -> None:
        registry = OfflineRegistry(tags, clock=clock, user_agent=process.user_agent, offline=offline)
        provide_registry_client(process, registry)
        process.add_cleanup(registry.aclose)
        importlib.import_module(f"controllers.{kind}.__main__").PROGRAM.build(process)

    return {kind: build}


@asynccontextmanager
async def watching(client: EmbeddedClient, clock: Clock, progress: Progress, *, of: Resource) -> AsyncIterator[None]:
    """Tell `progress` how many objects of a kind have been reconciled, for as long as the block takes."""
    task = asyncio.create_task(_report_progress(client, clock, progress, of.kind))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _report_progress(client: EmbeddedClient, clock: Clock, progress: Progress, kind: str) -> None:
    while True:
        await clock.sleep(LOOK_SECONDS)
        states: list[Any] = [state for state in await read_states(client) if state.kind == kind]
        progress(_WORDS[kind], sum(state.ready != "Unknown" for state in states), len(states))
