"""`controllers.imageupdateautomation`: pushes that no status mentions, or that only half went through."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from api.meta import Condition
from api.names import FALSE, READY
from controllers.git.errors import PushRejected, RefMoved, RefNotFound, Unreachable
from controllers.git.objects.commits import Author
from controllers.imageupdateautomation.reconciler import MAX_COMMITS_BEHIND
from controllers.runtime.reconcile.outcome import Retry
from testing.automation_harness import AUTO, INTERVAL, MAIN, NEW_WEB, AutomationHarness, manifest
from testing.clock import START
from testing.fake_git import FakeCommit

REFSPEC = f"{MAIN}:refs/heads/copy"
BOT = Author("bot@example.com", "Bot")


async def crash_after_push(harness: AutomationHarness) -> str:
    """One pass whose status is lost; returns the commit."""
    before = harness.automation
    await harness.reconcile(after=INTERVAL)
    harness.automation = before
    return list(harness.git.commits)[-1]


def failed(harness: AutomationHarness) -> None:
    """Record what the lifecycle does after a failed pass."""
    ready = Condition(type=READY, status=FALSE, reason="GitOperationFailed", message="", last_transition_time=START)
    harness.automation = replace(harness.automation, status=replace(harness.status, conditions=(ready,)))


async def test_crash_between_push_and_status_is_recovered(harness: AutomationHarness) -> None:
    commit = await crash_after_push(harness)
    end = await harness.reconcile(after=2 * INTERVAL)
    assert (len(harness.git.pushes), harness.tip()) == (1, commit)
    assert (harness.status.last_push_commit, harness.status.last_push_time) == (commit, START + INTERVAL)
    assert harness.status.observed_source_revision == f"main@sha1:{commit}"
    text = f"committed and pushed commit '{commit}' to branch 'main'"
    assert (end.message, end.event) == (text, f"{text}\nUpdate from image update automation")


async def test_crash_is_recovered_though_a_wrong_clock_dated_the_push_before(harness: AutomationHarness) -> None:
    await harness.reconcile()
    ahead = START + timedelta(days=400)
    status = replace(harness.status, last_push_time=ahead, last_automation_run_time=ahead)
    harness.automation = replace(harness.automation, status=status)
    harness.choose("web", NEW_WEB)
    commit = await crash_after_push(harness)
    await harness.reconcile(after=2 * INTERVAL)
    assert (harness.status.last_push_commit, harness.status.last_push_time) == (commit, START + INTERVAL)
    assert harness.status.last_automation_run_time == START + 2 * INTERVAL


async def test_commit_of_others_that_is_dated_in_the_future_is_built_upon(harness: AutomationHarness) -> None:
    tip = others(harness, 1)
    ahead = START + timedelta(days=400)
    harness.git.commits[tip] = FakeCommit("", Author("dev@example.com", "Dev"), "By a wrong clock", ahead, None)
    await harness.reconcile()
    assert len(harness.git.pushes) == 1
    assert harness.git.commits[harness.tip()].parent == tip
    assert harness.status.last_push_time == START


async def test_crash_is_recovered_on_a_branch_of_its_own(harness: AutomationHarness) -> None:
    harness.push_to(branch="auto")
    commit = await crash_after_push(harness)
    await harness.reconcile(after=2 * INTERVAL)
    assert (len(harness.git.pushes), harness.tip(AUTO)) == (1, commit)
    assert harness.status.last_push_commit == commit
    assert harness.status.observed_source_revision == f"main@sha1:{harness.tip()}"


def others(harness: AutomationHarness, count: int) -> str:
    """Put commits of somebody else on top; returns the last."""
    return [harness.git.put(MAIN, {"README.md": b"# %d\n" % number}) for number in range(count)][-1]


async def test_crash_is_recovered_from_below_the_commits_of_others(harness: AutomationHarness) -> None:
    commit = await crash_after_push(harness)
    tip = others(harness, MAX_COMMITS_BEHIND)
    end = await harness.reconcile(after=2 * INTERVAL)
    assert (len(harness.git.pushes), harness.tip()) == (1, tip)
    assert (harness.status.last_push_commit, harness.status.last_push_time) == (commit, START + INTERVAL)
    assert harness.status.observed_source_revision == f"main@sha1:{tip}"
    assert end.message == f"committed and pushed commit '{commit}' to branch 'main'"


async def test_commit_of_a_namesake_on_top_does_not_end_the_search(harness: AutomationHarness) -> None:
    commit = await crash_after_push(harness)
    tip = others(harness, 1)
    harness.git.commits[tip] = FakeCommit(commit, BOT, "Of another automation", START + 2 * INTERVAL, None)
    await harness.reconcile(after=3 * INTERVAL)
    assert harness.status.last_push_commit == commit


async def test_search_below_the_commits_of_others_is_bounded(harness: AutomationHarness) -> None:
    await crash_after_push(harness)
    others(harness, MAX_COMMITS_BEHIND + 1)
    end = await harness.reconcile(after=2 * INTERVAL)
    assert end.message.startswith("no updates made")
    assert len(harness.git.described) == MAX_COMMITS_BEHIND + 1


async def test_nothing_is_searched_for_where_no_run_was_lost(harness: AutomationHarness) -> None:
    await harness.reconcile()
    harness.restart()
    await harness.reconcile(after=INTERVAL)
    harness.git.described.clear()
    tip = others(harness, 3)
    await harness.reconcile(after=2 * INTERVAL)
    assert harness.git.described == [tip]


async def test_new_process_searches_once(harness: AutomationHarness) -> None:
    await harness.reconcile()
    harness.restart()
    harness.git.described.clear()
    others(harness, 3)
    await harness.reconcile(after=INTERVAL)
    assert len(harness.git.described) == 3  # down to the commit that the status knows
    harness.git.described.clear()
    others(harness, 2)
    await harness.reconcile(after=2 * INTERVAL)
    assert len(harness.git.described) == 1


async def test_status_that_could_not_be_written_is_a_crash_too(idle: AutomationHarness) -> None:
    idle.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    commit = await crash_after_push(idle)
    others(idle, 2)
    await idle.reconcile(after=2 * INTERVAL)
    assert idle.status.last_push_commit == commit


async def test_commits_that_the_remote_does_not_give_out_end_the_search(harness: AutomationHarness) -> None:
    await crash_after_push(harness)
    others(harness, 1)
    harness.git.failures["read_commit"] = [RefNotFound("couldn't find remote commit")]
    end = await harness.reconcile(after=2 * INTERVAL)
    assert end.message.startswith("no updates made")


async def test_no_search_where_all_history_would_come_with_it(harness: AutomationHarness) -> None:
    await crash_after_push(harness)
    tip = others(harness, 1)
    harness.git.any_commit = False
    harness.git.described.clear()
    await harness.reconcile(after=2 * INTERVAL)
    assert harness.git.described == [tip]


async def test_gone_automation_is_forgotten(harness: AutomationHarness) -> None:
    await harness.reconcile()
    harness.forget()
    others(harness, 2)
    harness.git.described.clear()
    await harness.reconcile(after=INTERVAL)
    assert len(harness.git.described) == 2


async def test_search_goes_on_when_the_remote_answers_again(harness: AutomationHarness) -> None:
    commit = await crash_after_push(harness)
    others(harness, 1)
    harness.git.failures["read_commit"] = [Unreachable("connection refused")]
    await harness.fail(Retry, after=2 * INTERVAL)
    await harness.reconcile(after=3 * INTERVAL)
    assert harness.status.last_push_commit == commit


async def test_policy_that_moved_since_the_crash_is_committed_on_top(harness: AutomationHarness) -> None:
    commit = await crash_after_push(harness)
    harness.choose("web", NEW_WEB)
    await harness.reconcile(after=2 * INTERVAL)
    assert harness.git.commits[harness.tip()].parent == commit
    assert harness.status.last_push_commit == harness.tip()


async def test_a_run_may_be_made_again_unless_it_has_pushed(harness: AutomationHarness) -> None:
    """One that began with an old status takes a commit that is recorded for one that is not."""
    acted = []
    await harness.reconcile()
    acted.append(harness.run.has_acted)
    await harness.reconcile(after=INTERVAL)
    acted.append(harness.run.has_acted)
    harness.choose("web", NEW_WEB)
    commit = await crash_after_push(harness)
    harness.restart()
    await harness.reconcile(after=3 * INTERVAL)
    assert harness.status.last_push_commit == commit
    acted.append(harness.run.has_acted)
    harness.git.failures["push"].append(PushRejected("hook declined"))
    harness.choose("web", replace(NEW_WEB, tag="1.9.0"))
    await harness.fail(Retry, after=4 * INTERVAL)
    assert [*acted, harness.run.has_acted] == [True, False, False, True]


async def test_push_in_the_second_of_the_last_one_is_found(idle: AutomationHarness) -> None:
    recorded = idle.automation
    idle.choose("web", NEW_WEB)
    await idle.reconcile()
    commit = idle.tip()
    idle.automation = recorded
    idle.restart()
    await idle.reconcile(after=INTERVAL)
    assert (idle.tip(), idle.status.last_push_commit) == (commit, commit)


@pytest.mark.parametrize(
    ("author", "when", "files"),
    [
        pytest.param(Author("a@example.com"), 2 * INTERVAL, {"web.yaml": manifest("1.1.0")}, id="another-author"),
        pytest.param(BOT, timedelta(seconds=-1), {"web.yaml": manifest("1.1.0")}, id="before-our-last-push"),
        pytest.param(BOT, 2 * INTERVAL, {"web.yaml": manifest("1.1.0"), "x": b""}, id="not-what-we-would-write"),
        pytest.param(BOT, 2 * INTERVAL, {"README.md": b"of a namesake\n"}, id="with-nothing-to-update"),
    ],
)
async def test_commit_that_is_not_ours_is_not_claimed(
    idle: AutomationHarness, author: Author, when: timedelta, files: dict[str, bytes]
) -> None:
    ours = idle.status.last_push_commit
    await idle.reconcile(after=INTERVAL)
    old = idle.git.put(MAIN, {"web.yaml": manifest("1.0.0")} if "web.yaml" in files else {})
    theirs = idle.git.put(MAIN, files)
    idle.git.commits[theirs] = FakeCommit(old, author, "Theirs", START + when, None)
    end = await idle.reconcile(after=3 * INTERVAL)
    assert end.message.startswith("no updates made")
    assert idle.status.last_push_commit == ours
    assert idle.status.observed_source_revision == f"main@sha1:{theirs}"


async def test_branch_that_moved_is_recorded_though_the_refspec_was_refused(harness: AutomationHarness) -> None:
    harness.push_to(refspec=REFSPEC)
    harness.git.failures["push"].append(PushRejected("refs/heads/copy: hook declined", updated_refs=(MAIN,)))
    failure = await harness.fail(Retry)
    assert failure.message == "failed to update source: failed to push to remote: refs/heads/copy: hook declined"
    assert (harness.status.last_push_commit, harness.status.last_push_time) == (harness.tip(), START)
    assert harness.status.observed_source_revision == ""
    failed(harness)
    end = await harness.reconcile(after=INTERVAL)
    commit = harness.tip()
    assert (harness.tip("refs/heads/copy"), list(harness.git.commits)) == (commit, [commit])
    assert end.message == f"committed and pushed commit '{commit}' to branch 'main' and refspecs '{REFSPEC}'"
    assert (harness.status.last_push_commit, harness.status.last_push_time) == (commit, START)


async def test_refspec_that_lost_its_race_is_pushed_alone(harness: AutomationHarness) -> None:
    harness.push_to(refspec=REFSPEC)
    harness.git.failures["push"].append(RefMoved("refs/heads/copy moved meanwhile", updated_refs=(MAIN,)))
    end = await harness.reconcile()
    commit = harness.tip()
    assert (harness.tip("refs/heads/copy"), list(harness.git.commits)) == (commit, [commit])
    assert end.message.endswith("after 1 retry")


async def test_refspec_is_not_pushed_for_a_commit_of_somebody_else(harness: AutomationHarness) -> None:
    harness.push_to(refspec=REFSPEC)
    await harness.reconcile()
    failed(harness)
    harness.git.put(MAIN, {"README.md": b"# theirs\n"})
    end = await harness.reconcile(after=INTERVAL)
    assert (len(harness.git.pushes), end.message.startswith("no updates made")) == (1, True)
