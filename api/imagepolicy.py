"""ImagePolicy: which of an image's tags is the latest.

Follows https://fluxcd.io/flux/components/image/imagepolicies/
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec

from api.meta import Conditions, NamespacedObjectReference, ObjectMeta
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

GROUP: Final = "image.toolkit.fluxcd.io"
VERSION: Final = "v1"
KIND: Final = "ImagePolicy"
PLURAL: Final = "imagepolicies"

ASCENDING: Final = "asc"
DESCENDING: Final = "desc"

ALWAYS: Final = "Always"
IF_NOT_PRESENT: Final = "IfNotPresent"
NEVER: Final = "Never"

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


class ImagePolicyChoice(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How tags are ranked: one of the three."""

    semver: SemverPolicy | None = None
    """Ranks tags as semantic versions."""
    alphabetical: AlphabeticalPolicy | None = None
    """Ranks tags by their bytes."""
    numerical: NumericalPolicy | None = None
    """Ranks tags as numbers."""


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
    )

    image_repository_ref: Annotated[NamespacedObjectReference, Required] = NamespacedObjectReference()
    """ImageRepository whose tags are ranked; one of another namespace must allow it in accessFrom."""
    policy: Annotated[ImagePolicyChoice, Required] = ImagePolicyChoice()
    """How tags are ranked; where several are given, semver goes before alphabetical before numerical."""
    filter_tags: TagFilter | None = None
    """Narrows the tags before they are ranked."""
    digest_reflection_policy: Annotated[str, Schema(default=NEVER, enum=(ALWAYS, IF_NOT_PRESENT, NEVER))] = NEVER
    """When the latest tag's digest is read: Never, IfNotPresent (when the tag changes) or Always (each interval)."""
    interval: Duration = ""
    """Time between two reads of the digest; needed with digestReflectionPolicy Always and refused otherwise."""
    suspend: bool = False
    """True stops choosing."""


class ImageRef(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An image, by tag and perhaps by digest."""

    name: Annotated[str, Required]
    """Image without tag, as the ImageRepository's spec.image has it."""
    tag: Annotated[str, Required]
    """Tag of the image."""
    digest: str = ""
    """Digest of the image; unset unless the policy asks for it."""


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


class ImagePolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A rule that chooses the latest of an image's tags."""

    api_version: str = msgspec.field(default_factory=lambda: f"{GROUP}/{VERSION}")
    kind: str = msgspec.field(default_factory=lambda: KIND)
    metadata: ObjectMeta
    spec: ImagePolicySpec = msgspec.field(default_factory=ImagePolicySpec)
    status: Annotated[ImagePolicyStatus, InitialStatus] = msgspec.field(default_factory=ImagePolicyStatus)


_LATEST_IMAGE: Final = Column(name="LatestImage", path=".status.latestImage")

DEFINITION: Final = Definition(
    group=GROUP,
    kind=KIND,
    plural=PLURAL,
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
