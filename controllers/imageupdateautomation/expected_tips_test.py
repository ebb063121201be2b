"""What a run pushes without a look before: on top of where the last run left the branch."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from api.meta import Condition
from api.names import READY
from controllers.git.errors import AuthenticationFailed, PushRejected, Unreachable
from controllers.runtime.reconcile.outcome import Retry
from testing.automation_harness import FULL_RUN_CALLS, INTERVAL, MAIN, NEW_WEB, WEB, AutomationHarness, manifest
from testing.clock import START

UNSEEN_CALLS = ["fetch", "find_files", "commit", "push"]
NEWEST = replace(WEB, tag="1.3.0")


async def test_a_new_choice_is_pushed_without_a_look(idle: AutomationHarness) -> None:
    before = idle.tip()
    idle.choose("web", NEW_WEB)
    end = await idle.reconcile(after=INTERVAL)
    assert idle.git.calls == UNSEEN_CALLS
    assert idle.git.files_of(MAIN)["web.yaml"] == manifest("1.2.0")
    assert idle.git.pushes[-1].updates[0].expected == before
    assert end.message == f"committed and pushed commit '{idle.tip()}' to branch 'main'"
    assert idle.status.observed_source_revision == f"main@sha1:{idle.tip()}"
    assert (idle.status.last_push_commit, idle.status.last_push_time) == (idle.tip(), START + INTERVAL)


async def test_commits_of_others_stay_and_are_no_lost_race(idle: AutomationHarness) -> None:
    idle.git.put(MAIN, {"README.md": b"# theirs\n"})
    idle.choose("web", NEW_WEB)
    end = await idle.reconcile(after=INTERVAL)
    assert idle.git.files_of(MAIN) == {"web.yaml": manifest("1.2.0"), "README.md": b"# theirs\n"}
    assert end.message == f"committed and pushed commit '{idle.tip()}' to branch 'main'"
    assert idle.metrics.get_sample_value("tagline_push_retries_total") == 0


async def test_a_branch_of_several_is_looked_at_until_it_stays_as_it_is(idle: AutomationHarness) -> None:
    idle.git.put(MAIN, {"README.md": b"# theirs\n"})
    await idle.reconcile(after=INTERVAL)
    idle.choose("web", NEW_WEB)
    await idle.reconcile(after=2 * INTERVAL)
    assert idle.git.calls == [*FULL_RUN_CALLS, "commit", "push"]
    idle.choose("web", NEWEST)
    await idle.reconcile(after=3 * INTERVAL)
    assert idle.git.calls == UNSEEN_CALLS


async def test_a_look_after_a_refusal_shows_that_others_push_too(idle: AutomationHarness) -> None:
    idle.git.put(MAIN, {"README.md": b"# theirs\n"})
    idle.choose("web", NEW_WEB)
    await idle.reconcile(after=INTERVAL)
    assert idle.git.calls == [*UNSEEN_CALLS, *FULL_RUN_CALLS, "commit", "push"]
    idle.choose("web", NEWEST)
    await idle.reconcile(after=2 * INTERVAL)
    assert idle.git.calls == [*FULL_RUN_CALLS, "commit", "push"]


async def test_somebody_s_own_update_to_the_same_tag_is_not_made_again(idle: AutomationHarness) -> None:
    theirs = idle.git.put(MAIN, {"web.yaml": manifest("1.2.0"), "README.md": b"# theirs\n"})
    idle.choose("web", NEW_WEB)
    end = await idle.reconcile(after=INTERVAL)
    assert (idle.tip(), idle.status.observed_source_revision) == (theirs, f"main@sha1:{theirs}")
    assert end.message.startswith("no updates made")


async def test_a_deleted_branch_is_not_made_anew(idle: AutomationHarness) -> None:
    del idle.git.refs[MAIN]
    idle.git.put("refs/heads/dev", {"web.yaml": manifest("1.0.0")})
    idle.choose("web", NEW_WEB)
    failed = await idle.fail(Retry, after=INTERVAL)
    assert failed.message.endswith('couldn\'t find remote ref "refs/heads/main"')
    assert MAIN not in idle.git.refs


async def test_a_choice_that_is_in_no_file_costs_one_look_and_no_second_reading(idle: AutomationHarness) -> None:
    idle.choose("api", replace(WEB, name="x/api"))
    end = await idle.reconcile(after=INTERVAL)
    assert idle.git.calls == ["fetch", "find_files", "list_refs"]
    assert end.message.startswith("no updates made; last commit")
    assert idle.status.observed_policies == {"web": WEB, "api": replace(WEB, name="x/api")}


def _restart(harness: AutomationHarness) -> None:
    harness.restart()


def _was_recorded_by_another_process(harness: AutomationHarness) -> None:
    status = replace(harness.status, last_automation_run_time=START + timedelta(minutes=1))
    harness.automation = replace(harness.automation, status=status)


def _has_failed(harness: AutomationHarness) -> None:
    failed = Condition(type=READY, status="False", reason="Failed", message="", last_transition_time=START)
    harness.automation = replace(harness.automation, status=replace(harness.status, conditions=(failed,)))


def _waits_for_others(harness: AutomationHarness) -> None:
    harness.git.has_other_writers = True


def _push(**push: object) -> Callable[[AutomationHarness], None]:
    return lambda harness: harness.push_to(**push)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(_restart, id="a process that has just begun"),
        pytest.param(_was_recorded_by_another_process, id="another process led in between"),
        pytest.param(_has_failed, id="the last run failed"),
        pytest.param(_waits_for_others, id="another automation pushes there now"),
        pytest.param(_push(branch="auto"), id="a push branch of its own"),
        pytest.param(_push(refspec=f"{MAIN}:refs/heads/copy"), id="a refspec"),
        pytest.param(_push(options={"ci.skip": ""}), id="push options"),
    ],
)
async def test_it_looks_first(idle: AutomationHarness, prepare: Callable[[AutomationHarness], None]) -> None:
    prepare(idle)
    idle.choose("web", NEW_WEB)
    await idle.reconcile(after=INTERVAL)
    assert idle.git.calls[:2] == FULL_RUN_CALLS[:2]
    assert idle.git.calls[-1] == "push"


@pytest.mark.parametrize("fact", ["requested", "new_generation"])
async def test_somebody_who_asks_for_a_run_gets_a_look(idle: AutomationHarness, fact: str) -> None:
    idle.choose("web", NEW_WEB)
    await idle.reconcile(after=INTERVAL, **{fact: True})
    assert idle.git.calls[0] == "list_refs"


@pytest.mark.parametrize(
    "error",
    [pytest.param(Unreachable("no route"), id="unreachable"), pytest.param(PushRejected("declined"), id="hook")],
)
async def test_what_a_look_would_not_change_is_told_at_once(idle: AutomationHarness, error: Exception) -> None:
    idle.choose("web", NEW_WEB)
    idle.git.failures["push"].append(error)
    failed = await idle.fail(Retry, after=INTERVAL)
    assert idle.git.calls == UNSEEN_CALLS
    assert failed.message == f"failed to update source: failed to push to remote: {error}"


async def test_other_failures_are_told_as_a_look_finds_them(idle: AutomationHarness) -> None:
    idle.choose("web", NEW_WEB)
    idle.git.failures["push"].append(AuthenticationFailed("authentication required"))
    idle.git.failures["list_refs"].append(AuthenticationFailed("authentication required"))
    failed = await idle.fail(Retry, after=INTERVAL)
    assert failed.message == "failed to checkout source: authentication required"


async def test_an_automation_that_is_gone_leaves_nothing_behind(idle: AutomationHarness) -> None:
    idle.git.put(MAIN, {"README.md": b"# theirs\n"})
    await idle.reconcile(after=INTERVAL)
    idle.forget()
    idle.choose("web", NEW_WEB)
    await idle.reconcile(after=2 * INTERVAL)
    assert idle.git.calls[0] == "list_refs", "it is a new one"
