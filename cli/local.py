"""The controllers' own reconcilers over objects from files, in this process: no cluster, nothing is left behind.

Secrets, tags and choices are in memory. Registries are asked as a controller would ask them, with the Secrets of the
manifests; images without any as the user of Docker's own configuration file.
"""

import asyncio
import base64
import importlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from api.core import SECRETS
from api.imagepolicy import IMAGE_POLICIES, ImagePolicy
from api.imagerepository import IMAGE_REPOSITORIES, ImageRepository
from api.kinds import KINDS
from api.meta import READY, UNKNOWN, Condition
from api.resource import Resource
from cli import own_machine
from cli.manifests import Json, Manifest, Problem
from cli.offline_registry import OfflineRegistry
from controllers.clock import Clock
from controllers.imageaccess.wiring import provide_registry_client
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.process import flags
from controllers.runtime.process.main import Program
from controllers.runtime.process.process import Process

CHOOSING: Final = ("imagerepository", "imagepolicy")
"""The kinds that scan and choose."""
DOCKER_LOGIN: Final = "docker-config"
POLL_SECONDS: Final = 0.02
_FLAGS: Final = ("--metrics-addr=", "--health-addr=", "--concurrent=16", "--grace-period=1s", own_machine.FLAG)

Progress = Callable[[str, int, int], None]
"""Called with what is waited for, how many are done, and of how many."""


@dataclass(slots=True)
class Choices:
    """What the policies have chosen, and what is wrong with objects."""

    policies: list[ImagePolicy] = field(default_factory=list)
    repositories: list[ImageRepository] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


async def choose(
    manifests: Sequence[Manifest],
    *,
    clock: Clock,
    tags: Mapping[str, Sequence[str]],
    offline: bool,
    docker_config: bytes = b"",
    progress: Progress = lambda *_: None,
) -> Choices:
    """Return what the policies among the manifests choose now.

    tags: of images, by name, instead of their registries'. offline: ask no registry. docker_config: `config.json`.
    progress: told while this waits.
    """
    choices = Choices()
    ordered = sorted(manifests, key=lambda manifest: manifest.document["kind"] == IMAGE_POLICIES.kind)
    with EmbeddedApi.in_memory(KINDS, clock=clock) as api:
        client = api.connect()
        repositories = [m for m in ordered if m.document["kind"] != IMAGE_POLICIES.kind]
        for manifest in [*_docker_logins(repositories, docker_config)]:
            await _create(client, manifest, choices)
        async with _hosting(client, clock=clock, tags=tags, offline=offline):
            await _settle(client, IMAGE_REPOSITORIES, ImageRepository, clock=clock, progress=progress)
            for manifest in ordered[len(repositories) :]:
                await _create(client, manifest, choices)
            await _settle(client, IMAGE_POLICIES, ImagePolicy, clock=clock, progress=progress)
            choices.policies = (await client.list(IMAGE_POLICIES, into=ImagePolicy, limit=0)).items
            choices.repositories = (await client.list(IMAGE_REPOSITORIES, into=ImageRepository, limit=0)).items
    return choices


@asynccontextmanager
async def _hosting(
    client: EmbeddedClient, *, clock: Clock, tags: Mapping[str, Sequence[str]], offline: bool
) -> AsyncIterator[None]:
    """Run the kinds that choose until the end of the block."""
    programs: list[Program] = [importlib.import_module(f"controllers.{kind}.__main__").PROGRAM for kind in CHOOSING]
    kind_flags = tuple({flag.name: flag for program in programs for flag in program.flags}.values())
    options = flags.parse(_FLAGS, flags=kind_flags, feature_gates={})
    process = Process(options, name="preview", config=ClusterConfig(""), clock=clock, environ={}, client=client)
    if tags or offline:
        registry = OfflineRegistry(tags, clock=clock, user_agent=process.user_agent, offline=offline)
        provide_registry_client(process, registry)
        process.add_cleanup(registry.aclose)
    for program in programs:
        program.build(process)
    running = asyncio.create_task(process.run())
    try:
        yield
    finally:
        process.stop()
        await running


async def _create(client: EmbeddedClient, manifest: Manifest, choices: Choices) -> None:
    resource, into = _resource(manifest.document)
    namespace = manifest.document["metadata"].get("namespace", "")
    try:
        await client.create(resource, namespace, manifest.document, into=into)
    except ApiError as error:
        choices.problems.append(Problem(manifest.place, f"{manifest}: {error.message}"))


def _resource(document: Json) -> tuple[Resource, Any]:
    """Return where an object lives, in the version that it names, and the type to read it into."""
    api_version, kind = document["apiVersion"], document["kind"]
    for known in KINDS:
        resource = known.resource
        if (resource.group, resource.kind) == (api_version.rpartition("/")[0], kind):
            version = api_version.rpartition("/")[2]
            return Resource(resource.group, version, resource.plural, kind), known.type
    return Resource("", "v1", f"{kind.lower()}s", kind, namespaced=kind != "Namespace"), dict


async def _settle(
    client: EmbeddedClient, resource: Resource, into: type[Any], *, clock: Clock, progress: Progress
) -> None:
    """Wait until every object has been looked at once: Ready is True or False for its generation."""
    while True:
        objects = (await client.list(resource, into=into, limit=0)).items
        settled = sum(map(_is_settled, objects))
        progress(resource.plural, settled, len(objects))
        if settled == len(objects):
            return
        await clock.sleep(POLL_SECONDS)


def _is_settled(obj: Any) -> bool:
    if obj.spec.suspend:
        return True
    conditions: Sequence[Condition] = obj.status.conditions
    ready = next((condition for condition in conditions if condition.type == READY), None)
    current = ready is not None and ready.observed_generation == obj.metadata.generation
    return current and ready is not None and ready.status != UNKNOWN


def _docker_logins(manifests: Sequence[Manifest], docker_config: bytes) -> Sequence[Manifest]:
    """Return the objects with Docker's logins for image repositories that name no others."""
    if not docker_config:
        return manifests
    completed = list(manifests)
    secrets: dict[str, Manifest] = {}
    for number, manifest in enumerate(manifests):
        spec = manifest.document.get("spec")
        if manifest.document["kind"] == IMAGE_REPOSITORIES.kind and isinstance(spec, dict) and _has_no_login(spec):
            namespace = manifest.document["metadata"]["namespace"]
            secrets.setdefault(namespace, _docker_secret(namespace, docker_config, manifest))
            spec = {**spec, "secretRef": {"name": DOCKER_LOGIN}}
            completed[number] = Manifest({**manifest.document, "spec": spec}, manifest.place)
    return [*secrets.values(), *completed]


def _has_no_login(spec: Json) -> bool:
    return not (spec.get("secretRef") or spec.get("serviceAccountName") or spec.get("provider", "generic") != "generic")


def _docker_secret(namespace: str, docker_config: bytes, origin: Manifest) -> Manifest:
    document = {
        "apiVersion": "v1",
        "kind": SECRETS.kind,
        "metadata": {"name": DOCKER_LOGIN, "namespace": namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(docker_config).decode()},
    }
    return Manifest(document, origin.place)
