"""All kinds in this process on an embedded API, beside a registry on loopback and a Git server and forge of dicts.

Every edit has an object of its own, so all of them are made at the same time, and none may harm another.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from api.kinds import KINDS
from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS, SECRETS
from cli.hosting import writer_with
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.kube.errors import Invalid
from hack.model.embedded import LiveKinds
from hack.model.leaping import LeapingClock
from hack.specedits.edits import BASE, Edit
from hack.specedits.fields import Json
from testing.builders import GIT_URL
from testing.fake_forge import FakeForge
from testing.fake_git import FakeGit
from testing.loopback_registry import loopback_registry
from testing.registry_server import RegistryHandler

NAMESPACE = "apps"
RESOURCES = {one.kind: one for one in (IMAGE_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS, GIT_REPOSITORIES)}
TAGS = ["1.0.0", "1.0.1", "1.1.0", "2.0.0-rc.1"]
_HOST = "registry.test"


class World:
    """See the module. Use `world`."""

    def __init__(self, kinds: LiveKinds, api: EmbeddedApi, host: str) -> None:
        self._kinds = kinds
        self._client = api.connect()
        self._host = host

    async def create(self, kind: str, name: str, spec: Json, *, version: str = "v1") -> None:
        resource = replace(RESOURCES[kind], version=version) if kind in BASE else RESOURCES[kind]
        await self._client.create(resource, NAMESPACE, self._object(resource.api_version, kind, name, spec), into=dict)

    async def create_login(self, name: str) -> None:
        """Make a Secret for Git, which forges take as well."""
        fields = {"apiVersion": SECRETS.api_version, "kind": SECRETS.kind, "metadata": {"name": name}}
        login = {"username": "bot", "password": "t0ken"}
        await self._client.create(SECRETS, NAMESPACE, {**fields, "stringData": login}, into=dict)

    async def replace(self, kind: str, name: str, spec: Json, *, version: str) -> str:
        """Return why the edit is refused; empty when it is done."""
        resource = replace(RESOURCES[kind], version=version)
        try:
            await self._client.replace(
                resource, NAMESPACE, name, self._object(resource.api_version, kind, name, spec), into=dict
            )
        except Invalid as error:
            return str(error)
        return ""

    async def read(self, kind: str, name: str) -> Json:
        return await self._client.get(RESOURCES[kind], NAMESPACE, name, into=dict[str, Any])

    async def settle(self) -> None:
        """Let all runs come to their ends, failed ones again."""
        await self._kinds.advance(6)

    def _object(self, api_version: str, kind: str, name: str, spec: Json) -> Json:
        local = json.loads(json.dumps(spec).replace(_HOST, self._host))
        return {
            "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": local,
        }  # fmt: skip


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Yield a world with what the objects of `edits.BASE` need."""
    digests = {tag: f"sha256:{number:064x}" for number, tag in enumerate(TAGS)}
    handler = RegistryHandler({"org/app": list(TAGS), "org/other": list(TAGS)}, digests=digests)
    git, clock = FakeGit(), LeapingClock()
    with loopback_registry(handler) as registry, EmbeddedApi.in_memory(KINDS, clock=clock) as api:
        marked = f'image: {registry.host}/org/app:1.1.0 # {{"$imagepolicy": "apps:app"}}\n'.encode()
        for branch in ("main", "next"):
            files = {"a/web.yaml": marked, "b/web.yaml": marked, "values.json": b'{"image": "old"}', "a/v.json": b"{}"}
            git.put(f"refs/heads/{branch}", files)
        kinds = LiveKinds(api, clock, build=writer_with(lambda _: git, lambda _: FakeForge(git)))
        made = World(kinds, api, registry.host)
        await made.create_login("login")
        for name in ("fleet", "other"):
            source = {"url": GIT_URL, "interval": "1m", "ref": {"branch": "main"}, "secretRef": {"name": "login"}}
            await made.create("GitRepository", name, source)
        await made.create("ImageRepository", "app", BASE["ImageRepository"])
        await made.create("ImageRepository", "other", BASE["ImageRepository"] | {"image": f"{_HOST}/org/other"})
        await made.create("ImagePolicy", "app", BASE["ImagePolicy"])
        await kinds.start()
        try:
            await made.settle()
            yield made
        finally:
            await kinds.stop()


def names(edits: Sequence[Edit]) -> list[str]:
    """Return a name for the object of each edit."""
    return [f"e{number}" for number in range(len(edits))]
