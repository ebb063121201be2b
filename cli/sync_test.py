from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.kinds import KINDS
from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES
from cli import sync
from cli.objects import BadInput, Manifest, read_manifests
from controllers.runtime.embedded.api import EmbeddedApi
from testing.clock import VirtualClock

REPOSITORY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: {name}}}
spec: {{image: registry.example/{name}, interval: {interval}}}
"""
POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: {name}}}
spec: {{imageRepositoryRef: {{name: a}}, policy: {{semver: {{range: '*'}}}}}}
"""


@pytest.fixture
def api() -> Iterator[EmbeddedApi]:
    with EmbeddedApi.in_memory(KINDS, clock=VirtualClock()) as made:
        yield made


def read(folder: Path, **files: str) -> tuple[Manifest, ...]:
    """Return the manifests of a folder after some of its files have been written."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return read_manifests([str(folder)], namespace="apps", environ={}).manifests


async def contents(api: EmbeddedApi) -> list[Any]:
    client = api.connect()
    kinds = (IMAGE_REPOSITORIES, IMAGE_POLICIES)
    return [obj for kind in kinds for obj in (await client.list(kind, into=dict[str, Any], limit=0)).items]


async def begin(api: EmbeddedApi, folder: Path) -> None:
    """Apply two repositories that have been scanned."""
    client = api.connect()
    files = {name: REPOSITORY.format(name=name, interval="1h") for name in "ab"}
    await sync.apply(client, read(folder, **files))
    for name in files:
        status = {"status": {"canonicalImageName": f"scanned/{name}"}}
        await client.patch(IMAGE_REPOSITORIES, "apps", name, status, into=dict[str, Any], subresource="status")


async def test_objects_become_those_of_the_manifests(api: EmbeddedApi, tmp_path: Path) -> None:
    await begin(api, tmp_path)
    changed = REPOSITORY.format(name="a", interval="2h")
    await sync.apply(api.connect(), read(tmp_path, a=changed, b=POLICY.format(name="b")))
    repository, policy = await contents(api)
    assert (repository["metadata"]["name"], repository["spec"]["interval"]) == ("a", "2h")
    assert repository["status"]["canonicalImageName"] == "scanned/a"
    assert (policy["kind"], policy["metadata"]["name"]) == ("ImagePolicy", "b")


async def test_when_a_manifest_is_refused_nothing_changes_and_all_that_is_refused_is_named(
    api: EmbeddedApi, tmp_path: Path
) -> None:
    await begin(api, tmp_path)
    before, version = await contents(api), api.store.version
    changed = REPOSITORY.format(name="a", interval="2h")
    manifests = read(tmp_path, a=changed, b=POLICY.format(name="Bad_Name"), c=POLICY.format(name="x/y"))
    with pytest.raises(BadInput) as caught:
        await sync.apply(api.connect(), manifests)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f'{tmp_path}/b.yaml:1: ImagePolicy "Bad_Name" is invalid: metadata.name: Invalid value')
    assert second == f"{tmp_path}/c.yaml:1: 'x/y' is not a name an object can have"
    assert await contents(api) == before
    assert api.store.version == version
