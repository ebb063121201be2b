"""ImagePolicy: which of an image's tags is the latest.

Follows https://fluxcd.io/flux/components/image/imagepolicies/
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final

import msgspec

from api.meta import AccessFrom, Conditions, NamespacedObjectReference, ObjectMeta
from api.names import IMAGE_POLICIES
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

ASCENDING: Final = "asc"
DESCENDING: Final = "desc"

ALWAYS: Final = "Always"
IF_NOT_PRESENT: Final = "IfNotPresent"
NEVER: Final = "Never"

FIRST_SEEN: Final = "FirstSeen"
BUILD_DATE: Final = "BuildDate"

MAX_SOURCES: Final = 10
"""How many recent choices a status keeps the source of: that many may be skipped between two commits."""

Platform = Annotated[str, Schema(pattern=r"^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$", max_length=64)]
Order = Annotated[str, Schema(default=ASCENDING, enum=(ASCENDING, DESCENDING))]


class SemverPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The greatest version inside a range."""

    range: Annotated[str, Required] = ""
    """Range of semantic versions, e.g. '>=1.0.0 <2.0.0'."""


class AlphabeticalPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The last tag in the order of bytes."""

    order: Order = msgspec.field(default_factory=lambda: ASCENDING)
    """asc takes the greatest tag, desc the smallest."""


class NumericalPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The last tag in the order of numbers; every tag must be one."""

    order: Order = msgspec.field(default_factory=lambda: ASCENDING)
    """asc takes the greatest number, desc the smallest."""


class SortKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One of several keys by which tags are ranked."""

    extract: Annotated[str, Required, Schema(min_length=1)] = ""
    """Template over the match of filterTags.pattern ($1, $name) whose text is compared."""
    type: Annotated[str, Required, Schema(enum=("alphabetical", "numerical", "semver"))] = "alphabetical"
    """How texts are compared; a tag whose text is not a number or version is passed over."""
    order: Annotated[str, Schema(enum=(ASCENDING, DESCENDING))] = ""
    """asc, the default, takes the greatest, desc the smallest."""


class NewestPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The tag that came last."""

    by: Annotated[str, Required, Schema(enum=(FIRST_SEEN, BUILD_DATE))] = FIRST_SEEN
    """FirstSeen: when a scan found the tag first. BuildDate: the date in the image, of the 20 tags first seen last."""


class DenyRule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Tags that are never chosen."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.tag) != has(self.pattern)", "exactly one of tag and pattern must be set"),
    )

    tag: Annotated[str, Schema(min_length=1, max_length=128)] = ""
    """This tag."""
    pattern: Annotated[str, Schema(min_length=1, max_length=512)] = ""
    """Regular expression (RE2): every tag in which it is found."""


class ImagePolicyChoice(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How tags are ranked, and what they must fulfil besides."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(has(self.keys) || has(self.newest)) || (!has(self.semver) && !has(self.alphabetical) && "
            "!has(self.numerical) && !(has(self.keys) && has(self.newest)))",
            "policy.keys and policy.newest cannot be combined with each other or with another way to rank tags",
        ),
        Rule(
            "!has(self.newest) || !has(self.allowDowngrade) || self.allowDowngrade",
            "policy.allowDowngrade false needs a policy that ranks values; policy.newest ranks times",
        ),
    )

    semver: SemverPolicy | None = None
    """Ranks tags as semantic versions."""
    alphabetical: AlphabeticalPolicy | None = None
    """Ranks tags by their bytes."""
    numerical: NumericalPolicy | None = None
    """Ranks tags as numbers."""
    keys: Annotated[tuple[SortKey, ...], Schema(max_items=8, list_type="atomic")] = ()
    """Ranks tags by several keys that filterTags.pattern yields; the first counts most. Only in tagline."""
    newest: NewestPolicy | None = None
    """Takes the tag that came last. Only in tagline."""
    min_age: Duration = ""
    """How long ago a scan must have found a tag first, e.g. 72h; tags of a first scan pass. Only in tagline."""
    allow_downgrade: bool | None = None
    """False keeps a choice rather than going below it, e.g. when its tag is deleted. Only in tagline."""
    deny: Annotated[tuple[DenyRule, ...], Schema(max_items=64, list_type="atomic")] = ()
    """Tags that are never chosen. Only in tagline."""
    platforms: Annotated[tuple[Platform, ...], Schema(max_items=8, list_type="set")] = ()
    """Platforms that the image must be there for, e.g. linux/arm64. Only in tagline."""


class TagFilter(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which tags are considered, and which part of them is ranked."""

    pattern: str = ""
    """Regular expression (RE2) that a tag must match somewhere; empty matches every tag."""
    extract: str = ""
    """Template over the match ($1, $name) whose text is ranked in place of the tag."""


class ImagePolicySpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Whose tags, how they are ranked, and whether the digest is wanted."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.interval) || (has(self.digestReflectionPolicy) && self.digestReflectionPolicy == 'Always')",
            "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
        ),
        Rule(
            "has(self.interval) || !has(self.digestReflectionPolicy) || self.digestReflectionPolicy != 'Always'",
            "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        ),
        Rule(
            "!has(self.policy.keys) || (has(self.filterTags) && !has(self.filterTags.extract))",
            "spec.policy.keys needs spec.filterTags.pattern, without spec.filterTags.extract",
        ),
    )

    image_repository_ref: Annotated[NamespacedObjectReference, Required] = NamespacedObjectReference()
    """ImageRepository whose tags are ranked; one of another namespace must allow it in accessFrom."""
    policy: Annotated[ImagePolicyChoice, Required] = ImagePolicyChoice()
    """How tags are ranked; semver takes precedence over alphabetical, and alphabetical over numerical."""
    filter_tags: TagFilter | None = None
    """Narrows the tags before they are ranked."""
    digest_reflection_policy: Annotated[str, Schema(default=NEVER, enum=(ALWAYS, IF_NOT_PRESENT, NEVER))] = NEVER
    """When the latest tag's digest is read: Never, IfNotPresent (when the tag changes) or Always (each interval)."""
    interval: Duration = ""
    """Time between two reads of the digest; needed with digestReflectionPolicy Always and refused otherwise."""
    reflect_source: bool = False
    """True reads where the chosen images were built from into status.sources. Only in tagline."""
    access_from: AccessFrom | None = None
    """Namespaces whose ImageUpdateAutomations may write this choice; unset means only its own. Only in tagline."""
    suspend: bool = False
    """True stops choosing."""


class ImageRef(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An image, by tag and perhaps by digest."""

    name: Annotated[str, Required]
    """Image without tag, as in the ImageRepository's spec.image."""
    tag: Annotated[str, Required]
    """Tag of the image."""
    digest: str = ""
    """Digest of the image; unset unless the policy asks for it."""


class ImageSource(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Where a chosen image was built from, as its labels or annotations say."""

    tag: Annotated[str, Required]
    """Tag of the choice."""
    digest: str = ""
    """Digest of the choice; unset where latestRef had none."""
    source: str = ""
    """Address of the source repository, https and without credentials; unset where the image does not say."""
    revision: str = ""
    """Commit in it, hexadecimal; unset where the image does not say."""


class RefusedTags(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How many tags were not chosen for one reason."""

    reason: Annotated[str, Required]
    """One word."""
    count: Annotated[int, Required]
    """Number of tags."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A tag that was not chosen."""

    tag: Annotated[str, Required]
    """The tag."""
    value: str = ""
    """What was ranked in its place; unset where that is the tag itself."""
    reason: Annotated[str, Required]
    """Why it was not chosen, in one word."""
    message: str = ""
    """The same as a sentence about the tag."""


class SelectionStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How the choice came about; renewed when the choice or its reasons change, not for counts alone."""

    tag: str = ""
    """The chosen tag; unset when nothing could be chosen."""
    tag_count: int = 0
    """Number of stored tags."""
    refused: Annotated[tuple[RefusedTags, ...], Schema(list_type="atomic")] = ()
    """How many tags were not chosen for which reason, most first."""
    candidates: Annotated[tuple[Candidate, ...], Schema(list_type="atomic", max_items=5)] = ()
    """The leading tags besides the chosen one, best first: at most five."""
    next_candidate_at: datetime | None = None
    """When the next tag becomes old enough for policy.minAge; unset when none is waiting."""
    first_seen: datetime | None = None
    """When a scan found the chosen tag; unset for one that was there before the policy had its present spec."""
    trace_parent: str = ""
    """Trace context (W3C traceparent) of the run that chose the tag; unset unless the controller makes traces."""


class ImagePolicyStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What was chosen last."""

    conditions: Conditions = ()
    """Ready, and Reconciling or Stalled while they apply."""
    # A default factory, since a plain default would not be written.
    observed_generation: ObservedGeneration = msgspec.field(default_factory=lambda: -1)
    """Last generation that was reconciled to the end; -1 before that."""
    latest_ref: ImageRef | None = None
    """The choice; kept when later runs fail."""
    observed_previous_ref: ImageRef | None = None
    """What latestRef was before its last change."""
    latest_image: str = ""
    """latestRef as one text, name:tag or name:tag@digest, for users of v1beta1 and v1beta2."""
    observed_previous_image: str = ""
    """observedPreviousRef as one text, for users of v1beta2."""
    last_handled_reconcile_at: str = ""
    """Last value of the annotation reconcile.fluxcd.io/requestedAt that was acted on."""
    selection: SelectionStatus | None = None
    """Why this tag and no other. Only in tagline."""
    sources: Annotated[tuple[ImageSource, ...], Schema(list_type="atomic", max_items=MAX_SOURCES)] = ()
    """Where recent choices were built from, newest first; a choice without an entry was not read. Only in tagline."""


class ImagePolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A rule that chooses the latest of an image's tags."""

    api_version: str = msgspec.field(default_factory=lambda: IMAGE_POLICIES.api_version)
    kind: str = msgspec.field(default_factory=lambda: IMAGE_POLICIES.kind)
    metadata: ObjectMeta
    spec: ImagePolicySpec = msgspec.field(default_factory=ImagePolicySpec)
    status: Annotated[ImagePolicyStatus, InitialStatus] = msgspec.field(default_factory=ImagePolicyStatus)


_LATEST_IMAGE: Final = Column(name="LatestImage", path=".status.latestImage")

DEFINITION: Final = Definition(
    resource=IMAGE_POLICIES,
    retired=("v1alpha1", "v1alpha2"),
    columns={
        "v1beta1": (_LATEST_IMAGE,),
        "v1beta2": (_LATEST_IMAGE,),
        "v1": (
            _LATEST_IMAGE,
            READY_STATUS,
            READY_MESSAGE,
            AGE,
            Column(name="Image", path=".status.latestRef.name", priority=1),
            Column(name="Tag", path=".status.latestRef.tag", priority=1),
            Column(name="Digest", path=".status.latestRef.digest", priority=1),
        ),
    },
    short_names=("imgpol", "imagepol"),
    categories=("all", "fluxcd", "fluxcd-images"),
)
