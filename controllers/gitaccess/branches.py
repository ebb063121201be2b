"""Where an automation starts from and where it pushes to: the rules of `spec.git` as one pure function.

Follows https://fluxcd.io/flux/components/image/imageupdateautomations/#git and image-automation-controller
`internal/source/source.go`.
"""

from dataclasses import dataclass, field

from api.gitrepository import GitRepository, GitRepositoryRef
from api.imageupdateautomation import GitSpec, ImageUpdateAutomation
from controllers.git.protocol.refs import DEFAULT_BRANCH, HEADS, Checkout
from controllers.runtime.key import Key


class NoPushBranch(Exception):
    """Neither `spec.git.push.branch` nor the reference to check out names a branch, and none is guessed."""


class BadPushBranch(Exception):
    """`spec.git.push.branch` is not the short name of a branch; Flux would push to `refs/heads/refs/heads/…`."""


@dataclass(frozen=True, slots=True)
class Gates:
    """The feature gates that matter here, with Flux's defaults."""

    force_push: bool = True
    """GitForcePushBranch: a push branch that is not the checkout's may be overwritten."""
    continue_branch: bool = True
    """GitAllBranchReferences: edits go on top of such a branch where it exists; else always on top of the checkout."""


DEFAULT_GATES = Gates()


@dataclass(frozen=True, slots=True)
class BranchPlan:
    """The references of one run."""

    checkout: Checkout
    push_branch: str
    switch: bool
    """The push branch is not the checkout's."""
    continues: bool = False
    """Edits go on top of the push branch where it exists."""
    force: bool = False
    """The push branch may be overwritten."""
    refspec: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def needs_full_run(self) -> bool:
        """True when comparing the checked-out revision does not show whether there is something to do."""
        return self.switch or bool(self.refspec) or not self.checkout_is_comparable

    @property
    def checkout_is_comparable(self) -> bool:
        """True for a branch or tag: a list of references has its revision."""
        return not (self.checkout.commit or self.checkout.name or self.checkout.semver)


def plan_branches(git: GitSpec, repository: GitRepository, gates: Gates = DEFAULT_GATES) -> BranchPlan:
    """Return the references that `spec.git` and the GitRepository's `spec.ref` mean. Raises either exception above.

    Without any reference the default branch is checked out, but never pushed to unless `spec.git.push.branch` names it.
    """
    ref = git.checkout.ref if git.checkout else repository.spec.ref or GitRepositoryRef()
    checkout = Checkout(branch=ref.branch, tag=ref.tag, semver=ref.semver, name=ref.name, commit=ref.commit)
    if checkout == Checkout():
        checkout = Checkout(branch=DEFAULT_BRANCH)
    push = git.push
    push_branch = push.branch if push and push.branch else ref.branch
    if push and push.branch.startswith("refs/"):
        short = push.branch.removeprefix(HEADS)
        remedy = f"write '{short}'" if short != push.branch else "to push to it, set spec.git.push.refspec"
        raise BadPushBranch(f"spec.git.push.branch '{push.branch}' is no branch but a full reference name: {remedy}")
    if git.pull_request and push and (push.branch or push.refspec):
        raise BadPushBranch(
            "spec.git.push.branch and spec.git.push.refspec cannot be combined with spec.git.pullRequest, which names "
            "its own branch: remove them"
        )
    if git.pull_request and push_branch != checkout.branch:
        raise BadPushBranch("spec.git.pullRequest needs a branch to be checked out, which pull requests are for")
    if not push_branch:
        raise NoPushBranch(
            "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
        )
    switch = bool(push and push.branch and push.branch != checkout.branch)
    return BranchPlan(
        checkout=checkout,
        push_branch=push_branch,
        switch=switch,
        continues=switch and gates.continue_branch,
        force=switch and gates.force_push,
        refspec=push.refspec if push else "",
        options=dict(push.options) if push else {},
    )


def source_key(automation: ImageUpdateAutomation) -> Key:
    """Return the key of the GitRepository that an automation refers to."""
    ref = automation.spec.source_ref
    return Key(ref.namespace or automation.metadata.namespace, ref.name)
