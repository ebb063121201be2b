"""Metadata, conditions and references that every kind shares, and the names that Flux gave them.

Only what we read or write is here; everything else of an object's metadata (managedFields above all) is dropped
while decoding and never reaches memory.
Follows https://fluxcd.io/flux/components/ and the Kubernetes API conventions for conditions.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from api.names import FALSE, TRUE, UNKNOWN
from api.schema import Required, Schema


class OwnerReference(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The object whose deletion deletes this one."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Identity and bookkeeping of an object, as far as we use it."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One aspect of an object's state, as of one generation of its spec."""

    type: Annotated[
        str,
        Schema(
            required=True,
            max_length=316,
            pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
            r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
        ),
    ]
    """Ready, Reconciling, Stalled, or a type that somebody else maintains."""
    status: Annotated[str, Schema(required=True, enum=(TRUE, FALSE, UNKNOWN))]
    """True, False or Unknown."""
    reason: Annotated[
        str,
        Schema(required=True, min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
    ]
    """One word for programs: why the condition has its status."""
    message: Annotated[str, Schema(required=True, max_length=32768)]
    """A sentence for people: what happened."""
    observed_generation: Annotated[int, Schema(format="int64", minimum=0)] = 0
    """Generation of the object that the condition is about."""
    last_transition_time: Annotated[datetime, Required]
    """When the condition last changed."""


Conditions = Annotated[tuple[Condition, ...], Schema(list_type="map", list_map_keys=("type",))]


class LocalObjectReference(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An object in the same namespace."""

    name: Annotated[str, Required] = ""
    """Name of the object."""


class NamespacedObjectReference(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An object that may be in another namespace."""

    name: Annotated[str, Required] = ""
    """Name of the object."""
    namespace: str = ""
    """Namespace of the object; unset means that of the referring one."""


class NamespaceSelector(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Chooses namespaces by their labels."""

    match_labels: dict[str, str] = {}
    """Labels that a namespace must all have; none means every namespace."""


class AccessFrom(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Who may refer to an object from other namespaces."""

    namespace_selectors: Annotated[tuple[NamespaceSelector, ...], Required] = ()
    """A namespace that any of these chooses has access; an empty list gives access to none."""


class LabelSelectorRequirement(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A condition on one label."""

    key: Annotated[str, Required] = ""
    """Label that the condition is about."""
    operator: Annotated[str, Required] = ""
    """In, NotIn, Exists or DoesNotExist."""
    values: Annotated[tuple[str, ...], Schema(list_type="atomic")] = ()
    """Values for In and NotIn; empty for the others."""


class LabelSelector(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Chooses objects by their labels; all conditions must hold, and no condition chooses everything."""

    match_labels: dict[str, str] = {}
    """Labels with the values they must have."""
    match_expressions: Annotated[tuple[LabelSelectorRequirement, ...], Schema(list_type="atomic")] = ()
    """Further conditions on labels."""
