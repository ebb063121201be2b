import asyncio
import sqlite3
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from api.core import Secret
from api.names import SECRETS
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.embedded.client import BOOKMARK_SECONDS
from controllers.runtime.embedded.history import MAX_CHANGES
from controllers.runtime.embedded.served import EVENT_LIFETIME, EVENTS
from controllers.runtime.kube.errors import Gone, NotFound, ServerError, Unreachable
from controllers.runtime.kube.serializer import Bookmark, ObjectEvent, WatchEvent
from testing.clock import VirtualClock, settle
from testing.gadget import GADGET_KINDS, GADGETS, PARTS, Gadget, Part, encode_gadget

WRITER = """
import asyncio, sys
from pathlib import Path
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.embedded.api import EmbeddedApi
from testing.gadget import GADGET_KINDS, GADGETS, Gadget, encode_gadget

async def main():
    with EmbeddedApi.open(Path(sys.argv[1]), GADGET_KINDS, clock=SYSTEM_CLOCK) as api:
        client = api.connect()
        for number in range(int(sys.argv[2]), 1_000_000):
            made = await client.create(GADGETS, "ns", encode_gadget(f"g{number}"), into=Gadget)
            done = {"status": {"done": str(number)}}
            await client.patch(GADGETS, "ns", made.metadata.name, done, into=Gadget, subresource="status")
            print(number, flush=True)

asyncio.run(main())
"""

FORMAT_1 = """
PRAGMA application_id = 1952540524;
PRAGMA user_version = 1;
CREATE TABLE objects (
    api_group TEXT NOT NULL, plural TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    uid TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (api_group, plural, namespace, name)
);
CREATE INDEX objects_by_uid ON objects (uid);
CREATE TABLE owners (
    owner TEXT NOT NULL, api_group TEXT NOT NULL, plural TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (owner, api_group, plural, namespace, name)
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO facts VALUES ('version', '41'), ('schemas', 'x'), ('machine', ''), ('host', 'h');
INSERT INTO objects VALUES ('example.com', 'gadgets', 'ns', 'a', 'u', 40, CAST('
    {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "a", "namespace": "ns", "uid": "u",
     "resourceVersion": "40", "generation": 1}, "spec": {"interval": "1m"}, "status": {"done": "yes"}}' AS BLOB));
INSERT INTO objects VALUES ('example.com', 'parts', 'ns', 'p', 'v', 41, CAST('
    {"apiVersion": "example.com/v1", "kind": "Part", "metadata": {"name": "p", "namespace": "ns", "uid": "v",
     "resourceVersion": "41", "generation": 1, "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "Gadget",
     "name": "a", "uid": "u"}]}, "data": "x"}' AS BLOB));
INSERT INTO owners VALUES ('u', 'example.com', 'parts', 'ns', 'p');
"""
"""A file of the first format, as it was written; never changed."""


def open_api(path: Path, kinds: Any = GADGET_KINDS) -> EmbeddedApi:
    return EmbeddedApi.open(path, kinds, clock=SYSTEM_CLOCK)


async def test_objects_survive_and_versions_go_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_api(path) as api:
        made = await api.connect().create(GADGETS, "ns", encode_gadget(size=5), into=Gadget)
        body = {"status": {"done": "yes"}}
        done = await api.connect().patch(GADGETS, "ns", "a", body, into=Gadget, subresource="status")
    with open_api(path) as api:
        client = api.connect()
        assert await client.get(GADGETS, "ns", "a", into=Gadget) == done
        assert done.metadata.uid == made.metadata.uid
        with pytest.raises(Gone):
            await anext(client.watch(GADGETS, into=Gadget, resource_version="1", timeout_seconds=60))
        later = await client.create(GADGETS, "ns", encode_gadget("b"), into=Gadget)
        assert int(later.metadata.resource_version) > int(done.metadata.resource_version)
        owner = {"apiVersion": "example.com/v1", "kind": "Gadget", "name": "a", "uid": made.metadata.uid}
        meta = {"name": "p", "namespace": "ns", "ownerReferences": [owner]}
        part = {"apiVersion": "example.com/v1", "kind": "Part", "metadata": meta}
        await client.create(PARTS, "ns", part, into=Part)
    with open_api(path) as api:
        await api.connect().delete(GADGETS, "ns", "a")
        assert (await api.connect().list(PARTS, into=Part)).items == []


@pytest.mark.parametrize("fault", ["none", "other-machine", "damaged"])
async def test_reading_only_leaves_the_file_for_the_next_run(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    monkeypatch.setattr("controllers.runtime.embedded.api.machine_identity", lambda: "here")
    with open_api(path) as api:
        await api.connect().create(GADGETS, "ns", encode_gadget(), into=Gadget)
    if fault == "damaged":
        path.write_bytes(path.read_bytes()[:5000])
    if fault == "other-machine":
        monkeypatch.setattr("controllers.runtime.embedded.api.machine_identity", lambda: "there")
    before = files_in(tmp_path)
    with EmbeddedApi.open(path, GADGET_KINDS, clock=SYSTEM_CLOCK, read_only=True) as api:
        await api.connect().create(GADGETS, "ns", encode_gadget("b"), into=Gadget)
        names = [gadget.metadata.name for gadget in (await api.connect().list(GADGETS, into=Gadget)).items]
        assert names == (["a", "b"] if fault == "none" else ["b"])
        assert len(api.notices) == (fault != "none")
    assert files_in(tmp_path) == before


def test_reading_only_makes_no_folders(tmp_path: Path) -> None:
    with EmbeddedApi.open(tmp_path / "a" / "state.db", GADGET_KINDS, clock=SYSTEM_CLOCK, read_only=True) as api:
        assert api.notices == ()
    assert list(tmp_path.iterdir()) == []


def files_in(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_no_secret_reaches_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_api(path) as api:
        body = {"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}}
        await api.connect().create(SECRETS, "ns", body, into=Secret)
        await api.connect().create(GADGETS, "ns", encode_gadget(), into=Gadget)
        written = everything_in(tmp_path)
    written += everything_in(tmp_path)
    assert b"gadget" in written
    assert b"hunter2" not in written
    assert b"aHVudGVyMg" not in written
    with open_api(path) as api, pytest.raises(NotFound):
        await api.connect().get(SECRETS, "ns", "s", into=Secret)


async def test_objects_of_an_older_version_get_the_defaults_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_api(path) as api:
        await api.connect().create(GADGETS, "ns", encode_gadget(), into=Gadget)
        row = api.store._tables.select("example.com", "gadgets", "", on_disk=True)[0]
        older = msgspec.json.decode(row.body)
        older["spec"] = {"interval": "1m", "gone": "x"}
        with api.store._tables.transaction():
            api.store._tables.put(type(row)(row.id, row.uid, row.version, msgspec.json.encode(older)), on_disk=True)
            api.store._tables.set_fact("schemas", "those of an older version")
    with open_api(path) as api:
        seen = await api.connect().get(GADGETS, "ns", "a", into=dict[str, Any])
    assert seen["spec"] == {"interval": "1m", "colour": "red", "names": ["x"]}


def test_a_killed_writer_loses_nothing_it_has_reported(tmp_path: Path) -> None:
    path, rng, reported = tmp_path / "state.db", Random(7), -1  # noqa: S311
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(reported + 1)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        lines = [first, *process.stdout.read().splitlines()]
        process.wait()
        process.stdout.close()
        reported = max(int(line) for line in lines if line.strip())
        reported = asyncio.run(check(path, reported))


async def check(path: Path, reported: int) -> int:
    """Assert that everything reported is there; remove what was not, and return the last number that is there."""
    with open_api(path) as api:
        assert api.notices == ()
        client = api.connect()
        page = await client.list(GADGETS, into=Gadget, limit=0)
        found = {int(gadget.metadata.name[1:]): gadget.status.done for gadget in page.items}
        assert {number: found[number] for number in range(reported + 1)} == {n: str(n) for n in range(reported + 1)}
        assert len(found) <= reported + 2
        for number in found:
            if number > reported:
                await client.delete(GADGETS, "ns", f"g{number}")
    return reported


async def test_pages_show_one_moment() -> None:
    with EmbeddedApi.in_memory(GADGET_KINDS, clock=VirtualClock()) as api:
        client = api.connect()
        for name in ("a", "b", "c"):
            await client.create(GADGETS, "ns", encode_gadget(name), into=Gadget)
        first = await client.list(GADGETS, into=Gadget, limit=2)
        await client.delete(GADGETS, "ns", "c")
        rest = await client.list(GADGETS, into=Gadget, limit=2, continue_=first.continue_)
        assert [item.metadata.name for item in (*first.items, *rest.items)] == ["a", "b", "c"]
        assert (rest.continue_, rest.resource_version) == ("", first.resource_version)
        with pytest.raises(Gone):
            await client.list(GADGETS, into=Gadget, continue_=first.continue_)


async def test_a_watch_follows_a_label_and_a_namespace() -> None:
    with EmbeddedApi.in_memory(GADGET_KINDS, clock=VirtualClock()) as api:
        client = api.connect()
        watch = client.watch(
            GADGETS, into=Gadget, namespace="ns", label_selector="a=1", resource_version="0", timeout_seconds=60
        )
        async with aclosing(watch):
            waiting = asyncio.ensure_future(anext(watch))
            await settle()
            elsewhere = encode_gadget("e", meta={"namespace": "other", "labels": {"a": "1"}})
            await client.create(GADGETS, "other", elsewhere, into=Gadget)
            await client.create(GADGETS, "ns", encode_gadget("none"), into=Gadget)
            await client.create(GADGETS, "ns", encode_gadget("x"), into=Gadget)
            for labels in ({"a": "1"}, {"b": "1"}, {"a": "2"}):
                await client.patch(GADGETS, "ns", "x", {"metadata": {"labels": labels}}, into=Gadget)
            last = await client.patch(GADGETS, "ns", "x", {"metadata": {"labels": {"a": "1"}}}, into=Gadget)
            await client.delete(GADGETS, "ns", "x")
            events = [await waiting, *[await anext(watch) for _ in range(4)]]
        assert [summary(event) for event in events] == [
            ("ADDED", "x", {"a": "1"}),
            ("MODIFIED", "x", {"a": "1", "b": "1"}),
            ("DELETED", "x", {"a": "1", "b": "1"}),
            ("ADDED", "x", {"a": "1", "b": "1"}),
            ("DELETED", "x", {"a": "1", "b": "1"}),
        ]
        versions = [int(event.resource_version) for event in events]
        assert versions == sorted(set(versions))
        assert versions[-1] > int(last.metadata.resource_version)


def summary(event: WatchEvent[Gadget]) -> tuple[str, str, dict[str, str]]:
    assert isinstance(event, ObjectEvent)
    return event.type, event.object.metadata.name, event.object.metadata.labels


async def test_a_watch_gets_bookmarks_and_ends_in_time() -> None:
    clock = VirtualClock()
    with EmbeddedApi.in_memory(GADGET_KINDS, clock=clock) as api:
        watch = api.connect().watch(GADGETS, into=Gadget, resource_version="0", timeout_seconds=150)
        received: list[WatchEvent[Gadget]] = []

        async def follow() -> None:
            async for event in watch:
                received.append(event)  # noqa: PERF401 - a test looks at them meanwhile

        task = asyncio.create_task(follow())
        await settle()
        await clock.advance(BOOKMARK_SECONDS)
        assert received == [Bookmark(api.store.version)]
        await clock.advance(BOOKMARK_SECONDS + 30)
        await task
        assert len(received) == 2


async def test_a_watch_from_forgotten_changes_is_gone() -> None:
    with EmbeddedApi.in_memory(GADGET_KINDS, clock=VirtualClock()) as api:
        client = api.connect()
        made = await client.create(GADGETS, "ns", encode_gadget(), into=Gadget)
        for number in range(MAX_CHANGES + 1):
            body = {"status": {"done": str(number)}}
            await client.patch(GADGETS, "ns", "a", body, into=Gadget, subresource="status")
        since = made.metadata.resource_version
        with pytest.raises(Gone, match="too old resource version"):
            await anext(client.watch(GADGETS, into=Gadget, resource_version=since, timeout_seconds=60))


async def test_closing_a_client_ends_its_watches() -> None:
    with EmbeddedApi.in_memory(GADGET_KINDS, clock=VirtualClock()) as api:
        client, other = api.connect(), api.connect()
        watch = client.watch(GADGETS, into=Gadget, resource_version="0", timeout_seconds=60)
        waiting = asyncio.ensure_future(anext(watch))
        await settle()
        await other.close()
        await settle()
        assert not waiting.done()
        await client.close()
        with pytest.raises(Unreachable):
            await waiting


async def test_events_live_for_an_hour() -> None:
    clock = VirtualClock()
    with EmbeddedApi.in_memory(GADGET_KINDS, clock=clock) as api:
        client = api.connect()
        for name in ("old", "new"):
            await client.create(EVENTS, "ns", {"metadata": {"name": name}, "message": "x"}, into=dict[str, Any])
            clock.skip(EVENT_LIFETIME.total_seconds() - 1)
        await client.create(GADGETS, "ns", encode_gadget(), into=Gadget)
        events = (await client.list(EVENTS, into=dict[str, Any])).items
        assert [event["metadata"]["name"] for event in events] == ["new"]


async def test_a_full_disk_fails_the_request_and_leaves_everything_as_it_was(tmp_path: Path) -> None:
    with open_api(tmp_path / "state.db") as api:
        client = api.connect()
        made = await client.create(GADGETS, "ns", encode_gadget(), into=Gadget)
        connection = api.store._tables._db
        pages = connection.execute("PRAGMA main.page_count").fetchone()[0]
        connection.execute(f"PRAGMA main.max_page_count = {pages}")
        part = {"apiVersion": "example.com/v1", "kind": "Part", "metadata": {"name": "p"}, "data": "x" * 100_000}
        with pytest.raises(ServerError, match="state file: database or disk is full"):
            await client.create(PARTS, "ns", part, into=Part)
        assert (await client.list(PARTS, into=Part)).items == []
        assert await client.get(GADGETS, "ns", "a", into=Gadget) == made
        connection.execute("PRAGMA main.max_page_count = 1000000")
        await client.create(PARTS, "ns", part, into=Part)


async def test_a_file_of_format_1_can_be_read(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "state.db")
    connection.executescript(FORMAT_1)
    connection.close()
    with open_api(tmp_path / "state.db") as api:
        seen = await api.connect().get(GADGETS, "ns", "a", into=Gadget)
        assert (seen.metadata.uid, seen.status.done, seen.spec.colour) == ("u", "yes", "red")
        later = await api.connect().create(GADGETS, "ns", encode_gadget("b"), into=Gadget)
        assert int(later.metadata.resource_version) > 41
        await api.connect().delete(GADGETS, "ns", "a")
        assert (await api.connect().list(PARTS, into=Part)).items == []
