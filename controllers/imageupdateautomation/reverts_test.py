"""`controllers.imageupdateautomation`: what people put back stays, until there is something newer."""

import pytest

from api.imageupdateautomation import UpdateStrategy, Written
from testing.automation_harness import AUTO, INTERVAL, MAIN, NEW_WEB, WEB, AutomationHarness, manifest

WRITTEN = Written(file="web.yaml", setter="apps:web", old="x/web:1.0.0", new="x/web:1.1.0")


@pytest.fixture
async def holding(harness: AutomationHarness) -> AutomationHarness:
    """One that holds, after its first push."""
    harness.spec(update=UpdateStrategy(hold_reverted=True))
    await harness.reconcile()
    assert harness.status.written == (WRITTEN,)
    return harness


async def test_value_that_was_put_back_is_held_and_reported(holding: AutomationHarness) -> None:
    theirs = holding.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    end = await holding.reconcile(after=INTERVAL)
    assert holding.tip() == theirs
    (finding,) = holding.status.findings
    assert (finding.reason, finding.file, finding.line) == ("HeldBack", "web.yaml", 2)
    assert "'x/web:1.0.0' was put back here after 'x/web:1.1.0' had been written" in finding.message
    assert [reason for reason, _ in end.warnings] == ["HeldBack"]
    end = await holding.reconcile(after=2 * INTERVAL)
    assert (holding.tip(), end.warnings, holding.status.written) == (theirs, (), (WRITTEN,))


async def test_newer_image_ends_the_hold(holding: AutomationHarness) -> None:
    holding.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    await holding.reconcile(after=INTERVAL)
    holding.choose("web", NEW_WEB)
    await holding.reconcile(after=2 * INTERVAL)
    assert holding.git.files_of(MAIN)["web.yaml"] == manifest("1.2.0")
    assert holding.status.findings == ()
    assert [(w.old, w.new) for w in holding.status.written] == [("x/web:1.0.0", "x/web:1.2.0")]


async def test_a_suspended_policy_does_not_end_the_hold(holding: AutomationHarness) -> None:
    holding.choose("web", WEB, suspend=True)
    theirs = holding.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    await holding.reconcile(after=INTERVAL)
    holding.choose("web", WEB)
    await holding.reconcile(after=2 * INTERVAL)
    assert (holding.tip(), [finding.reason for finding in holding.status.findings]) == (theirs, ["HeldBack"])


async def test_other_markers_are_updated_meanwhile(holding: AutomationHarness) -> None:
    holding.git.put(MAIN, {"web.yaml": manifest("1.0.0"), "more.yaml": manifest("1.0.0")})
    await holding.reconcile(after=INTERVAL)
    assert holding.git.files_of(MAIN)["web.yaml"] == manifest("1.0.0")
    assert holding.git.files_of(MAIN)["more.yaml"] == manifest("1.1.0")
    assert {w.file for w in holding.status.written} == {"web.yaml", "more.yaml"}


async def test_third_value_is_no_revert(holding: AutomationHarness) -> None:
    holding.git.put(MAIN, {"web.yaml": manifest("0.5.0")})
    await holding.reconcile(after=INTERVAL)
    assert holding.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")


async def test_without_the_field_nothing_is_held_or_remembered(idle: AutomationHarness) -> None:
    assert idle.status.written == ()
    idle.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    await idle.reconcile(after=INTERVAL)
    assert idle.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")


async def test_push_branch_made_anew_is_no_revert(harness: AutomationHarness) -> None:
    harness.spec(update=UpdateStrategy(hold_reverted=True))
    harness.push_to(branch="auto")
    await harness.reconcile()
    del harness.git.refs[AUTO]
    await harness.reconcile(after=INTERVAL)
    assert harness.git.files_of(AUTO)["web.yaml"] == manifest("1.1.0")
    harness.git.put(AUTO, {"web.yaml": manifest("1.0.0")})
    await harness.reconcile(after=2 * INTERVAL)
    assert harness.git.files_of(AUTO)["web.yaml"] == manifest("1.0.0")
