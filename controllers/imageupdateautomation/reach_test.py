"""`controllers.imageupdateautomation`: policies of other namespaces, from their choice to the commit."""

from typing import Any

from api.imagepolicy import ImageRef
from controllers.runtime.key import Key, key_of
from controllers.runtime.reconcile.outcome import Ready
from testing.automation_harness import MAIN, NEW_WEB, AutomationHarness, manifest
from testing.builders import access_from, expect, image_policy, namespace_with

OTHER = ImageRef(name="x/web", tag="7.0.0")


def reaching(harness: AutomationHarness, **policy: Any) -> None:
    """Let the automation ask for the policies of `other`, which has one."""
    harness.namespaces[Key("", "apps")] = namespace_with("apps", team="fleet")
    harness.namespaces[Key("", "other")] = namespace_with("other", team="web")
    found = image_policy("web", namespace="other", latest=OTHER, **policy)
    harness.policies[key_of(found)] = found
    harness.git.put(MAIN, {"web.yaml": manifest("1.0.0", marker="other:web")})
    harness.spec(policy_namespaces=access_from(team="web"))
    harness.restart()


async def test_policy_that_is_open_to_the_namespace_is_written(harness: AutomationHarness) -> None:
    reaching(harness, access_from=access_from(team="fleet"))
    await harness.reconcile()
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("7.0.0", marker="other:web")
    assert set(harness.status.observed_policies) == {"web", "other/web"}
    assert harness.status.findings == ()
    again = await harness.reconcile()
    assert (len(harness.git.pushes), again.event) == (1, None)


async def test_policy_that_is_not_open_is_reported_and_others_are_written(harness: AutomationHarness) -> None:
    reaching(harness)
    harness.git.put(MAIN, {"own.yaml": manifest("1.0.0")})
    await harness.reconcile()
    assert harness.git.files_of(MAIN)["own.yaml"] == manifest("1.1.0")
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("1.0.0", marker="other:web")
    (finding,) = harness.status.findings
    assert (finding.reason, finding.file, finding.line) == ("PolicyAccessDenied", "web.yaml", 2)
    assert "spec.accessFrom of the ImagePolicy" in finding.message


async def test_access_that_is_taken_back_ends_the_use(harness: AutomationHarness) -> None:
    reaching(harness, access_from=access_from(team="fleet"))
    await harness.reconcile()
    harness.namespaces[Key("", "apps")] = namespace_with("apps", team="nobody")
    newer = image_policy("web", namespace="other", latest=NEW_WEB, access_from=access_from(team="fleet"))
    harness.policies[key_of(newer)] = newer
    await harness.reconcile()
    assert len(harness.git.pushes) == 1
    assert set(harness.status.observed_policies) == {"web"}
    assert [finding.reason for finding in harness.status.findings] == ["PolicyAccessDenied"]


async def test_controller_that_blocks_it_uses_nothing_of_others_and_says_so(harness: AutomationHarness) -> None:
    reaching(harness, access_from=access_from(team="fleet"))
    harness.block_reach()
    end = expect(Ready, await harness.end())
    assert harness.git.pushes == []
    assert harness.status.findings[0].reason == "CrossNamespaceBlocked"
    assert "spec.policyNamespaces has no effect" in end.message


async def test_nobody_else_s_policies_are_listed_without_being_asked_for(harness: AutomationHarness) -> None:
    reaching(harness, access_from=access_from())
    harness.spec(policy_namespaces=None)
    await harness.reconcile()
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("1.0.0", marker="other:web")
    assert set(harness.status.observed_policies) == {"web"}
    assert [finding.reason for finding in harness.status.findings] == ["NamespaceNotSelected"]
