"""`controllers.imageupdateautomation`: the life of a pull request, from a new image to its end, run by run."""

import pytest

from api.imagepolicy import ImageRef
from controllers.forge.model import State
from controllers.pullrequests.records import MAX_ENDED
from testing.automation_harness import INTERVAL, MAIN, NEW_WEB, AutomationHarness, manifest
from testing.pull_requests import BRANCH, HEAD, URL, ask, human_commit

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
