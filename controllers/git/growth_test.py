"""`controllers.git`: commits that are small on the wire and large here are refused, and soon."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from controllers.git.conftest import GitRun
from controllers.git.engine import GitEngine
from controllers.git.errors import DeadlineExceeded, RepositoryTooLarge
from controllers.git.objects import packs, tree
from controllers.git.remote import Remote
from hack.attacks import commits
from hack.attacks.commits import Entry
from testing.costs import costs_less_than, measured
from testing.gitserver import GitServer


def serve(server: GitServer, engine: GitEngine, tmp_path: Path, entries: Iterable[Entry]) -> GitRun:
    commits.make(tmp_path / "served" / "hostile.git", entries)
    return GitRun(engine, Remote(f"{server.url}/hostile.git"))


@pytest.fixture
def object_format() -> str:
    return "sha1"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        pytest.param(
            commits.same_file(size=2 << 20),
            "'n0.yaml': a file with markers may have at most 1 MiB; split it, or narrow spec.update.path",
            id="large-file",
        ),
        pytest.param(
            commits.same_file(size=1000 << 10),
            "'n[0-9]+.yaml': files with markers together may have at most 32 MiB",
            id="many-names-of-a-file",
        ),
    ],
)
async def test_files_beyond_the_bounds_are_named(
    server: GitServer, engine: GitEngine, tmp_path: Path, entries: Iterable[Entry], message: str
) -> None:
    run = serve(server, engine, tmp_path, entries)
    tip = await run.tip()
    with pytest.raises(RepositoryTooLarge, match=message):
        await run.files(tip.commit)


async def test_the_names_of_a_file_share_its_content(server: GitServer, engine: GitEngine, tmp_path: Path) -> None:
    run = serve(server, engine, tmp_path, commits.same_file(names=5, size=1000))
    found = await run.files((await run.tip()).commit)
    assert len({id(file.data) for file in found}) == 1
    assert len(found) == 5


async def test_links_in_a_large_folder_are_followed_in_no_time(
    server: GitServer, engine: GitEngine, tmp_path: Path
) -> None:
    run = serve(server, engine, tmp_path, commits.winding_links(links=20, steps=900, entries=20_000))
    tip = await run.tip()
    with costs_less_than(5):
        found = await run.files(tip.commit)
    assert len(found) == 21


async def test_paths_and_runs_have_a_number_of_steps(
    server: GitServer, engine: GitEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = serve(server, engine, tmp_path, commits.winding_links(links=20, steps=1300, entries=1))
    tip = await run.tip()
    assert [file.path for file in await run.files(tip.commit)] == ["d/app.yaml"]
    monkeypatch.setattr(tree, "MAX_ALL_STEPS", 5000)
    with pytest.raises(RepositoryTooLarge, match="the links of the repository take more than 5000 steps to follow"):
        await run.files(tip.commit)


async def test_folders_have_a_number_of_entries(
    server: GitServer, engine: GitEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "MAX_TREE_ENTRIES", 1000)
    run = serve(server, engine, tmp_path, commits.wide_folder(entries=1500))
    tip = await run.tip()
    with pytest.raises(RepositoryTooLarge, match="a folder of the repository has more than 1000 entries"):
        await run.files(tip.commit)


async def test_folders_have_a_size_before_they_are_indexed(
    server: GitServer, engine: GitEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "MAX_TREE_BYTES", 20_000)
    run = serve(server, engine, tmp_path, commits.wide_folder(entries=1500))
    with pytest.raises(RepositoryTooLarge, match="a folder of the repository takes more than"):
        await run.tip()


async def test_packs_have_a_number_of_objects(
    server: GitServer, engine: GitEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "MAX_OBJECTS", 1000)
    run = serve(server, engine, tmp_path, commits.tiny_objects(objects=1500))
    with pytest.raises(RepositoryTooLarge, match="sends 1504 objects at a time; at most 1000 are taken"):
        await run.tip()


async def test_the_time_of_an_operation_ends_the_work_on_objects_too(
    server: GitServer, engine: GitEngine, tmp_path: Path
) -> None:
    run = serve(server, engine, tmp_path, commits.tiny_objects(objects=60_000))
    patient = GitEngine(tmp_path / "patient")
    with measured() as spent:
        await GitRun(patient, run.remote).tip()
        await patient.aclose()
        whole = spent()
    hasty = GitRun(engine, Remote(run.remote.url, timeout=timedelta(seconds=0.3)))
    with costs_less_than(whole / 2):
        with pytest.raises(DeadlineExceeded):
            await hasty.tip()
        await engine.aclose()  # returns when the thread has ended
    assert not list((tmp_path / "cache").rglob("tmp_pack_*"))


async def test_monorepos_pass(server: GitServer, engine: GitEngine, tmp_path: Path) -> None:
    """Ten thousand files with a marker each are nothing unusual."""
    run = serve(server, engine, tmp_path, commits.many_marked_files(files=10_000))
    assert len(await run.files((await run.tip()).commit)) == 10_000
