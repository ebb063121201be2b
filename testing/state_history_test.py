"""`testing.state_history`: every version is recorded, also those of objects that are gone; a gap is no success."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.imagerepository import ImageRepository
from api.kinds import EVERY_KIND
from api.names import IMAGE_REPOSITORIES
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.embedded.api import EmbeddedApi
from testing.invariants import check_versions
from testing.state_history import record_versions, recorded_versions

TYPE = {"apiVersion": IMAGE_REPOSITORIES.api_version, "kind": IMAGE_REPOSITORIES.kind}
SPEC = {"image": "registry.example.com/org/app", "interval": "1h"}


async def live(state: Path) -> None:
    """Make an object, write two statuses, and delete it; another one stays."""
    with EmbeddedApi.open(state, EVERY_KIND, clock=SYSTEM_CLOCK) as api:
        client = api.connect()
        for name in ("app", "other"):
            meta = {"name": name, "namespace": "ns"}
            await client.create(
                IMAGE_REPOSITORIES, "ns", {**TYPE, "metadata": meta, "spec": SPEC}, into=ImageRepository
            )
        for observed in (1, 2):
            status = {"status": {"observedGeneration": observed}}
            await client.patch(IMAGE_REPOSITORIES, "ns", "app", status, into=ImageRepository, subresource="status")
        await client.delete(IMAGE_REPOSITORIES, "ns", "app")


async def test_every_version_is_recorded(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    record_versions(state)
    await live(state)
    found = recorded_versions(state)
    assert [version.status.get("observedGeneration") for version in found if version.name == "app"] == [-1, 1, 2]
    assert [one.text for one in check_versions(found)] == ["2 is ahead of generation 1 (resourceVersion 5)"]
    assert found == sorted(found, key=lambda version: version.at)


async def test_a_record_that_lacks_a_version_is_no_success(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    record_versions(state)
    await live(state)
    with closing(sqlite3.connect(state, isolation_level=None)) as connection:
        connection.execute("DELETE FROM recorded")
    with pytest.raises(AssertionError, match="ImageRepository ns/other"):
        recorded_versions(state)
