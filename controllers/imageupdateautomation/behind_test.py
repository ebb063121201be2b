"""`controllers.imageupdateautomation`: a cache of policies that is behind takes no choice back that Git has."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from api.imagepolicy import ImagePolicy, ImagePolicyStatus, ImageRef
from controllers.git.errors import Unreachable
from controllers.runtime.key import Key, key_of
from controllers.runtime.reconcile.outcome import Retry
from testing.automation_harness import AUTO, INTERVAL, MAIN, NEW_WEB, WEB, AutomationHarness, manifest
from testing.builders import access_from, image_policy, namespace_with
from testing.clock import START

NEWEST = replace(WEB, tag="1.3.0")


def chosen(ref: ImageRef, version: int, *, namespace: str = "apps") -> ImagePolicy:
    policy = image_policy("web", namespace=namespace, latest=ref, access_from=access_from())
    return replace(policy, metadata=replace(policy.metadata, resource_version=str(version)))


def seen(harness: AutomationHarness, version: int) -> None:
    """Set the automation's resourceVersion, as the write of its last status does."""
    meta = replace(harness.automation.metadata, resource_version=str(version))
    harness.automation = replace(harness.automation, metadata=meta)


def put(harness: AutomationHarness, policy: ImagePolicy) -> None:
    harness.policies[key_of(policy)] = policy


@pytest.fixture
async def written(harness: AutomationHarness) -> AutomationHarness:
    """Return an automation that has written 1.2.0 and whose status, of version 20, says so."""
    put(harness, chosen(NEW_WEB, 15))
    seen(harness, 10)
    await harness.reconcile()
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("1.2.0")
    seen(harness, 20)
    harness.policies.lists.clear()
    return harness


async def test_older_policy_than_the_one_that_was_written_is_read_anew(written: AutomationHarness) -> None:
    # After a restart: the list of policies lacks the choice that the process before has pushed.
    put(written, chosen(WEB, 5))
    written.policies.late[Key("apps", "web")] = chosen(NEW_WEB, 15)
    await written.reconcile()
    assert written.git.files_of(MAIN)["web.yaml"] == manifest("1.2.0")
    assert len(written.git.pushes) == 1
    assert written.policies.lists == ["20"]


async def test_policy_that_the_cache_lacks_though_its_choice_was_written_is_read_anew(
    written: AutomationHarness,
) -> None:
    # After a restart: the list of policies is from before this one was made.
    before = written.status.observed_policies
    written.policies.late = dict(written.policies)
    written.policies.clear()
    written.restart()
    end = await written.reconcile(after=INTERVAL)
    assert written.policies.lists == ["20"]
    assert (written.status.observed_policies, written.status.findings) == (before, ())
    assert end.no_change == "no change since last reconciliation"


async def test_policy_that_is_gone_is_asked_for_once(written: AutomationHarness) -> None:
    written.policies.clear()
    await written.reconcile(after=INTERVAL)
    assert written.status.observed_policies == {}
    await written.reconcile(after=2 * INTERVAL)
    assert written.policies.lists == ["20"]


async def test_choice_that_is_newer_than_what_was_written_costs_no_request(written: AutomationHarness) -> None:
    put(written, chosen(NEWEST, 25))
    await written.reconcile()
    assert written.git.files_of(MAIN)["web.yaml"] == manifest("1.3.0")
    assert written.policies.lists == []


async def test_choice_that_came_while_the_last_one_was_written_is_written_too(written: AutomationHarness) -> None:
    put(written, chosen(NEWEST, 18))
    await written.reconcile()
    assert written.git.files_of(MAIN)["web.yaml"] == manifest("1.3.0")
    assert written.policies.lists == []  # in a namespace of a thousand policies, each list takes longer than the run


async def test_choice_that_came_during_runs_that_failed_costs_one_request(written: AutomationHarness) -> None:
    put(written, chosen(NEWEST, 18))
    for minute, method in ((1, "push"), (2, "list_refs")):
        written.git.failures[method] = [Unreachable("the host is away")]
        await written.fail(Retry, after=timedelta(minutes=minute))
        seen(written, 20 + minute)
    await written.reconcile()
    assert written.git.files_of(MAIN)["web.yaml"] == manifest("1.3.0")
    assert written.policies.lists == [None]


@pytest.mark.parametrize("restarts", [True, False])
async def test_what_another_process_has_written_may_come_from_a_later_choice(
    written: AutomationHarness, *, restarts: bool
) -> None:
    put(written, chosen(NEWEST, 18))
    if restarts:
        written.restart()
    else:  # the other one has led in between
        status = replace(written.automation.status, last_automation_run_time=START + timedelta(minutes=1))
        written.automation = replace(written.automation, status=status)
    await written.reconcile()
    assert written.policies.lists == ["20", None]


@pytest.mark.parametrize("cached", ["1.1.0", "1.2.0"])
async def test_caches_that_are_both_behind_the_former_leader_take_nothing_back(
    written: AutomationHarness, cached: str
) -> None:
    # The watches of a standby have been silent since: it has seen neither the choice of 1.3.0 nor who wrote it.
    written.git.put(MAIN, {"web.yaml": manifest("1.3.0")})
    put(written, chosen(replace(WEB, tag=cached), 25))
    written.policies.late[Key("apps", "web")] = chosen(NEWEST, 40)
    written.restart()
    await written.reconcile()
    assert written.git.files_of(MAIN)["web.yaml"] == manifest("1.3.0")
    assert written.status.observed_policies == {"web": NEWEST}


@pytest.mark.parametrize("restarts", [True, False])
async def test_a_push_that_was_not_recorded_is_not_taken_back(written: AutomationHarness, *, restarts: bool) -> None:
    # Killed between push and status, or unable to write it; and then the list of policies comes from a server that
    # lags behind.
    recorded = written.automation
    put(written, chosen(NEWEST, 25))
    await written.reconcile(after=INTERVAL)
    written.automation = recorded
    put(written, chosen(NEW_WEB, 15))
    written.policies.late[Key("apps", "web")] = chosen(NEWEST, 25)
    if restarts:
        written.restart()
    tip = written.tip()
    await written.reconcile(after=2 * INTERVAL)
    assert (written.tip(), written.git.files_of(MAIN)["web.yaml"]) == (tip, manifest("1.3.0"))
    seen(written, 30)
    put(written, chosen(NEWEST, 25))
    await written.reconcile(after=3 * INTERVAL)
    assert written.tip() == tip


@pytest.mark.parametrize("cached", [None, NEW_WEB])
async def test_a_push_that_was_not_recorded_is_found_by_who_lags_behind(
    written: AutomationHarness, cached: ImageRef | None
) -> None:
    recorded = written.automation
    put(written, chosen(NEWEST, 25))
    await written.reconcile(after=INTERVAL)
    written.automation = recorded
    put(written, replace(chosen(NEW_WEB, 15), status=ImagePolicyStatus(latest_ref=cached)))
    written.policies.late[Key("apps", "web")] = chosen(NEWEST, 25)
    written.restart()
    end = await written.reconcile(after=2 * INTERVAL)
    assert (written.status.last_push_commit, written.status.last_push_time) == (written.tip(), START + INTERVAL)
    assert end.message == f"committed and pushed commit '{written.tip()}' to branch 'main'"


async def test_a_push_branch_is_not_taken_back_either(written: AutomationHarness) -> None:
    written.push_to(branch="auto")
    put(written, chosen(NEWEST, 25))
    recorded = written.automation
    await written.reconcile(after=INTERVAL)
    assert written.git.files_of(AUTO)["web.yaml"] == manifest("1.3.0")
    written.automation = recorded
    written.restart()
    put(written, chosen(NEW_WEB, 15))
    written.policies.late[Key("apps", "web")] = chosen(NEWEST, 25)
    tip = written.tip(AUTO)
    await written.reconcile(after=2 * INTERVAL)
    assert written.tip(AUTO) == tip


async def test_policies_are_asked_for_before_the_first_push_of_a_process_only(written: AutomationHarness) -> None:
    written.restart()
    await written.reconcile()
    assert written.policies.lists == [], "nothing to push"
    put(written, chosen(NEWEST, 25))
    written.restart()
    await written.reconcile()
    assert written.policies.lists == [None]
    put(written, chosen(replace(WEB, tag="1.4.0"), 35))
    await written.reconcile()
    assert written.git.files_of(MAIN)["web.yaml"] == manifest("1.4.0")
    assert written.policies.lists == [None]


async def test_quiet_runs_cost_no_request(written: AutomationHarness) -> None:
    await written.reconcile()
    assert written.policies.lists == []


async def test_older_policy_of_another_namespace_is_read_anew(harness: AutomationHarness) -> None:
    harness.namespaces[Key("", "apps")] = namespace_with("apps", team="fleet")
    harness.namespaces[Key("", "other")] = namespace_with("other", team="web")
    harness.git.put(MAIN, {"web.yaml": manifest("1.0.0", marker="other:web")})
    harness.spec(policy_namespaces=access_from(team="web"))
    harness.restart()
    put(harness, chosen(NEW_WEB, 15, namespace="other"))
    seen(harness, 10)
    await harness.reconcile()
    seen(harness, 20)
    put(harness, chosen(WEB, 5, namespace="other"))
    harness.policies.late[Key("other", "web")] = chosen(NEW_WEB, 15, namespace="other")
    await harness.reconcile()
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("1.2.0", marker="other:web")
