"""What one pass over an ImageUpdateAutomation does: when it runs, what it commits, records and reports."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from api.gitrepository import GitRepositoryRef
from api.imagepolicy import ImageRef, ImageSource
from api.imageupdateautomation import (
    CommitSpec,
    CommitUser,
    ImageUpdateAutomationStatus,
    SigningKey,
    UpdateStrategy,
)
from api.meta import Condition, LabelSelector, LocalObjectReference
from api.names import STALLED
from controllers.git.objects.commits import Author, Signer
from controllers.git.protocol.refspec import RefUpdate
from controllers.runtime.key import key_of
from controllers.runtime.reconcile.outcome import Ready
from testing.automation_harness import FULL_RUN_CALLS, INTERVAL, MAIN, NEW_WEB, WEB, AutomationHarness, manifest
from testing.builders import git_repository, git_spec, image_policy, secret
from testing.clock import START


async def test_update_is_committed_pushed_recorded_and_reported(harness: AutomationHarness) -> None:
    before = harness.tip()
    end = await harness.reconcile(new_generation=True)
    commit = harness.tip()
    assert harness.git.calls == [*FULL_RUN_CALLS, "commit", "push"]
    assert harness.git.files_of(MAIN) == {"web.yaml": manifest("1.1.0"), "README.md": b"# fleet\n"}
    (pushed,) = harness.git.pushes
    assert (pushed.updates, pushed.options, pushed.force) == ((RefUpdate(MAIN, commit, before),), {}, False)
    text = f"committed and pushed commit '{commit}' to branch 'main'"
    assert end == Ready(text, requeue_after=INTERVAL, event=f"{text}\nUpdate from image update automation")
    assert harness.status == ImageUpdateAutomationStatus(
        last_automation_run_time=START,
        last_push_commit=commit,
        last_push_time=START,
        observed_policies={"web": WEB},
        observed_source_revision=f"main@sha1:{commit}",
    )


async def test_commit_is_the_authors_with_the_rendered_message(harness: AutomationHarness) -> None:
    commit = CommitSpec(
        author=CommitUser(name="Bot", email="bot@example.com"),
        message_template="{{ .AutomationObject }}:{{ range .Changed.Changes }} {{.NewValue}}{{ end }} {{ .Values.x }}",
        message_template_values={"x": "night"},
    )
    harness.spec(git=git_spec(commit=commit))
    end = await harness.reconcile(after=INTERVAL)
    made = harness.git.commits[harness.tip()]
    assert (made.author, made.when, made.signer) == (Author("bot@example.com", "Bot"), START + INTERVAL, None)
    assert made.message == "apps/fleet: x/web:1.1.0 night"
    assert end.event is not None
    assert end.event.endswith("\napps/fleet: x/web:1.1.0 night")


async def test_message_links_to_what_changed_between_the_images(harness: AutomationHarness) -> None:
    source, old, new = "https://github.com/x/web", "a" * 40, "b" * 40
    harness.choose(
        "web",
        WEB,
        ImageSource(tag="1.1.0", source=source, revision=new),
        ImageSource(tag="1.0.5", source=source, revision="c" * 40),
        ImageSource(tag="1.0.0", source=source, revision=old),
    )
    template = "{{ range .Changed.Changes }}{{ .NewValue }}{{ with compareLink . }} {{ . }}{{ end }}{{ end }}"
    harness.spec(git=git_spec(commit=CommitSpec(message_template=template)))
    await harness.reconcile()
    assert harness.git.commits[harness.tip()].message == f"x/web:1.1.0 {source}/compare/{old}...{new}"


async def test_commit_is_signed_with_the_source_s_key(harness: AutomationHarness) -> None:
    class Stamp:
        def sign(self, payload: bytes) -> bytes:
            return b"signed"

    signer: Signer = Stamp()
    harness.git.signers["key"] = signer
    harness.kube.put("secrets", secret("key", git__asc=b"any"))
    signing_key = SigningKey(secret_ref=LocalObjectReference(name="key"))
    harness.spec(git=git_spec(commit=CommitSpec(signing_key=signing_key)))
    await harness.reconcile()
    assert harness.git.commits[harness.tip()].signer is signer


async def test_values_of_a_suspended_policy_are_left_to_people(idle: AutomationHarness) -> None:
    idle.choose("web", WEB, suspend=True)
    theirs = idle.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    end = await idle.reconcile(after=INTERVAL)
    assert (idle.tip(), idle.git.pushes, idle.status.observed_policies) == (theirs, idle.git.pushes[:1], {})
    (finding,) = idle.status.findings
    assert (finding.reason, finding.file, finding.line) == ("PolicySuspended", "web.yaml", 2)
    assert "; left out: web.yaml:2: the marker names ImagePolicy 'apps:web', which is suspended" in end.message
    assert end.warnings == ()
    idle.choose("web", WEB)
    await idle.reconcile(after=2 * INTERVAL)
    assert idle.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")
    assert idle.status.findings == ()


async def test_a_new_spec_is_applied_to_policies_that_the_cache_has_not_received_yet(
    harness: AutomationHarness,
) -> None:
    harness.policies.late = dict(harness.policies)
    harness.policies.clear()
    await harness.reconcile(new_generation=True)
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")


async def test_policies_are_asked_for_at_the_first_run_of_a_spec_only(harness: AutomationHarness) -> None:
    harness.automation = replace(
        harness.automation, metadata=replace(harness.automation.metadata, generation=2, resource_version="17")
    )
    ended = Condition(
        type="Ready", status="False", reason="Failed", message="", last_transition_time=START, observed_generation=1
    )
    harness.automation = replace(harness.automation, status=replace(harness.status, conditions=(ended,)))
    await harness.end(new_generation=True)
    assert harness.policies.lists == ["17", None]
    ended = replace(ended, observed_generation=2)
    harness.automation = replace(harness.automation, status=replace(harness.status, conditions=(ended,)))
    await harness.end(new_generation=True)
    assert harness.policies.lists == ["17", None], "a run that is tried again costs the server no list"


async def test_nothing_changed_takes_one_round_trip(idle: AutomationHarness) -> None:
    before = idle.status
    end = await idle.reconcile(after=INTERVAL)
    assert idle.git.calls == ["list_refs"]
    assert end == Ready(
        f"no updates made; last commit {idle.tip()[:7]} at 2024-01-01T00:00:00Z",
        requeue_after=INTERVAL,
        no_change="no change since last reconciliation",
    )
    assert idle.status == replace(before, last_automation_run_time=START + INTERVAL)


async def test_requested_run_looks_at_the_remote_and_no_further(idle: AutomationHarness) -> None:
    await idle.reconcile(requested=True)
    assert idle.git.calls == ["list_refs"]


async def test_repository_that_was_always_up_to_date_has_no_last_commit(harness: AutomationHarness) -> None:
    harness.git.put(MAIN, {"web.yaml": manifest("1.1.0")})
    end = await harness.reconcile()
    assert end == Ready("no updates made", requeue_after=INTERVAL, no_change="no updates made")
    assert harness.status.observed_source_revision == f"main@sha1:{harness.tip()}"
    assert harness.status.last_push_commit == ""
    assert (await harness.reconcile()).no_change == "no change since last reconciliation"


async def test_somebody_else_s_commit_is_looked_at(idle: AutomationHarness) -> None:
    idle.git.put(MAIN, {"README.md": b"# theirs\n"})
    end = await idle.reconcile()
    assert idle.git.calls == FULL_RUN_CALLS
    assert end.message.startswith("no updates made; last commit")
    assert idle.status.observed_source_revision == f"main@sha1:{idle.tip()}"


async def test_marked_value_that_somebody_set_back_is_updated_again(idle: AutomationHarness) -> None:
    idle.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    await idle.reconcile()
    assert idle.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")


async def test_policy_that_moved_is_applied(idle: AutomationHarness) -> None:
    idle.choose("web", NEW_WEB)
    await idle.reconcile()
    assert idle.git.files_of(MAIN)["web.yaml"] == manifest("1.2.0")
    assert idle.status.observed_policies == {"web": NEW_WEB}


async def test_policy_that_lost_its_image_is_no_longer_observed(idle: AutomationHarness) -> None:
    idle.choose("web", None)
    await idle.reconcile()
    assert idle.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")
    assert idle.status.observed_policies == {}


def _new_generation(_: AutomationHarness) -> dict[str, Any]:
    return {"new_generation": True}


def _stalled(harness: AutomationHarness) -> dict[str, Any]:
    stalled = Condition(type=STALLED, status="True", reason="AccessDenied", message="", last_transition_time=START)
    harness.automation = replace(harness.automation, status=replace(harness.status, conditions=(stalled,)))
    return {}


def _other_policy(harness: AutomationHarness) -> dict[str, Any]:
    harness.choose("api", ImageRef(name="x/api", tag="1"))
    return {}


def _refspec(harness: AutomationHarness) -> dict[str, Any]:
    harness.push_to(refspec=f"{MAIN}:refs/heads/copy")
    return {}


def _named_checkout(harness: AutomationHarness) -> dict[str, Any]:
    harness.put(git_repository(ref=GitRepositoryRef(branch="main", name=MAIN)))
    return {}


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(_new_generation, id="new-generation"),
        pytest.param(_stalled, id="generation-that-stalled-before-it-was-applied"),
        pytest.param(_other_policy, id="another-policy-has-an-image"),
        pytest.param(_refspec, id="refspec"),
        pytest.param(_named_checkout, id="checkout-by-name"),
    ],
)
async def test_files_are_read_though_the_revision_is_unchanged(
    idle: AutomationHarness, prepare: Callable[[AutomationHarness], dict[str, Any]]
) -> None:
    await idle.reconcile(**prepare(idle))
    assert [call for call in idle.git.calls if call != "list_refs"] == FULL_RUN_CALLS[1:]
    assert idle.git.calls.count("list_refs") == 1


async def test_only_selected_policies_are_used(harness: AutomationHarness) -> None:
    harness.spec(policy_selector=LabelSelector(match_labels={"app": "web"}))
    await harness.reconcile()
    assert harness.git.pushes == []
    web = image_policy("web", latest=WEB, labels={"app": "web"})
    harness.policies[key_of(web)] = web
    await harness.reconcile()
    assert harness.status.observed_policies == {"web": WEB}


async def test_only_files_below_the_path_are_updated(harness: AutomationHarness) -> None:
    harness.git.put(MAIN, {"apps/web.yaml": manifest("1.0.0"), "apps-old/web.yaml": manifest("1.0.0")})
    harness.spec(update=UpdateStrategy(path="./apps/"))
    await harness.reconcile()
    files = harness.git.files_of(MAIN)
    assert files["apps/web.yaml"] == manifest("1.1.0")
    assert files["web.yaml"] == files["apps-old/web.yaml"] == manifest("1.0.0")


async def test_edit_of_a_symbolic_link_goes_to_its_target(harness: AutomationHarness) -> None:
    target = manifest("1.0.0")
    harness.git.replace_history(MAIN, {"apps/web.yaml": target, "shared/web.txt": target})
    harness.git.links["apps/web.yaml"] = "shared/web.txt"
    harness.spec(update=UpdateStrategy(path="apps"))
    await harness.reconcile()
    assert harness.git.files_of(MAIN) == {"apps/web.yaml": target, "shared/web.txt": manifest("1.1.0")}


async def test_edits_that_change_no_file_push_nothing(harness: AutomationHarness) -> None:
    target = manifest("1.0.0")
    harness.git.replace_history(MAIN, {"apps/web.yaml": target, "shared/web.txt": manifest("1.1.0")})
    harness.git.links["apps/web.yaml"] = "shared/web.txt"
    end = await harness.reconcile()
    assert (end.message, harness.git.pushes) == ("no updates made", [])
