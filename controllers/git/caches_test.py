"""`controllers.git.engine`: whose objects are kept apart, and which are dropped when."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controllers.git.conftest import GitRun, marked, random_bytes
from controllers.git.engine import GitEngine
from controllers.git.remote import Remote
from testing.gitserver import BareRepository, GitServer


async def test_files_of_few_stores_are_open_at_a_time(
    server: GitServer, engine: GitEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controllers.git.stores.MAX_OPEN_STORES", 2)
    for n in range(5):
        server.repository(f"r{n}").commit({"a.yaml": marked(str(n))})
    runs = [GitRun(engine, Remote(f"{server.url}/r{n}.git")) for n in range(5)]
    tips = [await r.tip() for r in runs]
    assert len(engine._stores.open) == 2
    for n, (r, tip) in enumerate(zip(runs, tips, strict=True)):
        assert [f.data for f in await r.files(tip.commit)] == [marked(str(n)).encode()]
    assert len(engine._stores.open) == 2


async def test_caches_are_not_shared_between_identities(server: GitServer, run: GitRun, fleet: BareRepository) -> None:
    await run.tip()
    server.requests.clear()
    other = GitRun(run.engine, Remote(run.remote.url.replace("http://", "http://user:secret@")))
    await other.tip()
    assert len([r for r in server.requests if b"want " in r.body]) == 1


async def test_a_rotated_token_finds_the_cache_of_its_principal_and_of_no_other(server: GitServer, run: GitRun) -> None:
    def as_app(token: str, principal: str = "app/1") -> GitRun:
        url = run.remote.url.replace("http://", f"http://x-access-token:{token}@")
        return GitRun(run.engine, Remote(url, principal=principal))

    await as_app("old").tip()
    server.requests.clear()
    await as_app("new").tip()
    assert not [r for r in server.requests if b"want " in r.body]
    await as_app("new", "app/2").tip()
    assert len([r for r in server.requests if b"want " in r.body]) == 1


async def test_the_least_recently_used_cache_is_dropped(server: GitServer, tmp_path: Path) -> None:
    for name in ("one", "two"):
        server.repository(name).commit({"a.yaml": marked("1"), "noise": random_bytes(name, 10_000)})
    engine = GitEngine(tmp_path / "small", max_bytes=14_000)
    runs = [GitRun(engine, Remote(f"{server.url}/{name}.git")) for name in ("one", "two", "one")]
    for run in runs:
        await run.tip()
    fetches = len([r for r in server.requests if b"want " in r.body])
    await engine.aclose()
    assert fetches == 3


async def test_caches_unused_for_long_are_dropped(server: GitServer, fleet: BareRepository, tmp_path: Path) -> None:
    now = [0.0]
    engine = GitEngine(tmp_path / "old", max_age=timedelta(hours=1), monotonic=lambda: now[0])
    server.repository("other").commit({"a.yaml": marked("1")})
    first, other = (GitRun(engine, Remote(f"{server.url}/{name}.git")) for name in ("fleet", "other"))
    await first.tip()
    now[0] = 3601
    await other.tip()
    server.requests.clear()
    await first.tip()
    fetches = len([r for r in server.requests if b"want " in r.body])
    await engine.aclose()
    assert fetches == 1


async def test_cache_dropped_at_the_end_of_its_fetch_is_not_made_anew(
    run: GitRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_store = run.engine._workers.with_store

    async def drop_at_the_end(*arguments: Any) -> object:
        size = await with_store(*arguments)
        run.engine._stores.stores.clear()  # as the fetch of another remote may do before this one goes on
        return size

    monkeypatch.setattr(run.engine._workers, "with_store", drop_at_the_end)
    await run.tip()
    assert run.engine._stores.stores == {}
