"""`controllers.imageupdateautomation`: where a run starts and pushes to, and what happens when others are faster."""

from collections.abc import Callable
from typing import Any

import pytest

from api.gitrepository import GitRepositoryRef
from api.imageupdateautomation import GitCheckoutSpec, ImageUpdateAutomationStatus, PushSpec
from controllers.git.errors import RefMoved
from controllers.git.protocol.refspec import ANY, RefUpdate
from controllers.imageupdateautomation.reconciler import MAX_PUSH_ATTEMPTS
from controllers.runtime.reconcile.outcome import Retry
from testing.automation_harness import AUTO, FULL_RUN_CALLS, INTERVAL, MAIN, NEW_WEB, AutomationHarness, manifest
from testing.builders import GIT_URL, git_repository, git_spec
from testing.clock import START

# Where it starts from and where it pushes to.


async def test_push_branch_is_made_from_the_checkout(harness: AutomationHarness) -> None:
    harness.push_to(branch="auto")
    main = harness.tip()
    end = await harness.reconcile()
    commit = harness.tip(AUTO)
    (pushed,) = harness.git.pushes
    assert (pushed.updates, pushed.force) == ((RefUpdate(AUTO, commit, None),), True)
    assert (harness.tip(), harness.git.commits[commit].parent) == (main, main)
    assert end.message == f"committed and pushed commit '{commit}' to branch 'auto'"
    assert harness.status.observed_source_revision == f"main@sha1:{main}"


async def test_push_branch_that_exists_is_added_to(harness: AutomationHarness) -> None:
    theirs = harness.git.replace_history(AUTO, {"web.yaml": manifest("0.9.0"), "note.md": b"kept\n"})
    harness.push_to(branch="auto")
    await harness.reconcile()
    (pushed,) = harness.git.pushes
    assert pushed.updates == (RefUpdate(AUTO, harness.tip(AUTO), theirs),)
    assert harness.git.files_of(AUTO) == {"web.yaml": manifest("1.1.0"), "note.md": b"kept\n"}


async def test_push_branch_that_is_up_to_date_stays(harness: AutomationHarness) -> None:
    harness.push_to(branch="auto")
    await harness.reconcile()
    harness.git.put(MAIN, {"README.md": b"# theirs\n"})
    end = await harness.reconcile()
    assert (len(harness.git.pushes), harness.git.calls) == (1, FULL_RUN_CALLS)
    assert end.message.startswith("no updates made; last commit")


async def test_push_branch_that_was_merged_and_deleted_is_made_anew(harness: AutomationHarness) -> None:
    harness.push_to(branch="auto")
    await harness.reconcile()
    harness.git.refs[MAIN] = harness.git.refs.pop(AUTO)
    await harness.reconcile()
    assert AUTO not in harness.git.refs
    harness.choose("web", NEW_WEB)
    await harness.reconcile()
    assert harness.git.files_of(AUTO)["web.yaml"] == manifest("1.2.0")
    assert harness.git.pushes[-1].updates[0].expected is None


async def test_push_to_the_checkout_branch_by_name_does_not_force(harness: AutomationHarness) -> None:
    harness.push_to(branch="main")
    await harness.reconcile()
    (pushed,) = harness.git.pushes
    assert not pushed.force
    assert harness.status.observed_source_revision == f"main@sha1:{harness.tip()}"


async def test_push_branch_is_made_anew_when_that_gate_is_closed(harness: AutomationHarness) -> None:
    harness.gate(continue_branch=False)
    theirs = harness.git.replace_history(AUTO, {"web.yaml": manifest("0.9.0"), "note.md": b"lost\n"})
    harness.push_to(branch="auto")
    await harness.reconcile()
    (pushed,) = harness.git.pushes
    assert (pushed.updates, pushed.force) == ((RefUpdate(AUTO, harness.tip(AUTO), theirs),), True)
    assert harness.git.files_of(AUTO) == {"web.yaml": manifest("1.1.0"), "README.md": b"# fleet\n"}
    end = await harness.reconcile(after=INTERVAL)
    assert (len(harness.git.pushes), end.event) == (1, None)
    harness.git.put(MAIN, {"README.md": b"# theirs\n"})
    await harness.reconcile(after=2 * INTERVAL)
    assert harness.git.commits[harness.tip(AUTO)].parent == harness.tip()


async def test_push_branch_is_not_forced_when_that_gate_is_closed(harness: AutomationHarness) -> None:
    harness.gate(force_push=False)
    harness.push_to(branch="auto")
    await harness.reconcile()
    assert [pushed.force for pushed in harness.git.pushes] == [False]


async def test_checkout_goes_before_the_git_repository_s_reference(harness: AutomationHarness) -> None:
    harness.git.replace_history("refs/heads/dev", {"web.yaml": manifest("0.1.0")})
    harness.spec(git=git_spec(checkout=GitCheckoutSpec(ref=GitRepositoryRef(branch="dev"))))
    await harness.reconcile()
    assert harness.git.files_of("refs/heads/dev")["web.yaml"] == manifest("1.1.0")
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("1.0.0")


async def test_semver_checkout_starts_from_the_greatest_tag(harness: AutomationHarness) -> None:
    for name in ("v1.2.0", "v1.10.0", "v2.0.0", "nightly"):
        harness.git.replace_history(f"refs/tags/{name}", {"web.yaml": manifest("0.1.0"), "name": name.encode()})
    checkout = GitCheckoutSpec(ref=GitRepositoryRef(semver="1.x"))
    harness.spec(git=git_spec(checkout=checkout, push=PushSpec(branch="auto")))
    await harness.reconcile()
    assert harness.git.files_of(AUTO) == {"web.yaml": manifest("1.1.0"), "name": b"v1.10.0"}
    assert harness.status.observed_source_revision == f"v1.10.0@sha1:{harness.tip('refs/tags/v1.10.0')}"


@pytest.mark.parametrize(
    ("range_", "text"),
    [
        pytest.param("9.x", "no match found for semver: 9.x", id="no-tag-in-it"),
        pytest.param("new", "semver 'new' is not a range of versions: improper constraint: \"new\"", id="that-is-none"),
    ],
)
async def test_semver_range_without_a_tag(harness: AutomationHarness, range_: str, text: str) -> None:
    harness.git.replace_history("refs/tags/v1.0.0", {})
    checkout = GitCheckoutSpec(ref=GitRepositoryRef(semver=range_))
    harness.spec(git=git_spec(checkout=checkout, push=PushSpec(branch="auto")))
    end = await harness.fail(Retry)
    assert end.message == f"failed to checkout source: unable to clone '{GIT_URL}': {text}"


async def test_checkout_by_name_asks_for_that_reference(harness: AutomationHarness) -> None:
    pull = "refs/pull/7/head"
    harness.git.replace_history(pull, {"web.yaml": manifest("0.1.0")})
    harness.put(git_repository(ref=GitRepositoryRef(name=pull)))
    harness.push_to(branch="auto")
    await harness.reconcile()
    assert harness.git.extra_refs == [(pull,)]
    assert harness.status.observed_source_revision == f"7/head@sha1:{harness.tip(pull)}"


@pytest.mark.parametrize(
    ("push", "refs", "force", "text"),
    [
        pytest.param(
            {"refspec": f"{MAIN}:refs/heads/copy"},
            (MAIN, "refs/heads/copy"),
            False,
            f"to branch 'main' and refspecs '{MAIN}:refs/heads/copy'",
            id="refspec",
        ),
        pytest.param(
            {"refspec": f"+{MAIN}:refs/for/main"},
            (MAIN, "refs/for/main"),
            True,
            f"to branch 'main' and refspecs '+{MAIN}:refs/for/main'",
            id="forced-refspec",
        ),
        pytest.param(
            {"branch": "auto", "refspec": f"{AUTO}:refs/for/main"},
            (AUTO, "refs/for/main"),
            True,
            f"to branch 'auto' and refspecs '{AUTO}:refs/for/main'",
            id="branch-and-refspec",
        ),
    ],
)
async def test_refspec_is_pushed_beside_the_branch(
    harness: AutomationHarness, push: dict[str, Any], refs: tuple[str, ...], force: bool, text: str
) -> None:
    harness.push_to(**push)
    end = await harness.reconcile()
    (pushed,) = harness.git.pushes
    assert tuple(update.ref for update in pushed.updates) == refs
    assert {harness.tip(ref) for ref in refs} == {harness.status.last_push_commit}
    assert (pushed.updates[1].expected, pushed.force) == (ANY, force)
    assert end.message.endswith(text)


async def test_push_options_are_sent(harness: AutomationHarness) -> None:
    harness.push_to(options={"ci.skip": "true"})
    await harness.reconcile()
    assert [pushed.options for pushed in harness.git.pushes] == [{"ci.skip": "true"}]


# Lost races.


def theirs(harness: AutomationHarness, number: int) -> Callable[[], object]:
    return lambda: harness.git.put(MAIN, {f"theirs-{number}": b"kept"})


@pytest.mark.parametrize(
    ("losses", "text"),
    [
        pytest.param(0, "", id="none"),
        pytest.param(1, " after 1 retry", id="one"),
        pytest.param(MAX_PUSH_ATTEMPTS - 1, f" after {MAX_PUSH_ATTEMPTS - 1} retries", id="as-many-as-are-tried"),
    ],
)
async def test_lost_race_is_applied_again_on_the_new_tip(harness: AutomationHarness, losses: int, text: str) -> None:
    harness.git.before_push += [theirs(harness, number) for number in range(losses)]
    end = await harness.reconcile()
    assert end.message == f"committed and pushed commit '{harness.tip()}' to branch 'main'{text}"
    files = harness.git.files_of(MAIN)
    assert files["web.yaml"] == manifest("1.1.0")
    assert [name for name in files if name.startswith("theirs")] == [f"theirs-{number}" for number in range(losses)]
    assert harness.status.observed_source_revision == f"main@sha1:{harness.tip()}"
    assert len(harness.git.pushes) == losses + 1


async def test_race_that_is_lost_every_time_is_given_up(harness: AutomationHarness) -> None:
    harness.git.before_push += [theirs(harness, number) for number in range(MAX_PUSH_ATTEMPTS + 1)]
    end = await harness.fail(Retry)
    assert (end.reason, end.message) == (
        "GitOperationFailed",
        f"failed to update source: failed to push to remote: {MAIN} moved meanwhile (5 times in a row)",
    )
    assert len(harness.git.pushes) == MAX_PUSH_ATTEMPTS == 5
    assert harness.status == ImageUpdateAutomationStatus(last_automation_run_time=START)


async def test_race_lost_to_the_same_update_ends_without_a_commit(harness: AutomationHarness) -> None:
    harness.git.before_push.append(lambda: harness.git.put(MAIN, {"web.yaml": manifest("1.1.0")}))
    end = await harness.reconcile()
    assert (end.message, len(harness.git.pushes)) == ("no updates made", 1)
    assert harness.status.observed_source_revision == f"main@sha1:{harness.tip()}"


@pytest.mark.parametrize("method", ["fetch", "find_files", "commit", "push"])
async def test_commit_that_is_gone_when_it_is_needed_is_looked_for_again(
    harness: AutomationHarness, method: str
) -> None:
    harness.git.failures[method].append(RefMoved("the branch was rewritten"))
    end = await harness.reconcile()
    assert end.message.endswith("to branch 'main' after 1 retry")


@pytest.mark.parametrize(("others", "looks"), [pytest.param(False, 1, id="alone"), pytest.param(True, 2, id="waited")])
async def test_what_was_seen_before_waiting_for_another_writer_is_looked_at_again(
    harness: AutomationHarness, others: bool, looks: int
) -> None:
    await harness.reconcile()
    harness.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    harness.git.has_other_writers = others
    await harness.reconcile()
    assert harness.git.calls.count("list_refs") == looks
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")


async def test_leadership_is_checked_again_for_each_push(harness: AutomationHarness) -> None:
    harness.git.before_push.append(theirs(harness, 0))
    checks: list[int] = []
    await harness.reconcile(check=lambda: checks.append(len(harness.git.pushes)))
    assert checks == [0, 1]
