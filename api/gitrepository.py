"""GitRepository: where a repository is and how it is reached. Ours only to read; Flux's source-controller fulfils it.

The definition is the union of what Flux served as v1beta2 and v1, so that automation works without the rest of Flux
and every manifest of either version is accepted.
Follows https://fluxcd.io/flux/components/source/gitrepositories/
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final

import msgspec

from api.meta import AccessFrom, Conditions, LocalObjectReference, ObjectMeta
from api.names import GIT_REPOSITORIES, SUBSTITUTE
from api.schema import (
    AGE,
    EPOCH,
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
    Timeout,
)

KIND: Final = "GitRepository"


class GitRepositoryRef(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which commit; commit takes precedence over name, semver, tag and branch, in this order."""

    branch: str = ""
    """The tip of this branch."""
    tag: str = ""
    """The commit of this tag."""
    semver: str = ""
    """The greatest tag in this range of semantic versions."""
    name: str = ""
    """The commit of this full reference, e.g. refs/pull/1/head."""
    commit: str = ""
    """This commit; with branch, one that the branch contains."""


class GitRepositoryVerification(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which signatures are checked before an artifact is made."""

    mode: Annotated[str, Schema(default="HEAD", enum=("head", "HEAD", "Tag", "TagAndHEAD"))] = "HEAD"
    """What must be signed: the commit (HEAD), the tag, or both."""
    secret_ref: Annotated[LocalObjectReference, Required] = LocalObjectReference()
    """Secret with the public keys that are trusted."""


class GitRepositoryInclude(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Contents of another GitRepository to be put into this one's artifact."""

    repository: Annotated[LocalObjectReference, Required] = LocalObjectReference()
    """GitRepository to include."""
    from_path: str = ""
    """Directory to copy; unset means everything."""
    to_path: str = ""
    """Where to copy it; unset means a directory named like the included repository."""


class GitRepositorySpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Where the repository is, what to take from it, and as whom."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.serviceAccountName) || "
            "(has(self.provider) && (self.provider == 'azure' || self.provider == 'aws'))",
            "serviceAccountName can only be set when provider is 'azure' or 'aws'",
        ),
    )

    url: Annotated[str, Schema(required=True, pattern="^(http|https|ssh)://.*$")] = ""
    """Address of the repository over HTTP, HTTPS or SSH."""
    interval: Annotated[Duration, Required] = ""
    """Time between two looks at the repository."""
    timeout: Annotated[Timeout, Schema(default="60s")] = "60s"
    """Longest time a Git operation may take; more than 10m counts as 10m."""
    secret_ref: LocalObjectReference | None = None
    """Secret with username and password, bearerToken, or identity and known_hosts."""
    provider: Annotated[str, Schema(enum=("generic", "aws", "azure", "github"))] = ""
    """Whose identity is used to log in; unset is the same as generic, which uses the Secret."""
    service_account_name: str = ""
    """ServiceAccount that logs in to the cloud of the provider; an automation takes the one of its own namespace."""
    ref: GitRepositoryRef | None = None
    """Which commit to take; unset means the tip of master."""
    verify: GitRepositoryVerification | None = None
    """Signatures to check."""
    proxy_secret_ref: LocalObjectReference | None = None
    """Secret with the proxy to use: address, and optionally username and password."""
    ignore: str | None = None
    """Files to leave out of the artifact, in gitignore's syntax; replaces the default rules."""
    suspend: bool = False
    """True stops the making of artifacts; automations go on."""
    recurse_submodules: bool = False
    """True fetches submodules as well."""
    include: tuple[GitRepositoryInclude, ...] = ()
    """Contents of other GitRepositories to add."""
    sparse_checkout: tuple[str, ...] = ()
    """Directories to take; unset means all."""
    git_implementation: Annotated[str, Schema(enum=("go-git", "libgit2"))] = ""
    """Accepted for manifests of v1beta2, without effect."""
    access_from: AccessFrom | None = None
    """Accepted for manifests of v1beta2, without effect."""


class Artifact(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An archive of the repository at one revision."""

    path: Annotated[str, Required] = ""
    """Path of the archive in the storage of whoever made it."""
    url: Annotated[str, Required] = ""
    """Address that the archive is served at."""
    revision: Annotated[str, Required] = ""
    """Branch or tag and commit, e.g. main@sha1:<hash>."""
    digest: Annotated[
        str,
        Schema(pattern=r"^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$"),
        Schema(required=True, versions=("v1",)),
    ] = ""
    """Digest of the archive, e.g. sha256:<hex>."""
    checksum: str = ""
    """SHA-256 of the archive, written by controllers that had no digest yet."""
    last_update_time: Annotated[datetime, Required] = EPOCH
    """When the archive was made."""
    size: Annotated[int | None, Schema(format="int64")] = None
    """Size of the archive in bytes."""
    metadata: dict[str, str] = {}
    """Further facts about the revision."""


class GitRepositoryStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the source controller knows about the repository."""

    conditions: Conditions = ()
    """Ready and what it is made of."""
    # A default factory, since a plain default would not be written.
    observed_generation: ObservedGeneration = msgspec.field(default_factory=lambda: -1)
    """Last generation that was reconciled to the end; -1 before that."""
    url: str = ""
    """Address of the latest archive, as v1beta2 reported it."""
    artifact: Artifact | None = None
    """The latest archive; unset before the first."""
    included_artifacts: tuple[Artifact, ...] = ()
    """Archives of the included repositories."""
    content_config_checksum: str = ""
    """Checksum of the inputs of the archive, as v1beta2 reported it."""
    observed_ignore: str | None = None
    """The spec's ignore of the latest archive."""
    observed_recurse_submodules: bool = False
    """The spec's recurseSubmodules of the latest archive."""
    observed_include: tuple[GitRepositoryInclude, ...] = ()
    """The spec's include of the latest archive."""
    observed_sparse_checkout: tuple[str, ...] = ()
    """The spec's sparseCheckout of the latest archive."""
    source_verification_mode: str = ""
    """The spec's verify.mode of the last check of signatures."""
    last_handled_reconcile_at: str = ""
    """Last value of the annotation reconcile.fluxcd.io/requestedAt that was acted on."""


class GitRepository(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A Git repository and how to reach it."""

    api_version: str = msgspec.field(default_factory=lambda: GIT_REPOSITORIES.api_version)
    kind: str = msgspec.field(default_factory=lambda: KIND)
    metadata: ObjectMeta
    spec: GitRepositorySpec = msgspec.field(default_factory=GitRepositorySpec)
    status: Annotated[GitRepositoryStatus, InitialStatus] = msgspec.field(default_factory=GitRepositoryStatus)


_COLUMNS: Final = (Column(name="URL", path=".spec.url"), AGE, READY_STATUS, READY_MESSAGE)

DEFINITION: Final = Definition(
    resource=GIT_REPOSITORIES,
    retired=("v1alpha1", "v1beta1"),
    columns={"v1beta2": _COLUMNS, "v1": _COLUMNS},
    short_names=("gitrepo",),
    categories=("all", "fluxcd", "fluxcd-sources"),
    annotations={SUBSTITUTE: "disabled"},
)
