"""`controllers.imageupdateautomation`: the life of pull requests, run by run."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.imagepolicy import ImageRef
from api.imageupdateautomation import CommitSpec, CommitUser, SigningKey
from api.meta import LocalObjectReference
from api.pullrequest import AutoMerge, PullRequestSpec
from controllers.forge.errors import AuthenticationFailed, Forbidden, RateLimited, Refused
from controllers.forge.model import MergeMethod, State, Warned
from controllers.git.errors import PushRejected, Unreachable
from controllers.git.objects.commits import Signer
from controllers.imageupdateautomation.outcomes import (
    GIT_OPERATION_FAILED,
    INVALID_PULL_REQUEST_BRANCH,
    PULL_REQUEST_FAILED,
)
from controllers.pullrequests.recording import RecordingForge
from controllers.pullrequests.records import MAX_ENDED
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.outcome import Retry, Stalled
from controllers.update.editor import Editor
from controllers.update.work import Edit, MarkedTree, Work
from testing.automation_harness import INTERVAL, MAIN, NEW_WEB, AutomationHarness, manifest
from testing.builders import git_spec, secret

HEAD = "tagline/apps-fleet"
BRANCH = f"refs/heads/{HEAD}"
URL = "https://git.example/org/fleet/pulls/1"
API = ImageRef(name="x/api", tag="2.0.0")


@pytest.fixture
def offering(harness: AutomationHarness) -> AutomationHarness:
    """One that offers pull requests; none was made yet."""
    ask(harness)
    return harness


def ask(harness: AutomationHarness, **pull_request: Any) -> None:
    spec = PullRequestSpec(**{"forge": "gitea", **pull_request})
    harness.spec(git=replace(git_spec(), pull_request=spec))
    harness.allow_token()


def with_two_policies(harness: AutomationHarness, **pull_request: Any) -> None:
    harness.git.put(MAIN, {"apps/api.yaml": manifest("1.0.0", marker="apps:api").replace(b"x/web", b"x/api")})
    harness.choose("api", API)
    ask(harness, **pull_request)


def human_commit(harness: AutomationHarness, branch: str = BRANCH) -> str:
    return harness.git.put(branch, {"human.md": b"mine\n"})


# From a new image to a merge.


async def test_new_image_is_offered_and_the_base_is_left_alone(offering: AutomationHarness) -> None:
    main = offering.tip()
    end = await offering.reconcile()
    entry = offering.forge.only()
    assert (entry.head, entry.base, offering.tip()) == (HEAD, "main", main)
    assert offering.git.files_of(BRANCH)["web.yaml"] == manifest("1.1.0")
    assert offering.git.commits[offering.tip(BRANCH)].parent == main
    assert end.event == f"opened pull request #1 (from {HEAD} to main): {URL}"
    (record,) = offering.status.pull_requests
    assert (record.number, record.url, record.branch, record.state) == (1, URL, HEAD, "Open")
    assert (record.head, record.policies, record.message) == (offering.tip(BRANCH), ("web",), "")
    assert offering.status.last_push_commit == offering.tip(BRANCH)


async def test_title_and_body_say_what_changes_and_why(offering: AutomationHarness) -> None:
    await offering.reconcile()
    desired = offering.forge.desired[1]
    assert desired.title == "Update web to 1.1.0"
    assert "| `x/web` | `1.0.0` | `1.1.0` |  |" in desired.body
    assert "Files: `web.yaml:2`" in desired.body
    assert "`apps/fleet`" in desired.body


async def test_quiet_run_lists_once_and_writes_nothing(offering: AutomationHarness) -> None:
    await offering.reconcile()
    offering.forge.calls.clear()
    end = await offering.reconcile(after=INTERVAL)
    assert (offering.forge.calls, len(offering.git.pushes)) == (["list_open"], 1)
    assert (end.event, end.no_change) == (None, f"1 pull request is open: #1 {URL}")


async def test_newer_image_updates_the_pull_request_in_place(offering: AutomationHarness) -> None:
    await offering.reconcile()
    first = offering.tip(BRANCH)
    offering.choose("web", NEW_WEB)
    end = await offering.reconcile(after=INTERVAL)
    assert offering.forge.open_heads() == [HEAD]
    assert offering.forge.only().title == "Update web to 1.2.0"
    assert offering.git.files_of(BRANCH)["web.yaml"] == manifest("1.2.0")
    assert offering.git.pushes[-1].updates[0].expected == first
    assert end.event is not None
    assert end.event.startswith("updated pull request #1")


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("delete", [False, True])
async def test_merged_one_is_recorded_and_the_next_image_gets_a_new_one(
    offering: AutomationHarness, squash: bool, delete: bool
) -> None:
    await offering.reconcile()
    offering.forge.merge(1, squash=squash, delete=delete)
    end = await offering.reconcile(after=INTERVAL)
    assert end.event == f"pull request #1 was merged: {URL}"
    assert [(one.number, one.state) for one in offering.status.pull_requests] == [(1, "Merged")]
    quiet = await offering.reconcile(after=2 * INTERVAL)
    assert (quiet.event, offering.forge.open_heads()) == (None, [])
    offering.choose("web", NEW_WEB)
    await offering.reconcile(after=3 * INTERVAL)
    assert offering.forge.only().number == 2
    assert offering.git.files_of(BRANCH)["web.yaml"] == manifest("1.2.0")


async def test_moot_one_is_closed_and_its_branch_goes(offering: AutomationHarness) -> None:
    await offering.reconcile()
    offering.git.put(MAIN, {"web.yaml": manifest("1.1.0")})
    end = await offering.reconcile(after=INTERVAL)
    assert offering.forge.only(State.CLOSED).number == 1
    assert BRANCH not in offering.git.refs
    assert end.event is not None
    assert end.event.startswith("closed pull request #1")
    assert [one.state for one in offering.status.pull_requests] == ["Closed"]
    offering.choose("web", NEW_WEB)
    await offering.reconcile(after=2 * INTERVAL)
    assert offering.forge.only().number == 2


# People.


async def test_human_commit_is_kept_and_said_once(offering: AutomationHarness) -> None:
    await offering.reconcile()
    theirs = human_commit(offering)
    offering.choose("web", NEW_WEB)
    end = await offering.reconcile(after=INTERVAL)
    assert (offering.tip(BRANCH), len(offering.git.pushes)) == (theirs, 1)
    ((reason, message),) = end.warnings
    assert reason == "ForeignCommit"
    assert message.startswith(f"#1 has commit {theirs[:8]} by Someone, and is left alone")
    assert message.endswith(URL)
    (record,) = offering.status.pull_requests
    assert (record.state, "left alone" in record.message) == ("Open", True)
    again = await offering.reconcile(after=2 * INTERVAL)
    assert (again.warnings, again.event, offering.tip(BRANCH)) == ((), None, theirs)


async def test_commit_of_ours_that_a_person_amended_is_theirs(offering: AutomationHarness) -> None:
    await offering.reconcile()
    ours = offering.git.commits[offering.tip(BRANCH)]
    theirs = offering.git.replace_history(BRANCH, {"web.yaml": manifest("1.1.0"), "also.md": b"x"})
    offering.git.commits[theirs] = ours
    offering.choose("web", NEW_WEB)
    await offering.reconcile(after=INTERVAL)
    assert offering.tip(BRANCH) == theirs


async def test_declined_content_is_not_offered_again_but_a_newer_image_is(offering: AutomationHarness) -> None:
    await offering.reconcile()
    offering.forge.decline(1)
    end = await offering.reconcile(after=INTERVAL)
    assert end.event == f"pull request #1 was closed without being merged: {URL}"
    assert [reason for reason, _ in end.warnings] == ["PullRequestDeclined"]
    for run in range(2, 5):
        quiet = await offering.reconcile(after=run * INTERVAL)
        assert (quiet.warnings, offering.forge.open_heads()) == ((), [])
    offering.choose("web", NEW_WEB)
    await offering.reconcile(after=5 * INTERVAL)
    assert (offering.forge.only().number, offering.forge.only().title) == (2, "Update web to 1.2.0")


async def test_declined_ones_are_said_once_however_many_there_are(harness: AutomationHarness) -> None:
    count = MAX_ENDED + 3
    for i in range(count):
        harness.git.put(MAIN, {f"{i}.yaml": manifest("1.0.0", marker=f"apps:p{i}").replace(b"x/web", b"x/p%d" % i)})
        harness.choose(f"p{i}", ImageRef(name=f"x/p{i}", tag="2.0.0"))
    harness.choose("web", None)
    ask(harness, group_by="policy")
    await harness.reconcile()
    for number in range(1, count + 1):
        harness.forge.decline(number)
    first = await harness.reconcile(after=INTERVAL)
    assert len(first.warnings) == count
    for run in range(2, 4):
        quiet = await harness.reconcile(after=run * INTERVAL)
        assert (quiet.warnings, harness.forge.open_heads()) == ((), [])


async def test_declined_content_is_offered_again_where_that_is_asked_for(offering: AutomationHarness) -> None:
    await offering.reconcile()
    offering.forge.decline(1)
    ask(offering, recreate_closed=True)
    await offering.reconcile(after=INTERVAL)
    assert offering.forge.only().number == 2


async def test_branch_that_somebody_deleted_is_there_again(offering: AutomationHarness) -> None:
    await offering.reconcile()
    offering.git.refs.pop(BRANCH)
    await offering.reconcile(after=INTERVAL)
    assert offering.git.files_of(BRANCH)["web.yaml"] == manifest("1.1.0")
    assert offering.forge.open_heads() == [HEAD]


# The base.


@pytest.mark.parametrize(
    ("rebase", "path", "is_rebased"),
    [
        pytest.param("conflicted", "README.md", False, id="other-file"),
        pytest.param("conflicted", "web.yaml", True, id="same-file"),
        pytest.param("always", "README.md", True, id="always"),
        pytest.param("never", "web.yaml", False, id="never"),
    ],
)
async def test_moved_base(offering: AutomationHarness, rebase: str, path: str, is_rebased: bool) -> None:
    ask(offering, rebase=rebase)
    await offering.reconcile()
    before = offering.tip(BRANCH)
    main = offering.git.put(MAIN, {path: b"# new line\n" + offering.git.files_of(MAIN)[path]})
    await offering.reconcile(after=INTERVAL)
    if is_rebased:
        assert offering.git.commits[offering.tip(BRANCH)].parent == main
        assert offering.git.files_of(BRANCH)[path] == offering.git.files_of(MAIN)[path].replace(b"1.0.0", b"1.1.0")
    else:
        assert offering.tip(BRANCH) == before


@pytest.mark.parametrize(("rebase", "fetches"), [("conflicted", 2), ("never", 1)])
async def test_former_base_is_fetched_only_to_find_conflicts(
    offering: AutomationHarness, rebase: str, fetches: int
) -> None:
    ask(offering, rebase=rebase)
    await offering.reconcile()
    offering.git.put(MAIN, {"README.md": b"# new\n"})
    await offering.reconcile(after=INTERVAL)
    assert offering.git.calls.count("fetch") == fetches


# Groups.


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


# Crashes, races and faults.


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
        await offering.end(leader_check=lose)
    assert (offering.git.pushes, offering.forge.entries) == ([], {})
    checks = iter([None, LostLeadership()])

    def lose_later() -> None:
        if error := next(checks):
            raise error

    with pytest.raises(LostLeadership):
        await offering.end(leader_check=lose_later)
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


# The spec.


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


def _crash() -> None:
    raise ZeroDivisionError
