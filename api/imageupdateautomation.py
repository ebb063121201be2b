"""ImageUpdateAutomation: commits the choices of policies to Git.

Follows https://fluxcd.io/flux/components/image/imageupdateautomations/
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final

import msgspec

from api.gitrepository import KIND as GIT_REPOSITORY
from api.gitrepository import GitRepositoryRef
from api.imagepolicy import ImageRef
from api.meta import AccessFrom, Conditions, LabelSelector, LocalObjectReference, ObjectMeta
from api.names import IMAGE_UPDATE_AUTOMATIONS, SUBSTITUTE
from api.pullrequest import MAX_LISTED, PullRequestSpec, PullRequestStatus
from api.schema import (
    AGE,
    READY_MESSAGE,
    READY_STATUS,
    Column,
    Definition,
    Duration,
    InitialStatus,
    ObservedGeneration,
    Required,
    Rule,
    Schema,
)

SETTERS: Final = "Setters"
MAX_GLOBS: Final = 25
MAX_TARGETS: Final = 100

WHOLE_IMAGE: Final = "image"
"""The part of an image that is all of it."""

DEFAULT_MESSAGE: Final = "Update from image update automation"
"""Commit message where no template is given."""


class SourceReference(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The GitRepository that says where and as whom to commit."""

    api_version: str = ""
    """Accepted and ignored."""
    kind: Annotated[str, Schema(required=True, default=GIT_REPOSITORY, enum=(GIT_REPOSITORY,))] = msgspec.field(
        default_factory=lambda: GIT_REPOSITORY
    )
    """Only GitRepository."""
    name: Annotated[str, Required] = ""
    """Name of the GitRepository."""
    namespace: str = ""
    """Namespace of the GitRepository; unset means that of the automation."""


class GitCheckoutSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What changes are made on top of."""

    ref: Annotated[GitRepositoryRef, Required] = GitRepositoryRef()
    """Reference to check out."""


class CommitUser(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A person in a commit."""

    name: str = ""
    """Name; may be unset."""
    email: Annotated[str, Required] = ""
    """Address."""


class SigningKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The key that commits are signed with."""

    secret_ref: Annotated[LocalObjectReference | None, Schema(required=True, versions=("v1beta2", "v1"))] = None
    """Secret with the key: git.asc and passphrase for gpg, identity and password for ssh."""
    type: Annotated[str, Schema(enum=("gpg", "ssh"))] = ""
    """gpg or ssh; unset is the same as gpg."""


class CommitSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What commits look like."""

    author: Annotated[CommitUser, Required] = CommitUser()
    """Author and committer."""
    signing_key: SigningKey | None = None
    """Key to sign with; unset means no signature."""
    message_template: str = ""
    """Go template of the message; unset means 'Update from image update automation'."""
    message_template_values: dict[str, str] = {}
    """Values that the template reads as .Values."""


class PushSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Where commits go."""

    branch: str = ""
    """Branch to push to, created if missing; unset means the branch that the checkout names."""
    refspec: str = ""
    """A refspec to push as well."""
    options: dict[str, str] = {}
    """Push options to send to the server."""


class GitSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How changes get into Git."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.pullRequest) || !has(self.push) || (!has(self.push.branch) && !has(self.push.refspec))",
            "git.push.branch and git.push.refspec cannot be combined with git.pullRequest, which names its own branch",
        ),
        Rule(
            "!has(self.pullRequest) || !has(self.checkout) || (!has(self.checkout.ref.tag) && "
            "!has(self.checkout.ref.semver) && !has(self.checkout.ref.commit) && !has(self.checkout.ref.name))",
            "git.pullRequest needs a branch to be checked out, which the pull requests are for",
        ),
    )

    checkout: GitCheckoutSpec | None = None
    """What to start from; unset means the GitRepository's own reference."""
    commit: Annotated[CommitSpec, Required] = CommitSpec()
    """What commits look like."""
    push: PushSpec | None = None
    """Where commits go; unset means back to where they came from."""
    pull_request: PullRequestSpec | None = None
    """Offers changes as pull requests to the branch that is checked out; unset pushes them. Ours, not Flux's."""


class UpdateTarget(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A value that is written without a marker, for files that lose or cannot have comments. Ours, not Flux's."""

    file: Annotated[str, Schema(required=True, min_length=1, max_length=256)] = ""
    """Files to write to, as a glob below spec.update.path; *.json is read as JSON, any other file as YAML."""
    path: Annotated[str, Schema(required=True, pattern=r"^[$/]", min_length=1, max_length=512)] = ""
    """The one value in each file, as a JSONPath ($.image.tag) or JSON Pointer (/image/tag)."""
    policy: Annotated[
        str,
        Schema(
            required=True, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?:)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=317
        ),
    ] = ""
    """ImagePolicy whose choice to write: its name, or namespace:name."""
    # A default factory, since a plain default would not be written.
    part: Annotated[str, Schema(default=WHOLE_IMAGE, enum=(WHOLE_IMAGE, "name", "tag", "digest"))] = msgspec.field(
        default_factory=lambda: WHOLE_IMAGE
    )
    """Which part of the image to write: image (name:tag, and the digest if there is one), name, tag or digest."""


class UpdateStrategy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which files are changed, and how."""

    strategy: Annotated[str, Schema(default=SETTERS, enum=(SETTERS,))] = msgspec.field(default_factory=lambda: SETTERS)
    """Only Setters: values marked with a comment."""
    path: str = ""
    """Directory or file to look into; unset means the whole repository."""
    files: Annotated[tuple[str, ...], Schema(max_items=MAX_GLOBS)] = ()
    """Further files that may carry markers, as globs below path: JSONC, .env, HCL, Dockerfiles. Ours, not Flux's."""
    targets: Annotated[tuple[UpdateTarget, ...], Schema(max_items=MAX_TARGETS, list_type="atomic")] = ()
    """Values to write that have no marker, by file and path: JSON, generated YAML. Ours, not Flux's."""
    hold_reverted: bool = False
    """True leaves a marked value alone that somebody put back, until there is a newer image. Ours, not Flux's."""


class ImageUpdateAutomationSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which policies go into which files of which repository, and how often to look."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.git) || !has(self.git.pullRequest) || !has(self.update) || !has(self.update.holdReverted) || "
            "!self.update.holdReverted",
            "update.holdReverted cannot be combined with git.pullRequest: whoever closes one declines what it offers",
        ),
    )

    source_ref: Annotated[SourceReference, Required] = msgspec.field(default_factory=SourceReference)
    """Repository to change."""
    git: GitSpec | None = None
    """How to commit and push; needed in practice, since every source is a Git repository."""
    interval: Annotated[Duration, Required] = ""
    """Time between two looks at the repository."""
    policy_change_delay: Duration = ""
    """How long to wait after a policy's choice has changed, so that what changes meanwhile gets into the same commit;
    unset means not at all. What else starts a run does not wait."""
    policy_selector: Annotated[LabelSelector | None, Schema(map_type="atomic")] = None
    """ImagePolicies to use, by their labels; unset means all of the same namespace, and of policyNamespaces."""
    policy_namespaces: AccessFrom | None = None
    """Other namespaces whose ImagePolicies to use if their accessFrom allows it; unset means none. Ours, not Flux's."""
    update: Annotated[UpdateStrategy, Schema(default={"strategy": SETTERS})] = msgspec.field(
        default_factory=UpdateStrategy
    )
    """What to change."""
    suspend: bool = False
    """True stops the automation."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Something that an update left out, for the owner of the file to know. Ours, not Flux's."""

    file: str = ""
    """File, relative to spec.update.path; unset where no single file is meant."""
    line: int = 0
    """Line in the file, from 1; unset where the whole file is meant."""
    reason: Annotated[str, Required]
    """One word for programs, e.g. UnknownPolicy or NotYAML."""
    message: Annotated[str, Required]
    """What is wrong and what to do."""


class Written(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A marked value that this automation wrote, so that it is noticed when somebody puts the old one back."""

    file: Annotated[str, Required]
    """File, relative to spec.update.path."""
    setter: Annotated[str, Required]
    """The marker, e.g. apps:web:tag."""
    old: Annotated[str, Required]
    """The value before."""
    new: Annotated[str, Required]
    """The value that was written."""


class ImageUpdateAutomationStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the automation did last."""

    conditions: Conditions = ()
    """Ready, and Reconciling or Stalled while they apply."""
    # A default factory, since a plain default would not be written.
    observed_generation: ObservedGeneration = msgspec.field(default_factory=lambda: -1)
    """Last generation that was reconciled to the end; -1 before that."""
    last_automation_run_time: datetime | None = None
    """When the last run began, however it ended."""
    last_push_commit: str = ""
    """Full hash of the last commit that was pushed."""
    last_push_time: datetime | None = None
    """When it was pushed."""
    observed_policies: dict[str, ImageRef] = {}
    """Policy to the image that the last complete run used: name, or namespace/name for those of other namespaces."""
    observed_source_revision: str = ""
    """Branch and commit that the last complete run saw or made, e.g. main@sha1:<hash>."""
    findings: tuple[Finding, ...] = ()
    """Files and markers that the last complete run left alone, and why; unset when there are none. Ours, not Flux's."""
    written: tuple[Written, ...] = ()
    """Latest values written, at most 200; only with spec.update.holdReverted. Ours, not Flux's."""
    pull_requests: Annotated[tuple[PullRequestStatus, ...], Schema(max_items=MAX_LISTED, list_type="atomic")] = ()
    """Pull requests, open ones first; then the last that were merged or closed. Ours, not Flux's."""
    last_handled_reconcile_at: str = ""
    """Last value of the annotation reconcile.fluxcd.io/requestedAt that was acted on."""


class ImageUpdateAutomation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Commits the images that policies chose to a Git repository."""

    api_version: str = msgspec.field(default_factory=lambda: IMAGE_UPDATE_AUTOMATIONS.api_version)
    kind: str = msgspec.field(default_factory=lambda: IMAGE_UPDATE_AUTOMATIONS.kind)
    metadata: ObjectMeta
    spec: ImageUpdateAutomationSpec = msgspec.field(default_factory=ImageUpdateAutomationSpec)
    status: Annotated[ImageUpdateAutomationStatus, InitialStatus] = msgspec.field(
        default_factory=ImageUpdateAutomationStatus
    )


_LAST_RUN: Final = Column(name="Last run", path=".status.lastAutomationRunTime")

DEFINITION: Final = Definition(
    resource=IMAGE_UPDATE_AUTOMATIONS,
    retired=("v1alpha1", "v1alpha2"),
    columns={
        "v1beta1": (_LAST_RUN,),
        "v1beta2": (_LAST_RUN,),
        "v1": (
            _LAST_RUN,
            READY_STATUS,
            READY_MESSAGE,
            AGE,
            Column(name="Pull requests", path='.status.pullRequests[?(@.state=="Open")].url', priority=1),
        ),
    },
    short_names=("iua", "imgupd", "imgauto"),
    categories=("all", "fluxcd", "fluxcd-images"),
    annotations={SUBSTITUTE: "disabled"},
)
