"""Flux's kinds that tagline does not work on: some verbs count them, or name them."""

from typing import Final

from api.names import KUSTOMIZATIONS, SOURCE_GROUP
from api.resource import Resource

_NOTIFICATION: Final = "notification.toolkit.fluxcd.io"

COUNTED: Final = (
    Resource(SOURCE_GROUP, "v1", "ocirepositories", "OCIRepository"),
    Resource(SOURCE_GROUP, "v1", "helmrepositories", "HelmRepository"),
    Resource(SOURCE_GROUP, "v1", "helmcharts", "HelmChart"),
    Resource(SOURCE_GROUP, "v1", "buckets", "Bucket"),
    KUSTOMIZATIONS,
    Resource("helm.toolkit.fluxcd.io", "v2", "helmreleases", "HelmRelease"),
    Resource(_NOTIFICATION, "v1beta3", "alerts", "Alert"),
    Resource(_NOTIFICATION, "v1beta3", "providers", "Provider"),
    Resource(_NOTIFICATION, "v1", "receivers", "Receiver"),
)
"""Those that `stats` counts, in its order."""
OTHER_KINDS: Final = (
    *COUNTED,
    Resource(SOURCE_GROUP, "v1", "externalartifacts", "ExternalArtifact"),
    Resource("source.extensions.fluxcd.io", "v1beta1", "artifactgenerators", "ArtifactGenerator"),
)


def is_of_flux(api_version: str) -> bool:
    """Return whether objects of that `apiVersion` are Flux's."""
    group = api_version.partition("/")[0]
    return group.endswith((".toolkit.fluxcd.io", ".extensions.fluxcd.io"))
