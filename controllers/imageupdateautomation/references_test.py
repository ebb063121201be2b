"""Where a run starts from and where it pushes to, and what happens when somebody else is faster."""

from collections.abc import Callable
from typing import Any

import pytest

from api.gitrepository import GitRepositoryRef
from api.imageupdateautomation import GitCheckoutSpec, ImageUpdateAutomationStatus, PushSpec
from controllers.git.errors import Outdated
from controllers.git.protocol.refspec import ANY, Update
from controllers.imageupdateautomation.reconciler import ATTEMPTS
from controllers.runtime.reconcile.run import NotReady
from testing.clock import START
from testing.imageupdateautomation_bench import AUTO, INTERVAL, MAIN, NEW_WEB, WHOLE_RUN, Bench, manifest
from testing.objects import GIT_URL, git_repository, git_spec

# Where it starts from and where it pushes to.


async def test_push_branch_is_made_from_the_checkout(bench: Bench) -> None:
    bench.push_to(branch="auto")
    main = bench.tip()
    end = await bench.reconcile()
    commit = bench.tip(AUTO)
    (pushed,) = bench.git.pushes
    assert (pushed.updates, pushed.force) == ((Update(AUTO, commit, None),), True)
    assert (bench.tip(), bench.git.commits[commit].parent) == (main, main)
    assert end.message == f"committed and pushed commit '{commit}' to branch 'auto'"
    assert bench.status.observed_source_revision == f"main@sha1:{main}"


async def test_push_branch_that_exists_is_added_to(bench: Bench) -> None:
    theirs = bench.git.start(AUTO, {"web.yaml": manifest("0.9.0"), "note.md": b"kept\n"})
    bench.push_to(branch="auto")
    await bench.reconcile()
    (pushed,) = bench.git.pushes
    assert pushed.updates == (Update(AUTO, bench.tip(AUTO), theirs),)
    assert bench.git.files_of(AUTO) == {"web.yaml": manifest("1.1.0"), "note.md": b"kept\n"}


async def test_push_branch_that_is_up_to_date_stays(bench: Bench) -> None:
    bench.push_to(branch="auto")
    await bench.reconcile()
    bench.git.put(MAIN, {"README.md": b"# theirs\n"})
    end = await bench.reconcile()
    assert (len(bench.git.pushes), bench.git.calls) == (1, WHOLE_RUN)
    assert end.message.startswith("no updates made; last commit")


async def test_push_branch_that_was_merged_and_deleted_is_made_anew(bench: Bench) -> None:
    bench.push_to(branch="auto")
    await bench.reconcile()
    bench.git.refs[MAIN] = bench.git.refs.pop(AUTO)
    await bench.reconcile()
    assert AUTO not in bench.git.refs
    bench.choose("web", NEW_WEB)
    await bench.reconcile()
    assert bench.git.files_of(AUTO)["web.yaml"] == manifest("1.2.0")
    assert bench.git.pushes[-1].updates[0].expected is None


async def test_push_to_the_checkout_branch_by_name_does_not_force(bench: Bench) -> None:
    bench.push_to(branch="main")
    await bench.reconcile()
    (pushed,) = bench.git.pushes
    assert not pushed.force
    assert bench.status.observed_source_revision == f"main@sha1:{bench.tip()}"


async def test_push_branch_is_made_anew_when_that_gate_is_closed(bench: Bench) -> None:
    bench.gate(continue_branch=False)
    theirs = bench.git.start(AUTO, {"web.yaml": manifest("0.9.0"), "note.md": b"lost\n"})
    bench.push_to(branch="auto")
    await bench.reconcile()
    (pushed,) = bench.git.pushes
    assert (pushed.updates, pushed.force) == ((Update(AUTO, bench.tip(AUTO), theirs),), True)
    assert bench.git.files_of(AUTO) == {"web.yaml": manifest("1.1.0"), "README.md": b"# fleet\n"}
    end = await bench.reconcile(after=INTERVAL)
    assert (len(bench.git.pushes), end.event) == (1, None)
    bench.git.put(MAIN, {"README.md": b"# theirs\n"})
    await bench.reconcile(after=2 * INTERVAL)
    assert bench.git.commits[bench.tip(AUTO)].parent == bench.tip()


async def test_push_branch_is_not_forced_when_that_gate_is_closed(bench: Bench) -> None:
    bench.gate(force_push=False)
    bench.push_to(branch="auto")
    await bench.reconcile()
    assert [pushed.force for pushed in bench.git.pushes] == [False]


async def test_checkout_goes_before_the_git_repository_s_reference(bench: Bench) -> None:
    bench.git.start("refs/heads/dev", {"web.yaml": manifest("0.1.0")})
    bench.spec(git=git_spec(checkout=GitCheckoutSpec(ref=GitRepositoryRef(branch="dev"))))
    await bench.reconcile()
    assert bench.git.files_of("refs/heads/dev")["web.yaml"] == manifest("1.1.0")
    assert bench.git.files_of(MAIN)["web.yaml"] == manifest("1.0.0")


async def test_semver_checkout_starts_from_the_greatest_tag(bench: Bench) -> None:
    for name in ("v1.2.0", "v1.10.0", "v2.0.0", "nightly"):
        bench.git.start(f"refs/tags/{name}", {"web.yaml": manifest("0.1.0"), "name": name.encode()})
    checkout = GitCheckoutSpec(ref=GitRepositoryRef(semver="1.x"))
    bench.spec(git=git_spec(checkout=checkout, push=PushSpec(branch="auto")))
    await bench.reconcile()
    assert bench.git.files_of(AUTO) == {"web.yaml": manifest("1.1.0"), "name": b"v1.10.0"}
    assert bench.status.observed_source_revision == f"v1.10.0@sha1:{bench.tip('refs/tags/v1.10.0')}"


@pytest.mark.parametrize(
    ("range_", "text"),
    [pytest.param("9.x", "9.x", id="no-tag-in-it"), pytest.param("new", "new", id="that-is-none")],
)
async def test_semver_range_without_a_tag(bench: Bench, range_: str, text: str) -> None:
    bench.git.start("refs/tags/v1.0.0", {})
    checkout = GitCheckoutSpec(ref=GitRepositoryRef(semver=range_))
    bench.spec(git=git_spec(checkout=checkout, push=PushSpec(branch="auto")))
    with pytest.raises(NotReady) as error:
        await bench.reconcile()
    assert error.value.message == (
        f"failed to checkout source: unable to clone '{GIT_URL}': no match found for semver: {text}"
    )


async def test_checkout_by_name_asks_for_that_reference(bench: Bench) -> None:
    pull = "refs/pull/7/head"
    bench.git.start(pull, {"web.yaml": manifest("0.1.0")})
    bench.put(git_repository(ref=GitRepositoryRef(name=pull)))
    bench.push_to(branch="auto")
    await bench.reconcile()
    assert bench.git.extra_refs == [(pull,)]
    assert bench.status.observed_source_revision == f"7/head@sha1:{bench.tip(pull)}"


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
    bench: Bench, push: dict[str, Any], refs: tuple[str, ...], force: bool, text: str
) -> None:
    bench.push_to(**push)
    end = await bench.reconcile()
    (pushed,) = bench.git.pushes
    assert tuple(update.ref for update in pushed.updates) == refs
    assert {bench.tip(ref) for ref in refs} == {bench.status.last_push_commit}
    assert (pushed.updates[1].expected, pushed.force) == (ANY, force)
    assert end.message.endswith(text)


async def test_push_options_are_sent(bench: Bench) -> None:
    bench.push_to(options={"ci.skip": "true"})
    await bench.reconcile()
    assert [pushed.options for pushed in bench.git.pushes] == [{"ci.skip": "true"}]


# Lost races.


def theirs(bench: Bench, number: int) -> Callable[[], object]:
    return lambda: bench.git.put(MAIN, {f"theirs-{number}": b"kept"})


@pytest.mark.parametrize(
    ("losses", "text"),
    [
        pytest.param(0, "", id="none"),
        pytest.param(1, " after 1 retry", id="one"),
        pytest.param(ATTEMPTS - 1, f" after {ATTEMPTS - 1} retries", id="as-many-as-are-tried"),
    ],
)
async def test_lost_race_is_applied_again_on_the_new_tip(bench: Bench, losses: int, text: str) -> None:
    bench.git.before_push += [theirs(bench, number) for number in range(losses)]
    end = await bench.reconcile()
    assert end.message == f"committed and pushed commit '{bench.tip()}' to branch 'main'{text}"
    files = bench.git.files_of(MAIN)
    assert files["web.yaml"] == manifest("1.1.0")
    assert [name for name in files if name.startswith("theirs")] == [f"theirs-{number}" for number in range(losses)]
    assert bench.status.observed_source_revision == f"main@sha1:{bench.tip()}"
    assert len(bench.git.pushes) == losses + 1


async def test_race_that_is_lost_every_time_is_given_up(bench: Bench) -> None:
    bench.git.before_push += [theirs(bench, number) for number in range(ATTEMPTS + 1)]
    with pytest.raises(NotReady) as error:
        await bench.reconcile()
    assert (error.value.reason, error.value.message) == (
        "GitOperationFailed",
        f"failed to update source: failed to push to remote: {MAIN} moved meanwhile (5 times in a row)",
    )
    assert len(bench.git.pushes) == ATTEMPTS == 5
    assert bench.status == ImageUpdateAutomationStatus(last_automation_run_time=START)


async def test_race_lost_to_the_same_update_ends_without_a_commit(bench: Bench) -> None:
    bench.git.before_push.append(lambda: bench.git.put(MAIN, {"web.yaml": manifest("1.1.0")}))
    end = await bench.reconcile()
    assert (end.message, len(bench.git.pushes)) == ("no updates made", 1)
    assert bench.status.observed_source_revision == f"main@sha1:{bench.tip()}"


@pytest.mark.parametrize("method", ["fetch", "files", "commit", "push"])
async def test_commit_that_is_gone_when_it_is_needed_is_looked_for_again(bench: Bench, method: str) -> None:
    bench.git.failures[method].append(Outdated("the branch was rewritten"))
    end = await bench.reconcile()
    assert end.message.endswith("to branch 'main' after 1 retry")


@pytest.mark.parametrize(("others", "looks"), [pytest.param(False, 1, id="alone"), pytest.param(True, 2, id="waited")])
async def test_what_was_seen_before_waiting_for_another_writer_is_looked_at_again(
    bench: Bench, others: bool, looks: int
) -> None:
    await bench.reconcile()
    bench.git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    bench.git.others_write = others
    await bench.reconcile()
    assert bench.git.calls.count("list_refs") == looks
    assert bench.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")


async def test_leadership_is_checked_again_for_each_push(bench: Bench) -> None:
    bench.git.before_push.append(theirs(bench, 0))
    checks: list[int] = []
    await bench.reconcile(leader_check=lambda: checks.append(len(bench.git.pushes)))
    assert checks == [0, 1]
