"""`controllers.imageupdateautomation`: what `spec.git.pullRequest` asks for, and what is wrong with it."""

from typing import Any

import pytest
from msgspec.structs import replace

from api.imageupdateautomation import CommitSpec, CommitUser, SigningKey
from api.meta import LocalObjectReference
from api.pullrequest import AutoMerge, PullRequestSpec
from controllers.forge.errors import Refused
from controllers.forge.model import MergeMethod
from controllers.git.objects.commits import Signer
from controllers.pullrequests.recording import RecordingForge
from controllers.runtime.reconcile.outcome import Retry, Stalled
from testing.automation_harness import INTERVAL, MAIN, NEW_WEB, AutomationHarness, manifest
from testing.builders import git_spec, secret
from testing.pull_requests import BRANCH, HEAD, URL, ask


async def test_what_the_spec_asks_for_is_passed_on(harness: AutomationHarness) -> None:
    ask(
        harness,
        branch="bots/{{ .Namespace }}/{{ .Automation }}-{{ .Base }}",
        title_template="{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}{{ end }}",
        body_template="{{ .Branch }} of {{ .AutomationObject }}",
        labels=("deps",),
        reviewers=("ann",),
        assignees=("ben",),
        auto_merge=AutoMerge(method="squash"),
    )
    await harness.reconcile()
    desired = harness.forge.desired[1]
    assert (desired.head, desired.title) == ("bots/apps/fleet-main", "x/web:1.0.0 -> x/web:1.1.0")
    assert desired.body == "bots/apps/fleet-main of apps/fleet"
    assert (desired.labels, desired.reviewers, desired.assignees) == (("deps",), ("ann",), ("ben",))
    assert (desired.draft, desired.auto_merge) == (False, MergeMethod.SQUASH)


async def test_commit_has_the_message_of_the_template_which_is_the_title(harness: AutomationHarness) -> None:
    ask(harness)
    commit = CommitSpec(author=CommitUser(email="bot@example.com"), message_template="Bump it\n\nfor good\n")
    git = harness.automation.spec.git
    assert git is not None
    harness.spec(git=replace(git, commit=commit))
    await harness.reconcile()
    message = harness.git.commits[harness.tip(BRANCH)].message
    assert message.startswith("Bump it\n\nfor good\n\nTagline-Offer: ")
    assert harness.forge.desired[1].title == "Bump it"


async def test_commits_on_a_head_are_signed_the_first_and_those_that_replace_it(harness: AutomationHarness) -> None:
    class Stamp:
        def sign(self, payload: bytes) -> bytes:
            return b"signed"

    signer: Signer = Stamp()
    harness.git.signers["key"] = signer
    harness.kube.put("secrets", secret("key", git__asc=b"any"))
    commit = CommitSpec(signing_key=SigningKey(secret_ref=LocalObjectReference(name="key")))
    harness.spec(git=replace(git_spec(commit=commit), pull_request=PullRequestSpec(forge="gitea")))
    harness.allow_token()
    await harness.reconcile()
    first = harness.tip(BRANCH)
    harness.choose("web", NEW_WEB)
    await harness.reconcile(after=INTERVAL)
    second = harness.tip(BRANCH)
    assert first != second
    assert [harness.git.commits[one].signer for one in (first, second)] == [signer, signer]


async def test_forge_makes_the_commit_where_that_is_asked_for(harness: AutomationHarness) -> None:
    ask(harness, verified_commits=True)
    await harness.reconcile()
    assert (harness.git.pushes, harness.git.files_of(BRANCH)["web.yaml"]) == ([], manifest("1.1.0"))
    assert harness.git.commits[harness.tip(BRANCH)].author.name == "The forge"
    harness.choose("web", NEW_WEB)
    await harness.reconcile(after=INTERVAL)
    assert harness.git.files_of(BRANCH)["web.yaml"] == manifest("1.2.0")
    assert harness.status.last_push_commit == harness.tip(BRANCH)


async def test_commit_that_the_forge_refuses_is_pushed_and_that_is_said(harness: AutomationHarness) -> None:
    ask(harness, verified_commits=True)
    harness.forge.failures["commit"].append(Refused("too large", forge="GitHub", request="commit"))
    end = await harness.reconcile()
    assert (len(harness.git.pushes), harness.forge.open_heads()) == (1, [HEAD])
    assert [reason for reason, _ in end.warnings] == ["CommitNotVerified"]
    assert "GitHub: failed to commit: too large" in end.warnings[0][1]


async def test_forge_makes_no_commit_in_a_dry_run(harness: AutomationHarness) -> None:
    ask(harness, verified_commits=True)
    harness.wrap_forge = lambda forge: RecordingForge(forge, [], is_dry_run=True)
    end = await harness.reconcile()
    assert (harness.forge.calls, end.warnings) == (["list_open", "find"], ())
    assert [push.updates[0].ref for push in harness.git.pushes] == [BRANCH]


async def test_field_that_is_removed_leaves_open_ones_and_says_so(offering: AutomationHarness) -> None:
    await offering.reconcile()
    offering.spec(git=git_spec())
    end = await offering.reconcile(after=INTERVAL, new_generation=True)
    assert f"these pull requests are left open: #1 ({URL})" in end.message
    assert offering.forge.open_heads() == [HEAD]
    assert offering.status.pull_requests == ()
    assert offering.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")


async def test_open_ones_are_counted_as_long_as_they_are_looked_after(offering: AutomationHarness) -> None:
    def count() -> float | None:
        return offering.metrics.get_sample_value("tagline_pull_requests_open")

    await offering.reconcile()
    assert count() == 1
    offering.spec(git=git_spec())
    await offering.reconcile(after=INTERVAL, new_generation=True)
    assert count() == 0


async def test_secret_without_a_token_is_a_condition_with_the_next_step(harness: AutomationHarness) -> None:
    ask(harness, secret_ref=LocalObjectReference(name="forge"))
    end = await harness.fail(Retry)
    assert "failed to get pull request secret 'apps/forge'" in end.message


@pytest.mark.parametrize("id_key", ["githubAppID", "githubAppClientID"])
async def test_secret_of_a_github_app_is_a_login(harness: AutomationHarness, id_key: str) -> None:
    ask(harness, secret_ref=LocalObjectReference(name="forge"))
    app: dict[str, Any] = {id_key: b"7", "githubAppPrivateKey": b"PEM", "githubAppInstallationID": b"42"}
    harness.kube.put("secrets", secret("forge", **app))
    await harness.reconcile()
    assert harness.forge.open_heads() == [HEAD]


async def test_host_that_says_nothing_of_its_forge_stalls(harness: AutomationHarness) -> None:
    ask(harness, forge="auto")
    end = await harness.fail(Stalled)
    assert "set spec.git.pullRequest.forge (github, gitlab," in end.message
