"""Receiver: a hook that registries call when something was pushed, and what it wakes.

The fields of Flux's kind, and a few of ours that Flux's CRD drops. The kind is not in `api.kinds.KINDS`: where Flux's
notification-controller runs, it stays Flux's; ours belongs to the component that serves it.
Follows https://fluxcd.io/flux/components/notification/receivers/
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec

from api.meta import Conditions, LocalObjectReference, ObjectMeta
from api.names import RECEIVERS, SUBSTITUTE
from api.schema import (
    AGE,
    READY_MESSAGE,
    READY_STATUS,
    Definition,
    Duration,
    InitialStatus,
    ObservedGeneration,
    Required,
    Rule,
    Schema,
)

KIND: Final = "Receiver"
TYPES: Final = (
    "generic", "generic-hmac", "generic-oidc", "github", "gitlab", "bitbucket", "harbor", "dockerhub", "quay", "gcr",
    "nexus", "acr", "cdevents", "ghcr", "ecr", "gitea", "forgejo", "distribution", "jfrog", "aliyun",
)  # fmt: skip
"""Flux's first. `bitbucket` is about code alone: such a Receiver wakes automations."""


class ReceiverResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Objects that may be woken: ImageRepositories, and ImageUpdateAutomations where the receiver may do so."""

    api_version: str = ""
    """API version of the objects."""
    kind: Annotated[
        str,
        Schema(
            required=True,
            enum=(
                "Bucket", "GitRepository", "Kustomization", "HelmRelease", "HelmChart", "HelmRepository",
                "ImageRepository", "ImagePolicy", "ImageUpdateAutomation", "OCIRepository", "ArtifactGenerator",
                "ExternalArtifact",
            ),
        ),
    ] = ""  # fmt: skip
    """Kind of the objects."""
    name: Annotated[str, Schema(required=True, min_length=1, max_length=253)] = ""
    """Name of the object; * means all of the namespace."""
    namespace: Annotated[str, Schema(min_length=1, max_length=253)] = ""
    """Namespace of the objects; unset means the Receiver's own."""
    match_labels: dict[str, str] = {}
    """Labels that the objects must have, if the name is *."""
    filter: str = ""
    """CEL expression over req, res and claims that must be true for an object to be woken."""


class OIDCVariable(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A named CEL expression, for several validations."""

    name: Annotated[str, Required] = ""
    """Name, as vars.<name> in what follows."""
    expression: Annotated[str, Required] = ""
    """CEL expression over claims and the variables before it."""


class OIDCValidation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A condition that the claims of a token must fulfil."""

    expression: Annotated[str, Required] = ""
    """CEL expression over claims and vars."""
    message: Annotated[str, Required] = ""
    """What the caller is told when it is false."""


class OIDCProvider(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An issuer of tokens, and which of its tokens are accepted."""

    issuer_url: Annotated[str, Schema(required=True, pattern="^https?://")] = msgspec.field(
        name="issuerURL", default=""
    )
    """URL of the issuer, as in the claim iss of its tokens."""
    audience: str = ""
    """Audience that tokens must be for; unset means notification-controller."""
    variables: tuple[OIDCVariable, ...] = ()
    """Expressions for several validations."""
    validations: Annotated[tuple[OIDCValidation, ...], Schema(required=True, min_items=1)] = ()
    """Conditions that must all be true. A valid signature alone authorizes nobody."""


class ReceiverSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Who calls the hook, and what it wakes."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type != 'generic-oidc' || (has(self.oidcProviders) && size(self.oidcProviders) > 0)",
            "generic-oidc receivers must define at least one oidcProvider",
        ),
        Rule(
            "self.type == 'generic-oidc' || !has(self.oidcProviders) || size(self.oidcProviders) == 0",
            "oidcProviders can only be set when type is generic-oidc",
        ),
        Rule(
            "self.type != 'generic-oidc' || !has(self.secretRef)",
            "secretRef cannot be set when type is generic-oidc",
        ),
        Rule(
            "self.type == 'generic-oidc' || has(self.secretRef)",
            "secretRef is required when type is not generic-oidc",
        ),
        Rule(
            "self.type.startsWith('generic') || !(has(self.filter) || has(self.image) || has(self.tag))",
            "filter, image and tag can only be set when type is generic, generic-hmac or generic-oidc",
        ),
    )

    type: Annotated[str, Schema(required=True, enum=TYPES)] = ""
    """Who sends: how it is known and what its payload means."""
    interval: Annotated[Duration, Schema(default="10m")] = ""
    """How often the Secret is read again."""
    events: tuple[str, ...] = ()
    """The sender's words for events that count; unset means all."""
    resources: Annotated[tuple[ReceiverResource, ...], Required] = ()
    """Objects that may be woken."""
    resource_filter: str = ""
    """CEL expression over req, res and claims that must be true for an object to be woken."""
    secret_ref: LocalObjectReference | None = None
    """Secret with the token; for gcr also with email and audience, optionally with password and username."""
    secret_overlap: Annotated[Duration, Schema()] = ""
    """How long a token is still accepted after it was replaced; unset means not at all. Only tagline has this field."""
    oidc_providers: Annotated[tuple[OIDCProvider, ...], Schema(list_type="map", list_map_keys=("issuerURL",))] = ()
    """Issuers of tokens, of a generic-oidc receiver."""
    registry: str = ""
    """Host of the images, where the sender names another or none. Only tagline has this field."""
    repository: str = ""
    """First part of the images' path, where the sender names another, such as a virtual repository of Artifactory. Only
    tagline has this field."""
    filter: Annotated[str, Schema(max_length=1024)] = ""
    """CEL expression over req, headers and claims: whether a request counts. Only tagline has this field."""
    image: Annotated[str, Schema(max_length=1024)] = ""
    """CEL expression for the image, or a list of them; unset means all resources. Only tagline has this field."""
    tag: Annotated[str, Schema(max_length=1024)] = ""
    """CEL expression for the tag, or a list of them. Only tagline has this field."""
    suspend: bool = False
    """True: requests are answered with 503 and wake nothing."""


class ReceiverStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Where the hook is."""

    conditions: Conditions = ()
    """Ready and what it is made of."""
    observed_generation: ObservedGeneration = msgspec.field(default_factory=lambda: -1)
    """Last generation that was reconciled; -1 before that."""
    webhook_path: str = ""
    """Path of the hook: /hook/ and the SHA-256 of token, name and namespace. It is a secret."""
    last_handled_reconcile_at: str = ""
    """Last value of the annotation reconcile.fluxcd.io/requestedAt that was acted on."""


class Receiver(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A hook that registries call."""

    api_version: str = msgspec.field(default_factory=lambda: RECEIVERS.api_version)
    kind: str = msgspec.field(default_factory=lambda: KIND)
    metadata: ObjectMeta
    spec: ReceiverSpec = msgspec.field(default_factory=ReceiverSpec)
    status: Annotated[ReceiverStatus, InitialStatus] = msgspec.field(default_factory=ReceiverStatus)


DEFINITION: Final = Definition(
    resource=RECEIVERS,
    columns={"v1": (AGE, READY_STATUS, READY_MESSAGE)},
    retired=("v1beta1", "v1beta2"),
    categories=("all", "fluxcd", "fluxcd-notifications"),
    annotations={SUBSTITUTE: "disabled"},
)
