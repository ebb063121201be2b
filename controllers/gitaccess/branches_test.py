"""Where an automation starts and where it pushes to: every combination of checkout and push."""

from typing import Any

import pytest

from api.gitrepository import GitRepositoryRef
from api.imageupdateautomation import GitCheckoutSpec, PushSpec
from controllers.git.protocol.refs import Checkout
from controllers.gitaccess.branches import BadPushBranch, BranchPlan, Gates, NoPushBranch, plan_branches
from testing.builders import git_repository, git_spec

MAIN = GitRepositoryRef(branch="main")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def planned(
    source: GitRepositoryRef | None = MAIN,
    *,
    checkout: GitRepositoryRef | None = None,
    push: PushSpec | None = None,
) -> BranchPlan:
    fields: dict[str, Any] = {"push": push, "checkout": GitCheckoutSpec(ref=checkout) if checkout else None}
    return plan_branches(git_spec(**fields), git_repository(ref=source))


@pytest.mark.parametrize(
    ("source", "checkout", "want"),
    [
        pytest.param(None, None, Checkout(branch="master"), id="nothing-set-is-master"),
        pytest.param(GitRepositoryRef(), None, Checkout(branch="master"), id="empty-reference-is-master"),
        pytest.param(MAIN, None, Checkout(branch="main"), id="of-the-git-repository"),
        pytest.param(MAIN, GitRepositoryRef(branch="dev"), Checkout(branch="dev"), id="checkout-goes-before-it"),
        pytest.param(MAIN, GitRepositoryRef(), Checkout(branch="master"), id="empty-checkout-replaces-it-as-well"),
        pytest.param(
            GitRepositoryRef(branch="main", commit=COMMIT),
            None,
            Checkout(branch="main", commit=COMMIT),
            id="commit-on-a-branch",
        ),
    ],
)
def test_checkout(source: GitRepositoryRef | None, checkout: GitRepositoryRef | None, want: Checkout) -> None:
    assert planned(source, checkout=checkout, push=PushSpec(branch="auto")).checkout == want


@pytest.mark.parametrize(
    ("push", "branch", "switch", "refspec"),
    [
        pytest.param(None, "main", False, "", id="absent"),
        pytest.param(PushSpec(), "main", False, "", id="empty"),
        pytest.param(PushSpec(branch="main"), "main", False, "", id="same-branch"),
        pytest.param(PushSpec(branch="auto"), "auto", True, "", id="other-branch"),
        pytest.param(PushSpec(refspec="a:refs/b"), "main", False, "a:refs/b", id="refspec-only"),
        pytest.param(PushSpec(branch="auto", refspec="a:refs/b"), "auto", True, "a:refs/b", id="branch-and-refspec"),
        pytest.param(
            PushSpec(branch="main", refspec="a:refs/b"), "main", False, "a:refs/b", id="same-branch-and-refspec"
        ),
    ],
)
def test_push(push: PushSpec | None, branch: str, switch: bool, refspec: str) -> None:
    found = planned(push=push)
    assert (found.push_branch, found.switch, found.refspec) == (branch, switch, refspec)
    assert found.needs_full_run is (switch or bool(refspec))


def test_push_options_are_passed_on() -> None:
    options = {"merge_request.create": "", "topic": "images"}
    assert planned(push=PushSpec(options=options)).options == options
    assert planned(push=None).options == {}


@pytest.mark.parametrize("push", [None, PushSpec(), PushSpec(refspec="refs/heads/master:refs/heads/b")])
@pytest.mark.parametrize(
    ("source", "checkout"),
    [
        pytest.param(None, None, id="nothing-set"),
        pytest.param(GitRepositoryRef(), None, id="empty-reference"),
        pytest.param(MAIN, GitRepositoryRef(), id="empty-checkout-beside-a-branch"),
        pytest.param(MAIN, GitRepositoryRef(tag="v1"), id="checkout-of-a-tag-beside-a-branch"),
    ],
)
def test_default_branch_is_not_pushed_to_unless_it_is_named(
    source: GitRepositoryRef | None, checkout: GitRepositoryRef | None, push: PushSpec | None
) -> None:
    with pytest.raises(NoPushBranch):
        planned(source, checkout=checkout, push=push)


@pytest.mark.parametrize(
    ("branch", "remedy"),
    [("refs/heads/a/b", "write 'a/b'"), ("refs/for/main", r"set spec\.git\.push\.refspec")],
)
def test_full_name_is_no_push_branch(branch: str, remedy: str) -> None:
    with pytest.raises(BadPushBranch, match=remedy):
        planned(push=PushSpec(branch=branch))


NO_BRANCH = [
    pytest.param(GitRepositoryRef(tag="v1"), id="tag"),
    pytest.param(GitRepositoryRef(semver="1.x"), id="semver"),
    pytest.param(GitRepositoryRef(name="refs/heads/main"), id="name"),
    pytest.param(GitRepositoryRef(commit=COMMIT), id="commit"),
]


@pytest.mark.parametrize("ref", NO_BRANCH)
def test_checkout_without_a_branch_needs_one_to_push_to(ref: GitRepositoryRef) -> None:
    with pytest.raises(NoPushBranch) as error:
        planned(ref)
    assert str(error.value) == (
        "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
    )
    with pytest.raises(NoPushBranch):
        planned(ref, push=PushSpec(refspec="refs/heads/a:refs/heads/b"))


@pytest.mark.parametrize("ref", NO_BRANCH)
def test_checkout_without_a_branch_switches_to_the_one_given(ref: GitRepositoryRef) -> None:
    found = planned(MAIN, checkout=ref, push=PushSpec(branch="auto"))
    assert (found.push_branch, found.switch, found.needs_full_run) == ("auto", True, True)


@pytest.mark.parametrize("ref", NO_BRANCH)
def test_checkout_beside_a_branch_pushes_to_it(ref: GitRepositoryRef) -> None:
    both = GitRepositoryRef(branch="main", tag=ref.tag, semver=ref.semver, name=ref.name, commit=ref.commit)
    found = planned(both)
    assert (found.push_branch, found.switch) == ("main", False)


def test_push_to_master_from_the_default_branch_does_not_switch() -> None:
    assert not planned(None, push=PushSpec(branch="master")).switch
    assert planned(None, push=PushSpec(branch="master")).push_branch == "master"
    assert planned(None, push=PushSpec(branch="main")).switch


@pytest.mark.parametrize(
    ("ref", "comparable"),
    [
        pytest.param(MAIN, True, id="branch"),
        pytest.param(GitRepositoryRef(branch="main", tag="v1"), True, id="tag"),
        pytest.param(GitRepositoryRef(branch="main", semver="1.x"), False, id="semver"),
        pytest.param(GitRepositoryRef(branch="main", name="refs/heads/main"), False, id="name"),
        pytest.param(GitRepositoryRef(branch="main", commit=COMMIT), False, id="commit"),
    ],
)
def test_runs_that_cannot_be_skipped_by_the_revision(ref: GitRepositoryRef, comparable: bool) -> None:
    found = planned(ref)
    assert found.checkout_is_comparable is comparable
    assert found.needs_full_run is not comparable


@pytest.mark.parametrize("force_push", [True, False], ids=["force", "no-force"])
@pytest.mark.parametrize("continue_branch", [True, False], ids=["continue", "anew"])
@pytest.mark.parametrize("branch", ["main", "auto"])
def test_gates_are_about_other_push_branches_only(branch: str, continue_branch: bool, force_push: bool) -> None:
    gates = Gates(force_push=force_push, continue_branch=continue_branch)
    found = plan_branches(git_spec(push=PushSpec(branch=branch)), git_repository(ref=MAIN), gates)
    other = branch == "auto"
    assert (found.switch, found.continues, found.force) == (other, other and continue_branch, other and force_push)
