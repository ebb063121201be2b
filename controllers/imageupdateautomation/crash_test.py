"""What the next run makes of a push that no status tells of, or that only half went through."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from api.meta import FALSE, READY, Condition
from controllers.git.commits import Author
from controllers.git.errors import Outdated, PushRejected
from controllers.imageupdateautomation.testing import Committed
from controllers.imageupdateautomation.testing_bench import AUTO, INTERVAL, MAIN, NEW_WEB, Bench, manifest
from controllers.runtime.run import NotReady
from controllers.runtime.testing import START

REFSPEC = f"{MAIN}:refs/heads/copy"
BOT = Author("bot@example.com", "Bot")


async def crash_after_push(bench: Bench) -> str:
    """One pass whose status is lost; returns the commit."""
    before = bench.automation
    await bench.reconcile(after=INTERVAL)
    bench.automation = before
    return list(bench.git.commits)[-1]


def failed(bench: Bench) -> None:
    """What the lifecycle records of a pass that raised."""
    ready = Condition(type=READY, status=FALSE, reason="GitOperationFailed", message="", last_transition_time=START)
    bench.automation = replace(bench.automation, status=replace(bench.status, conditions=(ready,)))


async def test_crash_between_push_and_status_is_recovered(bench: Bench) -> None:
    commit = await crash_after_push(bench)
    end = await bench.reconcile(after=2 * INTERVAL)
    assert (len(bench.git.pushes), bench.tip()) == (1, commit)
    assert (bench.status.last_push_commit, bench.status.last_push_time) == (commit, START + INTERVAL)
    assert bench.status.observed_source_revision == f"main@sha1:{commit}"
    text = f"committed and pushed commit '{commit}' to branch 'main'"
    assert (end.message, end.event) == (text, f"{text}\nUpdate from image update automation")


async def test_crash_is_recovered_on_a_branch_of_its_own(bench: Bench) -> None:
    bench.push_to(branch="auto")
    commit = await crash_after_push(bench)
    await bench.reconcile(after=2 * INTERVAL)
    assert (len(bench.git.pushes), bench.tip(AUTO)) == (1, commit)
    assert bench.status.last_push_commit == commit
    assert bench.status.observed_source_revision == f"main@sha1:{bench.tip()}"


async def test_policy_that_moved_since_the_crash_is_committed_on_top(bench: Bench) -> None:
    commit = await crash_after_push(bench)
    bench.choose("web", NEW_WEB)
    await bench.reconcile(after=2 * INTERVAL)
    assert bench.git.commits[bench.tip()].parent == commit
    assert bench.status.last_push_commit == bench.tip()


@pytest.mark.parametrize(
    ("author", "when", "files"),
    [
        pytest.param(Author("a@example.com"), 2 * INTERVAL, {"web.yaml": manifest("1.1.0")}, id="another-author"),
        pytest.param(BOT, timedelta(0), {"web.yaml": manifest("1.1.0")}, id="before-the-last-run"),
        pytest.param(BOT, 2 * INTERVAL, {"web.yaml": manifest("1.1.0"), "x": b""}, id="not-what-we-would-write"),
        pytest.param(BOT, 2 * INTERVAL, {"README.md": b"of a namesake\n"}, id="with-nothing-to-update"),
    ],
)
async def test_commit_that_is_not_ours_is_not_claimed(
    idle: Bench, author: Author, when: timedelta, files: dict[str, bytes]
) -> None:
    ours = idle.status.last_push_commit
    await idle.reconcile(after=INTERVAL)
    old = idle.git.put(MAIN, {"web.yaml": manifest("1.0.0")} if "web.yaml" in files else {})
    theirs = idle.git.put(MAIN, files)
    idle.git.commits[theirs] = Committed(old, author, "Theirs", START + when, None)
    end = await idle.reconcile(after=3 * INTERVAL)
    assert end.message.startswith("no updates made")
    assert idle.status.last_push_commit == ours
    assert idle.status.observed_source_revision == f"main@sha1:{theirs}"


async def test_branch_that_moved_is_recorded_though_the_refspec_was_refused(bench: Bench) -> None:
    bench.push_to(refspec=REFSPEC)
    bench.git.failures["push"].append(PushRejected("refs/heads/copy: hook declined", moved=(MAIN,)))
    with pytest.raises(NotReady) as error:
        await bench.reconcile()
    assert error.value.message == "failed to update source: failed to push to remote: refs/heads/copy: hook declined"
    assert (bench.status.last_push_commit, bench.status.last_push_time) == (bench.tip(), START)
    assert bench.status.observed_source_revision == ""
    failed(bench)
    end = await bench.reconcile(after=INTERVAL)
    commit = bench.tip()
    assert (bench.tip("refs/heads/copy"), list(bench.git.commits)) == (commit, [commit])
    assert end.message == f"committed and pushed commit '{commit}' to branch 'main' and refspecs '{REFSPEC}'"
    assert (bench.status.last_push_commit, bench.status.last_push_time) == (commit, START)


async def test_refspec_that_lost_its_race_is_pushed_alone(bench: Bench) -> None:
    bench.push_to(refspec=REFSPEC)
    bench.git.failures["push"].append(Outdated("refs/heads/copy moved meanwhile", moved=(MAIN,)))
    end = await bench.reconcile()
    commit = bench.tip()
    assert (bench.tip("refs/heads/copy"), list(bench.git.commits)) == (commit, [commit])
    assert end.message.endswith("after 1 retry")


async def test_refspec_is_not_pushed_for_a_commit_of_somebody_else(bench: Bench) -> None:
    bench.push_to(refspec=REFSPEC)
    await bench.reconcile()
    failed(bench)
    bench.git.put(MAIN, {"README.md": b"# theirs\n"})
    end = await bench.reconcile(after=INTERVAL)
    assert (len(bench.git.pushes), end.message.startswith("no updates made")) == (1, True)
