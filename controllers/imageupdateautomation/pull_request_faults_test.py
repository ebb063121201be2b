"""`controllers.imageupdateautomation`: pull requests after crashes, races, and faults of forge and Git."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.pullrequest import AutoMerge
from controllers.forge.errors import AuthenticationFailed, Forbidden, RateLimited, Refused
from controllers.forge.model import Warned
from controllers.git.errors import PushRejected, Unreachable
from controllers.imageupdateautomation.outcomes import (
    GIT_OPERATION_FAILED,
    PULL_REQUEST_FAILED,
)
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.outcome import Retry
from testing.automation_harness import INTERVAL, MAIN, NEW_WEB, AutomationHarness, manifest
from testing.pull_requests import BRANCH, HEAD, URL, ask, human_commit, with_two_policies


async def test_crash_between_push_and_pull_request(offering: AutomationHarness) -> None:
    offering.forge.before["create"].append(_crash)
    with pytest.raises(ZeroDivisionError):
        await offering.end()
    pushed = offering.tip(BRANCH)
    offering.automation = replace(offering.automation, status=replace(offering.status, pull_requests=()))
    await offering.reconcile(after=INTERVAL)
    assert (offering.tip(BRANCH), offering.forge.open_heads()) == (pushed, [HEAD])


async def test_crash_before_the_status_was_written(offering: AutomationHarness) -> None:
    await offering.reconcile()
    offering.automation = replace(offering.automation, status=replace(offering.status, pull_requests=()))
    end = await offering.reconcile(after=INTERVAL)
    assert (len(offering.git.pushes), len(offering.forge.entries)) == (1, 1)
    assert end.event is not None
    assert end.event.startswith("adopted pull request #1")
    assert [one.number for one in offering.status.pull_requests] == [1]


async def test_crash_before_the_status_had_the_end_of_one_and_the_next(offering: AutomationHarness) -> None:
    await offering.reconcile()
    before = offering.status
    offering.forge.merge(1)
    offering.choose("web", NEW_WEB)
    await offering.reconcile(after=INTERVAL)
    assert offering.forge.only().number == 2
    offering.automation = replace(offering.automation, status=before)
    await offering.reconcile(after=2 * INTERVAL)
    assert [(one.number, one.state) for one in offering.status.pull_requests] == [(2, "Open"), (1, "Merged")]


async def test_one_that_was_deleted_is_forgotten(offering: AutomationHarness) -> None:
    await offering.reconcile()
    offering.forge.entries.pop(1)
    offering.git.put(MAIN, {"web.yaml": manifest("1.1.0")})
    end = await offering.reconcile(after=INTERVAL)
    assert end.warnings == (("PullRequestGone", f"pull request #1 was not found any more, and is forgotten: {URL}"),)
    assert offering.status.pull_requests == ()
    offering.forge.calls.clear()
    await offering.reconcile(after=2 * INTERVAL)
    assert offering.forge.calls == ["list_open"]


async def test_new_one_is_looked_for_once(offering: AutomationHarness) -> None:
    await offering.reconcile()
    assert offering.forge.calls == ["list_open", "find", "create"]


async def test_lost_leadership_is_noticed_before_each_write(offering: AutomationHarness) -> None:
    def lose() -> None:
        raise LostLeadership

    with pytest.raises(LostLeadership):
        await offering.end(check=lose)
    assert (offering.git.pushes, offering.forge.entries) == ([], {})
    checks = iter([None, LostLeadership()])

    def lose_later() -> None:
        if error := next(checks):
            raise error

    with pytest.raises(LostLeadership):
        await offering.end(check=lose_later)
    assert (len(offering.git.pushes), offering.forge.entries) == (1, {})


async def test_person_who_pushes_meanwhile_loses_nothing(offering: AutomationHarness) -> None:
    await offering.reconcile()
    offering.choose("web", NEW_WEB)
    offering.git.before_push.append(lambda: human_commit(offering))
    end = await offering.fail(Retry, after=INTERVAL)
    assert end.reason == PULL_REQUEST_FAILED
    assert "human.md" in offering.git.files_of(BRANCH)
    await offering.reconcile(after=2 * INTERVAL)
    assert "human.md" in offering.git.files_of(BRANCH)


@pytest.mark.parametrize(
    ("error", "retry_after"),
    [
        pytest.param(
            RateLimited("asked to wait", forge="GitHub", request="list", retry_after=timedelta(hours=1)),
            timedelta(hours=1),
            id="rate-limited",
        ),
        pytest.param(AuthenticationFailed("the token expired", forge="GitHub", request="list"), None, id="token"),
    ],
)
async def test_forge_that_does_not_serve_us(offering: AutomationHarness, error: Any, retry_after: Any) -> None:
    offering.forge.failures["list_open"].append(error)
    end = await offering.fail(Retry)
    assert (end.reason, end.message, end.retry_after) == (PULL_REQUEST_FAILED, str(error), retry_after)
    assert offering.git.pushes == []


async def test_fault_of_the_forge_loses_nothing_that_was_known(offering: AutomationHarness) -> None:
    await offering.reconcile()
    known = offering.status.pull_requests
    offering.forge.failures["list_open"].append(AuthenticationFailed("the token expired"))
    await offering.fail(Retry, after=INTERVAL)
    assert offering.status.pull_requests == known


async def test_one_that_fails_keeps_no_other_from_being_served(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy")
    harness.forge.failures["create"].append(Refused("not like that", forge="Gitea", request="open a pull request"))
    end = await harness.fail(Retry)
    assert end.message.startswith("Gitea: failed to open a pull request: not like that")
    assert "opened pull request #1" in end.message
    assert harness.forge.open_heads() == ["tagline/apps-fleet-web"]
    await harness.reconcile(after=INTERVAL)
    assert len(harness.forge.open_heads()) == 2


async def test_what_was_done_is_said_although_git_is_out_of_reach_afterwards(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy")
    harness.forge.before["create"].append(lambda: harness.git.failures["push"].append(Unreachable("no route")))
    end = await harness.fail(Retry)
    assert (end.reason, "no route" in end.message) == (GIT_OPERATION_FAILED, True)
    assert f"opened pull request #1 (from {HEAD}-api to main): {URL}" in end.message


async def test_token_without_rights_stops_at_the_first(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy")
    harness.forge.failures["create"].append(Forbidden("may not", remedy="give it the scope"))
    await harness.fail(Retry)
    assert harness.forge.calls.count("create") == 1


async def test_branch_that_may_not_be_pushed(offering: AutomationHarness) -> None:
    offering.git.failures["push"].append(PushRejected("protected branch"))
    end = await offering.fail(Retry)
    assert f"failed to push branch '{HEAD}'" in end.message
    assert offering.forge.entries == {}


async def test_labels_that_fail_only_warn(offering: AutomationHarness) -> None:
    offering.forge.warnings = (Warned("labels", "there is no label x"),)
    end = await offering.reconcile()
    assert end.warnings == (("PullRequestIncomplete", f"pull request #1: labels: there is no label x: {URL}"),)
    assert offering.status.pull_requests[0].message == "labels: there is no label x"


async def test_what_is_not_possible_yet_is_tried_again_in_silence(harness: AutomationHarness) -> None:
    ask(harness, auto_merge=AutoMerge())
    not_yet = (Warned("auto-merge", "checks are not known yet", again=True),)
    harness.forge.warnings = not_yet
    assert [reason for reason, _ in (await harness.reconcile()).warnings] == ["PullRequestIncomplete"]
    harness.forge.warnings = not_yet
    again = await harness.reconcile(after=INTERVAL)
    assert (again.warnings, again.event, harness.forge.calls.count("update")) == ((), None, 1)
    done = await harness.reconcile(after=2 * INTERVAL)
    assert done.event is not None
    assert "what did not work beside it is tried again" in done.event
    assert (harness.status.pull_requests[0].message, harness.status.pull_requests[0].retry) == ("", False)
    await harness.reconcile(after=3 * INTERVAL)
    assert harness.forge.calls.count("update") == 2


async def test_pull_request_of_another_automation_is_left_alone(offering: AutomationHarness) -> None:
    await offering.reconcile()
    entry = offering.forge.only()
    assert entry.stamp is not None
    offering.forge.entries[1] = dataclasses.replace(entry, stamp=dataclasses.replace(entry.stamp, automation="x/y"))
    offering.automation = replace(offering.automation, status=replace(offering.status, pull_requests=()))
    offering.choose("web", NEW_WEB)
    end = await offering.reconcile(after=INTERVAL)
    assert [reason for reason, _ in end.warnings] == ["PullRequestTaken"]
    assert offering.git.files_of(BRANCH)["web.yaml"] == manifest("1.1.0")


def _crash() -> None:
    raise ZeroDivisionError
