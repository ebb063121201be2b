"""`controllers.imageupdateautomation`: obstacles of a run, by reason, text, and time of the next attempt."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.gitrepository import GitRepositoryRef
from api.imageupdateautomation import CommitSpec, ImageUpdateAutomationStatus, PushSpec, SourceReference, UpdateStrategy
from api.meta import LabelSelector, LabelSelectorRequirement, LocalObjectReference
from api.pullrequest import PullRequestSpec
from controllers.git.errors import (
    AuthenticationFailed,
    BadSigningKey,
    CacheFailed,
    DeadlineExceeded,
    GitError,
    PathMissing,
    PathOutside,
    PushRejected,
    RefNotFound,
    RepositoryNotFound,
    RepositoryTooLarge,
    Unreachable,
)
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.outcome import SECRET_RETRY, Retry, Stalled
from testing.automation_harness import FULL_RUN_CALLS, INTERVAL, MAIN, NEW_WEB, AutomationHarness, manifest
from testing.builders import GIT_URL, git_repository, git_spec
from testing.clock import START
from testing.loop_holds import measure_holds

UNABLE = f"unable to clone '{GIT_URL}'"


@pytest.mark.parametrize(
    ("method", "failure", "message"),
    [
        pytest.param(
            "list_refs",
            AuthenticationFailed("401 Unauthorized", error_context=UNABLE),
            f"failed to checkout source: {UNABLE}: 401 Unauthorized",
            id="login-refused",
        ),
        pytest.param(
            "list_refs",
            RepositoryNotFound("repository not found", error_context=UNABLE),
            f"failed to checkout source: {UNABLE}: repository not found",
            id="no-repository",
        ),
        pytest.param(
            "list_refs",
            Unreachable("connection refused", error_context=UNABLE),
            f"failed to checkout source: {UNABLE}: connection refused",
            id="unreachable",
        ),
        pytest.param(
            "fetch",
            RefNotFound("object not found", error_context=UNABLE),
            f"failed to checkout source: {UNABLE}: object not found",
            id="no-commit",
        ),
        pytest.param(
            "fetch",
            DeadlineExceeded("no answer in 60s"),
            "failed to checkout source: no answer in 60s",
            id="fetch-too-slow",
        ),
        pytest.param(
            "find_files",
            RepositoryTooLarge("more than 100000 files"),
            "failed to checkout source: more than 100000 files",
            id="files",
        ),
        pytest.param("commit", CacheFailed("disk full"), "failed to update source: disk full", id="disk-full"),
        pytest.param("commit", BadSigningKey("key expired"), "failed to update source: key expired", id="signing-key"),
        pytest.param(
            "commit",
            PathMissing("web.yaml"),
            "failed to update source: web.yaml: no such file or directory in the repository",
            id="file-vanished",
        ),
        pytest.param(
            "push",
            PushRejected("pre-receive hook declined"),
            "failed to update source: failed to push to remote: pre-receive hook declined",
            id="push-rejected",
        ),
        pytest.param(
            "push",
            AuthenticationFailed("403 Forbidden", error_context="unable to push"),
            "failed to update source: failed to push to remote: unable to push: 403 Forbidden",
            id="push-forbidden",
        ),
    ],
)
async def test_git_that_fails_is_tried_again(
    harness: AutomationHarness, method: str, failure: GitError, message: str
) -> None:
    harness.git.failures[method].append(failure)
    end = await harness.fail(Retry)
    assert (end.reason, end.message) == ("GitOperationFailed", message)
    assert end.retry_after is None
    assert harness.git.calls.count(method) == 1
    assert harness.status == ImageUpdateAutomationStatus(last_automation_run_time=START)
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("1.0.0")


@pytest.mark.parametrize("method", ["list_refs", "fetch", "push"])
async def test_server_that_asks_to_wait_is_waited_for(harness: AutomationHarness, method: str) -> None:
    harness.git.failures[method].append(Unreachable("429", retry_after=timedelta(seconds=70)))
    end = await harness.fail(Retry)
    assert end.retry_after == timedelta(seconds=70)


async def test_failed_run_keeps_what_was_observed_and_is_made_good(idle: AutomationHarness) -> None:
    observed = idle.status
    idle.choose("web", NEW_WEB)
    idle.git.failures["push"].append(PushRejected("hook declined"))
    await idle.fail(Retry, after=INTERVAL)
    assert idle.status == replace(observed, last_automation_run_time=START + INTERVAL)
    await idle.reconcile(after=2 * INTERVAL)
    assert idle.git.files_of(MAIN)["web.yaml"] == manifest("1.2.0")


async def test_branch_that_is_not_there(harness: AutomationHarness) -> None:
    harness.put(git_repository(ref=GitRepositoryRef(branch="gone")))
    end = await harness.fail(Retry)
    assert (end.reason, end.message) == (
        "GitOperationFailed",
        f'failed to checkout source: {UNABLE}: couldn\'t find remote ref "refs/heads/gone"',
    )


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        pytest.param(
            GitRepositoryRef(branch="main", commit="deadbeef"), "'deadbeef' is not the whole hash", id="short"
        ),
        pytest.param(GitRepositoryRef(branch="main", commit="main"), "'main' is not the whole hash", id="branch"),
        pytest.param(
            GitRepositoryRef(branch="main", semver="9.x"), "no match found for semver: 9.x", id="semver-without-match"
        ),
        pytest.param(
            GitRepositoryRef(branch="main", semver=">>1"), "semver '>>1' is not a range of versions: ", id="bad-semver"
        ),
        pytest.param(
            GitRepositoryRef(branch="refs/heads/main"), "ref.branch takes the short name: write 'main'", id="full-name"
        ),
    ],
)
async def test_reference_that_cannot_be_checked_out_says_what_to_write(
    harness: AutomationHarness, ref: GitRepositoryRef, text: str
) -> None:
    harness.put(git_repository(ref=ref))
    end = await harness.fail(Retry)
    assert end.message.startswith("failed to checkout source: ")
    assert text in end.message


@pytest.mark.parametrize("ref", [None, GitRepositoryRef(), GitRepositoryRef(tag="v1")], ids=["none", "empty", "tag"])
async def test_branch_that_nobody_named_is_not_pushed_to(
    harness: AutomationHarness, ref: GitRepositoryRef | None
) -> None:
    harness.git.put("refs/heads/master", {"web.yaml": manifest("1.0.0")})
    harness.git.put("refs/tags/v1", {"web.yaml": manifest("1.0.0")})
    harness.put(git_repository(ref=ref))
    end = await harness.fail(Retry)
    why = "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
    assert (end.reason, end.message) == ("SourceManagerFailed", f"failed configuring source manager: {why}")
    assert harness.git.files_of("refs/heads/master")["web.yaml"] == manifest("1.0.0")
    harness.push_to(branch="master")
    await harness.reconcile()
    assert harness.git.files_of("refs/heads/master")["web.yaml"] == manifest("1.1.0")


async def test_path_that_is_not_there(harness: AutomationHarness) -> None:
    harness.spec(update=UpdateStrategy(path="./apps"))
    end = await harness.fail(Retry)
    assert (end.reason, end.message) == (
        "UpdateFailed",
        "failed to apply policies: walking path for files: lstat ./apps: no such file or directory",
    )


async def test_path_that_leads_out_by_a_link_may_be_mended_by_a_commit(harness: AutomationHarness) -> None:
    harness.git.failures["find_files"].append(PathOutside("apps"))
    end = await harness.fail(Retry)
    assert (end.reason, end.message) == (
        "UpdateFailed",
        "failed to apply policies: apps: leads out of the repository; give a path inside of it",
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        pytest.param(
            "{{ now }}",
            "failed to update source: unable to create commit message template from spec: "
            'template: commit message:1: function "now" not defined',
            id="unknown-function",
        ),
        pytest.param(
            "{{ .Nope }}",
            "failed to update source: failed to run template from spec: template: commit message:1:3: "
            'executing "commit message" at <.Nope>: can\'t evaluate field Nope in type source.TemplateData',
            id="unknown-field",
        ),
    ],
)
async def test_template_that_fails_pushes_nothing(harness: AutomationHarness, template: str, message: str) -> None:
    harness.spec(git=git_spec(commit=CommitSpec(message_template=template)))
    end = await harness.fail(Retry)
    assert (end.reason, end.message) == ("GitOperationFailed", message)
    assert harness.git.calls == FULL_RUN_CALLS


@pytest.mark.parametrize(
    ("git", "kind", "reason"),
    [
        pytest.param({"commit": CommitSpec(message_template="{{")}, Retry, "GitOperationFailed", id="message"),
        pytest.param(
            {"push": PushSpec(refspec="refs/heads/main")}, Stalled, "InvalidSourceConfiguration", id="refspec"
        ),
        pytest.param(
            {"pull_request": PullRequestSpec(forge="gitea", branch="{{")}, Retry, "GitOperationFailed", id="branch"
        ),
        pytest.param(
            {"pull_request": PullRequestSpec(forge="gitea", title_template="{{")},
            Retry,
            "GitOperationFailed",
            id="title",
        ),
        pytest.param(
            {"pull_request": PullRequestSpec(forge="gitea", body_template="{{ a }}")},
            Retry,
            "GitOperationFailed",
            id="body",
        ),
    ],
)
async def test_a_spec_that_cannot_work_says_so_before_there_is_something_to_push(
    idle: AutomationHarness, git: dict[str, Any], kind: type[Retry | Stalled], reason: str
) -> None:
    idle.allow_token()
    idle.spec(git=git_spec(**git))
    end = await idle.fail(kind, new_generation=True)
    assert end.reason == reason
    assert end.message.startswith("failed to update source: ")
    assert idle.git.pushes[1:] == []


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        pytest.param(
            {"policy_selector": LabelSelector(match_expressions=(LabelSelectorRequirement(key="a", operator="Like"),))},
            "InvalidPolicySelector",
            'failed to parse policy selector: "Like" is not a valid label selector operator',
            id="bad-selector",
        ),
        pytest.param(
            {
                "policy_selector": LabelSelector(
                    match_expressions=(LabelSelectorRequirement(key="a", operator="Exists", values=("b", "c")),)
                )
            },
            "InvalidPolicySelector",
            'failed to parse policy selector: values: Invalid value: ["b","c"]: values set must be empty for exists '
            "and does not exist",
            id="selector-with-needless-values",
        ),
        pytest.param(
            {"update": UpdateStrategy(strategy="Sed")},
            "InvalidUpdateStrategy",
            "unsupported update strategy: Sed",
            id="unknown-strategy",
        ),
        pytest.param(
            {"update": UpdateStrategy(path="../other")},
            "InvalidUpdatePath",
            "failed to apply policies: spec.update.path '../other' leads out of the repository: set it to a folder or "
            "file inside, relative to the root, or leave it out to update the whole repository",
            id="path-leads-out",
        ),
        pytest.param(
            {"git": None},
            "InvalidSourceConfiguration",
            "source kind 'GitRepository' necessitates field .spec.git: invalid source configuration",
            id="no-git",
        ),
        pytest.param(
            {"source_ref": SourceReference(name="fleet", namespace="git")},
            "AccessDenied",
            "can't access 'GitRepository/git/fleet', cross-namespace references have been blocked",
            id="source-in-another-namespace",
        ),
        pytest.param(
            {"git": git_spec(push=PushSpec(refspec="main"))},
            "InvalidSourceConfiguration",
            "failed to update source: refspec 'main': malformed refspec, separators are wrong; "
            "write <source>:<destination>",
            id="malformed-refspec",
        ),
        pytest.param(
            {"git": git_spec(push=PushSpec(refspec="refs/heads/other:refs/heads/copy"))},
            "InvalidSourceConfiguration",
            "failed to update source: refspec 'refs/heads/other:refs/heads/copy': "
            "source 'refs/heads/other' is not a reference of this run",
            id="refspec-of-another-branch",
        ),
        pytest.param(
            {"interval": "9999999h"},
            "InvalidDuration",
            "read duration '9999999h': it is longer than 292 years",
            id="interval-beyond-all-bounds",
        ),
        pytest.param(
            {"policy_change_delay": "9999999h"},
            "InvalidDuration",
            "read duration '9999999h': it is longer than 292 years",
            id="delay-beyond-all-bounds",
        ),
    ],
)
async def test_spec_that_cannot_work_stalls(
    harness: AutomationHarness, spec: dict[str, Any], reason: str, message: str
) -> None:
    harness.spec(**spec)
    end = await harness.fail(Stalled)
    assert (end.reason, end.message) == (reason, message)
    assert harness.git.pushes == []
    assert harness.status == ImageUpdateAutomationStatus(last_automation_run_time=START)


async def test_source_that_is_not_complete_is_looked_for_every_half_minute(harness: AutomationHarness) -> None:
    harness.put(git_repository(secret_ref=LocalObjectReference(name="login")))
    end = await harness.fail(Retry)
    assert (end.reason, end.message) == (
        "SourceManagerFailed",
        "failed configuring source manager: failed to get auth secret 'apps/login': secrets \"login\" not found",
    )
    assert (end.max_delay, harness.git.calls) == (SECRET_RETRY, [])


async def test_process_that_lost_its_lead_pushes_nothing(harness: AutomationHarness) -> None:
    def lost() -> None:
        assert harness.git.calls[-1] == "commit"
        raise LostLeadership

    with pytest.raises(LostLeadership):
        await harness.reconcile(check=lost)
    assert harness.git.pushes == []
    assert harness.status == ImageUpdateAutomationStatus(last_automation_run_time=START)


async def test_durations_out_of_bounds_are_told_and_the_update_goes_on(harness: AutomationHarness) -> None:
    harness.put(git_repository(timeout="600m"))
    harness.spec(interval="0s")
    notes = (
        "; spec.interval 0s counts as 1s, the shortest interval"
        "; spec.timeout of GitRepository 'apps/fleet' 600m counts as 10m0s, the longest timeout"
    )
    end = await harness.reconcile()
    assert end.message == f"committed and pushed commit '{harness.tip()}' to branch 'main'{notes}"
    assert end.requeue_after == timedelta(seconds=1), "else it would be a busy loop"
    harness.git.failures["list_refs"].append(Unreachable("connection refused"))
    failed = await harness.fail(Retry, after=INTERVAL)
    assert failed.message.endswith(notes)


async def test_template_that_takes_all_its_steps_does_not_hold_the_event_loop(harness: AutomationHarness) -> None:
    template = "{{ range until 30000 }}{{ $_ := . | add 1 | add 2 | add 3 }}{{ end }}"
    harness.spec(git=git_spec(commit=CommitSpec(message_template=template)))
    holds = await measure_holds(harness.fail(Retry))
    assert holds.longest < holds.seconds / 3
