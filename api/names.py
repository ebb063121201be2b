"""Names of the API that Kubernetes and Flux gave: groups, kinds, condition types, reasons, annotations.

No more than names, so that a command which only prints objects need not load their types.
"""

from typing import Final

from api.resource import Resource

IMAGE_GROUP: Final = "image.toolkit.fluxcd.io"
SOURCE_GROUP: Final = "source.toolkit.fluxcd.io"

READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"

SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
FAILURE: Final = "Failure"
PROGRESSING_WITH_RETRY: Final = "ProgressingWithRetry"
SUSPENDED: Final = "Suspended"
DEPENDENCY_NOT_READY: Final = "DependencyNotReady"
ACCESS_DENIED: Final = "AccessDenied"
FEATURE_GATE_DISABLED: Final = "FeatureGateDisabled"
IMAGE_URL_INVALID: Final = "ImageURLInvalid"
INVALID_DURATION: Final = "InvalidDuration"

REQUESTED_AT: Final = "reconcile.fluxcd.io/requestedAt"
"""Annotation: any new value asks for a reconcile now; the value is an opaque token."""
PUSHED_TAGS: Final = "image.toolkit.fluxcd.io/pushed-tags"
"""Annotation of an ImageRepository: the tags that its registry has announced; see `api.pushedtags`."""
FINALIZER: Final = "finalizers.fluxcd.io"
"""Flux's finalizer: removed where found, never added."""
EVENT_ANNOTATION_PREFIX: Final = "event.toolkit.fluxcd.io/"
"""Annotations with this prefix are copied into the metadata of events."""
SUBSTITUTE: Final = "kustomize.toolkit.fluxcd.io/substitute"
"""Annotation: `disabled` keeps Flux from replacing `${...}` in an object's text."""

IMAGE_REPOSITORIES: Final = Resource(IMAGE_GROUP, "v1", "imagerepositories", "ImageRepository")
IMAGE_POLICIES: Final = Resource(IMAGE_GROUP, "v1", "imagepolicies", "ImagePolicy")
IMAGE_UPDATE_AUTOMATIONS: Final = Resource(IMAGE_GROUP, "v1", "imageupdateautomations", "ImageUpdateAutomation")
IMAGE_TAG_LISTS: Final = Resource(IMAGE_GROUP, "v1alpha1", "imagetaglists", "ImageTagList")
GIT_REPOSITORIES: Final = Resource(SOURCE_GROUP, "v1", "gitrepositories", "GitRepository")
RECEIVERS: Final = Resource("notification.toolkit.fluxcd.io", "v1", "receivers", "Receiver")
KUSTOMIZATIONS: Final = Resource("kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "Kustomization")

NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SECRETS: Final = Resource("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
EVENTS: Final = Resource("", "v1", "events", "Event")
PODS: Final = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
CUSTOM_RESOURCE_DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
