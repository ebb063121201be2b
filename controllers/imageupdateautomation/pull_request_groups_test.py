"""`controllers.imageupdateautomation`: which changes share a pull request, and how many are open."""

from typing import Any

import pytest

from controllers.imageupdateautomation.outcomes import (
    INVALID_PULL_REQUEST_BRANCH,
)
from controllers.runtime.reconcile.outcome import Stalled
from controllers.update.editor import Editor
from controllers.update.work import Edit, MarkedTree, Work
from testing.automation_harness import INTERVAL, MAIN, NEW_WEB, AutomationHarness, manifest
from testing.pull_requests import BRANCH, HEAD, ask, with_two_policies


async def test_each_policy_gets_its_own(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy")
    await harness.reconcile()
    assert harness.forge.open_heads() == ["tagline/apps-fleet-api", "tagline/apps-fleet-web"]
    web = harness.git.files_of("refs/heads/tagline/apps-fleet-web")
    assert (web["web.yaml"], web["apps/api.yaml"]) == (
        manifest("1.1.0"),
        harness.git.files_of(MAIN)["apps/api.yaml"],
    )
    assert [one.policies for one in harness.status.pull_requests] == [("api",), ("web",)]


async def test_each_group_reads_only_files_of_its_own(
    harness: AutomationHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[list[str]] = []
    plan = Editor.plan

    async def spy(self: Editor, tree: MarkedTree, work: Work, **options: Any) -> Edit:
        planned.append(sorted(file.path for file in tree.files))
        return await plan(self, tree, work, **options)

    monkeypatch.setattr(Editor, "plan", spy)
    with_two_policies(harness, group_by="policy")
    await harness.reconcile()
    assert planned == [["apps/api.yaml", "web.yaml"], ["apps/api.yaml"], ["web.yaml"]]


async def test_one_branch_moves_only_for_its_own_policy(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy")
    await harness.reconcile()
    api = harness.tip("refs/heads/tagline/apps-fleet-api")
    harness.choose("web", NEW_WEB)
    await harness.reconcile(after=INTERVAL)
    assert harness.tip("refs/heads/tagline/apps-fleet-api") == api
    assert harness.git.files_of("refs/heads/tagline/apps-fleet-web")["web.yaml"] == manifest("1.2.0")


async def test_each_folder_gets_its_own(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="folder", branch="up/{{ .Folder }}")
    await harness.reconcile()
    assert harness.forge.open_heads() == ["up/apps", "up/root"]


async def test_each_image_gets_its_own(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="image")
    await harness.reconcile()
    heads = harness.forge.open_heads()
    assert len(heads) == 2
    assert heads[0].startswith("tagline/apps-fleet-x-api-")


async def test_other_groups_close_what_they_supersede(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy")
    await harness.reconcile()
    ask(harness, group_by="automation")
    await harness.reconcile(after=INTERVAL)
    assert harness.forge.open_heads() == [HEAD]
    assert sorted(ref for ref in harness.git.refs if "tagline" in ref) == [BRANCH]


async def test_superseded_ones_stay_where_that_is_asked_for(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy")
    await harness.reconcile()
    ask(harness, group_by="automation", close_superseded=False)
    await harness.reconcile(after=INTERVAL)
    assert len(harness.forge.open_heads()) == 3


async def test_limit_of_open_ones(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy", limit=1)
    end = await harness.reconcile()
    assert harness.forge.open_heads() == ["tagline/apps-fleet-api"]
    assert [reason for reason, _ in end.warnings] == ["PullRequestLimit"]
    assert "left out: no pull request for 'tagline/apps-fleet-web': 1 pull requests are open" in end.message
    quiet = await harness.reconcile(after=INTERVAL)
    assert (quiet.warnings, harness.status.findings[0].reason) == ((), "PullRequestLimit")
    harness.forge.merge(1)
    await harness.reconcile(after=INTERVAL)
    assert harness.forge.open_heads() == ["tagline/apps-fleet-web"]


async def test_groups_beyond_the_limit_cost_no_requests(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy", limit=1)
    await harness.reconcile()
    assert harness.forge.calls == ["list_open", "find", "create"]


async def test_declined_one_is_known_although_the_limit_is_reached(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy")
    await harness.reconcile()
    harness.forge.decline(2)
    await harness.reconcile(after=INTERVAL)
    ask(harness, group_by="policy", limit=1)
    await harness.reconcile(after=2 * INTERVAL)
    assert harness.status.findings == ()


async def test_branch_of_two_groups_stalls(harness: AutomationHarness) -> None:
    with_two_policies(harness, group_by="policy", branch="tagline/all")
    end = await harness.fail(Stalled)
    assert end.reason == INVALID_PULL_REQUEST_BRANCH
    assert "makes 'tagline/all' of both 'api' and 'apps:web'" in end.message
    assert "{{ .Policy }}" in end.message
    assert harness.git.pushes == []
