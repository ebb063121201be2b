"""ImageRepository: an image whose tags are read from its registry, again and again.

Follows https://fluxcd.io/flux/components/image/imagerepositories/
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from api.meta import AccessFrom, Conditions, LocalObjectReference, ObjectMeta
from api.names import IMAGE_REPOSITORIES
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
    Schema,
    Timeout,
)

DEFAULT_EXCLUSION_LIST: Final = (r"^.*\.sig$",)
"""Signatures made by cosign are tags, too; this keeps them out."""

PROVIDERS: Final = ("generic", "aws", "azure", "gcp")

ALPHABETICAL: Final = "alphabetical"
SEMVER: Final = "semver"
FIRST_SEEN: Final = "firstSeen"
LATEST_COUNT: Final = 10


class LatestTags(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which tags a scan shows in status.lastScanResult.latestTags. Only in tagline."""

    # Default factories, since plain defaults would not be written.
    count: Annotated[int, Schema(default=LATEST_COUNT, minimum=1, maximum=100)] = msgspec.field(
        default_factory=lambda: LATEST_COUNT
    )
    """How many."""
    order: Annotated[str, Schema(default=ALPHABETICAL, enum=(ALPHABETICAL, SEMVER, FIRST_SEEN))] = msgspec.field(
        default_factory=lambda: ALPHABETICAL
    )
    """alphabetical: the last in the order of bytes; semver: the greatest versions; firstSeen: the last that came."""


class ImageRepositorySpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What to scan, how often, and as whom."""

    image: Annotated[str, Required] = ""
    """Address of the image, without scheme, tag and digest, e.g. ghcr.io/org/app."""
    interval: Annotated[Duration, Required] = ""
    """Time between two scans."""
    timeout: Timeout = ""
    """Longest time a scan may take, from 1s to 10m; unset means the interval."""
    secret_ref: LocalObjectReference | None = None
    """Secret with the registry's credentials (type kubernetes.io/dockerconfigjson)."""
    proxy_secret_ref: LocalObjectReference | None = None
    """Secret with the proxy to use: address, and optionally username and password."""
    service_account_name: Annotated[str, Schema(max_length=253)] = ""
    """ServiceAccount whose imagePullSecrets are used, or with a cloud provider whose identity."""
    cert_secret_ref: LocalObjectReference | None = None
    """Secret with a CA (ca.crt) and/or a client certificate (tls.crt and tls.key)."""
    suspend: bool = False
    """True stops scanning."""
    access_from: AccessFrom | None = None
    """Namespaces whose ImagePolicies may use this repository; unset means only its own."""
    exclusion_list: Annotated[
        tuple[str, ...],
        Schema(default=DEFAULT_EXCLUSION_LIST, max_items=25, versions=("v1beta2", "v1")),
    ] = ()
    r"""Regular expressions (RE2) of tags to leave out; none means ^.*\.sig$."""
    provider: Annotated[str, Schema(default="generic", enum=PROVIDERS)] = "generic"
    """Cloud whose identity is used to log in; generic uses the Secrets."""
    insecure: bool = False
    """True allows plain HTTP to the registry."""
    latest_tags: LatestTags | None = None
    """Which tags the status shows; unset means the last ten in the order of bytes. Only in tagline."""


class ScanResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the last successful scan found."""

    tag_count: Annotated[int, Required]
    """Number of tags left after exclusion."""
    scan_time: datetime = EPOCH
    """When the scan was made."""
    latest_tags: tuple[str, ...] = ()
    """The first ten tags in descending order of bytes, or what spec.latestTags says."""
    revision: str = ""
    """Checksum of all tags; policies choose anew when it changes."""
    trace_parent: str = ""
    """Trace context (W3C traceparent) of the scan that found these tags; unset unless the controller makes traces.
    Only in tagline."""


class ImageRepositoryStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the controller knows about the repository."""

    conditions: Conditions = ()
    """Ready, and Reconciling or Stalled while they apply."""
    # A default factory, since a plain default would not be written.
    observed_generation: ObservedGeneration = msgspec.field(default_factory=lambda: -1)
    """Last generation that was reconciled to the end; -1 before that."""
    canonical_image_name: str = ""
    """Full name of the image: registry and repository."""
    last_scan_result: ScanResult | None = None
    """Result of the last successful scan; kept when later scans fail."""
    observed_exclusion_list: tuple[str, ...] = ()
    """Exclusion list of the last scan, the default included."""
    observed_latest_tags: LatestTags | None = None
    """The spec.latestTags that lastScanResult.latestTags was made by. Only in tagline."""
    last_handled_reconcile_at: str = ""
    """Last value of the annotation reconcile.fluxcd.io/requestedAt that was acted on."""


class ImageRepository(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An image whose tags are scanned."""

    api_version: str = msgspec.field(default_factory=lambda: IMAGE_REPOSITORIES.api_version)
    kind: str = msgspec.field(default_factory=lambda: IMAGE_REPOSITORIES.kind)
    metadata: ObjectMeta
    spec: ImageRepositorySpec = msgspec.field(default_factory=ImageRepositorySpec)
    status: Annotated[ImageRepositoryStatus, InitialStatus] = msgspec.field(default_factory=ImageRepositoryStatus)


_LAST_SCAN: Final = Column(name="Last scan", path=".status.lastScanResult.scanTime")
_TAGS: Final = Column(name="Tags", path=".status.lastScanResult.tagCount")
_IMAGE: Final = Column(name="Image", path=".spec.image", priority=1)

DEFINITION: Final = Definition(
    resource=IMAGE_REPOSITORIES,
    retired=("v1alpha1", "v1alpha2"),
    columns={
        "v1beta1": (_LAST_SCAN, _TAGS),
        "v1beta2": (_LAST_SCAN, _TAGS),
        "v1": (_LAST_SCAN, _TAGS, READY_STATUS, READY_MESSAGE, AGE, _IMAGE),
    },
    short_names=("imgrepo", "imagerepo"),
    categories=("all", "fluxcd", "fluxcd-images"),
)
