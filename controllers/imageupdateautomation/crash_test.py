"""What the next run makes of a push that no status tells of, or that only half went through."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from api.meta import FALSE, READY, Condition
from controllers.git.errors import Outdated, PushRejected, RefNotFound, Unreachable
from controllers.git.objects.commits import Author
from controllers.imageupdateautomation.reconciler import MAX_BEHIND
from controllers.runtime.reconcile.run import NotReady
from testing.clock import START
from testing.imageupdateautomation import Committed
from testing.imageupdateautomation_bench import AUTO, INTERVAL, MAIN, NEW_WEB, Bench, manifest

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


def others(bench: Bench, count: int) -> str:
    """Commits of somebody else on top; returns the last."""
    return [bench.git.put(MAIN, {"README.md": b"# %d\n" % number}) for number in range(count)][-1]


async def test_crash_is_recovered_from_below_the_commits_of_others(bench: Bench) -> None:
    commit = await crash_after_push(bench)
    tip = others(bench, MAX_BEHIND)
    end = await bench.reconcile(after=2 * INTERVAL)
    assert (len(bench.git.pushes), bench.tip()) == (1, tip)
    assert (bench.status.last_push_commit, bench.status.last_push_time) == (commit, START + INTERVAL)
    assert bench.status.observed_source_revision == f"main@sha1:{tip}"
    assert end.message == f"committed and pushed commit '{commit}' to branch 'main'"


async def test_commit_of_a_namesake_on_top_does_not_end_the_search(bench: Bench) -> None:
    commit = await crash_after_push(bench)
    tip = others(bench, 1)
    bench.git.commits[tip] = Committed(commit, BOT, "Of another automation", START + 2 * INTERVAL, None)
    await bench.reconcile(after=3 * INTERVAL)
    assert bench.status.last_push_commit == commit


async def test_search_below_the_commits_of_others_is_bounded(bench: Bench) -> None:
    await crash_after_push(bench)
    others(bench, MAX_BEHIND + 1)
    end = await bench.reconcile(after=2 * INTERVAL)
    assert end.message.startswith("no updates made")
    assert len(bench.git.described) == MAX_BEHIND + 1


async def test_nothing_is_searched_for_where_no_run_was_lost(bench: Bench) -> None:
    await bench.reconcile()
    bench.restart()
    await bench.reconcile(after=INTERVAL)
    bench.git.described.clear()
    tip = others(bench, 3)
    await bench.reconcile(after=2 * INTERVAL)
    assert bench.git.described == [tip]


async def test_new_process_searches_once(bench: Bench) -> None:
    await bench.reconcile()
    bench.restart()
    bench.git.described.clear()
    others(bench, 3)
    await bench.reconcile(after=INTERVAL)
    assert len(bench.git.described) == 3  # down to the commit that the status knows
    bench.git.described.clear()
    others(bench, 2)
    await bench.reconcile(after=2 * INTERVAL)
    assert len(bench.git.described) == 1


async def test_status_that_could_not_be_written_is_a_crash_too(idle: Bench) -> None:
    idle.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    commit = await crash_after_push(idle)
    others(idle, 2)
    await idle.reconcile(after=2 * INTERVAL)
    assert idle.status.last_push_commit == commit


async def test_commits_that_the_remote_does_not_give_out_end_the_search(bench: Bench) -> None:
    await crash_after_push(bench)
    others(bench, 1)
    bench.git.failures["describe"] = [RefNotFound("couldn't find remote commit")]
    end = await bench.reconcile(after=2 * INTERVAL)
    assert end.message.startswith("no updates made")


async def test_no_search_where_all_history_would_come_with_it(bench: Bench) -> None:
    await crash_after_push(bench)
    tip = others(bench, 1)
    bench.git.any_commit = False
    bench.git.described.clear()
    await bench.reconcile(after=2 * INTERVAL)
    assert bench.git.described == [tip]


async def test_gone_automation_is_forgotten(bench: Bench) -> None:
    await bench.reconcile()
    bench.forget()
    others(bench, 2)
    bench.git.described.clear()
    await bench.reconcile(after=INTERVAL)
    assert len(bench.git.described) == 2


async def test_search_goes_on_when_the_remote_answers_again(bench: Bench) -> None:
    commit = await crash_after_push(bench)
    others(bench, 1)
    bench.git.failures["describe"] = [Unreachable("connection refused")]
    with pytest.raises(NotReady):
        await bench.reconcile(after=2 * INTERVAL)
    await bench.reconcile(after=3 * INTERVAL)
    assert bench.status.last_push_commit == commit


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
        pytest.param(BOT, timedelta(0), {"web.yaml": manifest("1.1.0")}, id="before-our-last-push"),
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
