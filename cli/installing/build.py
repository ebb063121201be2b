"""From flags to the objects of an installation. Touches neither a cluster nor, but for the packaged data, a file."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from api.version import VERSION
from cli.grammar.session import Failed
from cli.installing.components import FEATURES, NEEDS, OWN
from cli.installing.patches import Object, apply_component

NAMESPACE: Final = "tagline-system"
"""Where the controllers run, if no other namespace is asked for."""
REGISTRY: Final = "ghcr.io/tagline"
CLUSTER_DOMAIN: Final = "cluster.local"
PART_OF: Final = "app.kubernetes.io/part-of"
COMPONENT: Final = "app.kubernetes.io/component"
NAMESPACED: Final = "namespaced"
FLUX_SOURCES: Final = "flux-sources"
GIT_REPOSITORY_CRD: Final = "gitrepositories.source.toolkit.fluxcd.io"
RECEIVER_CRD: Final = "receivers.notification.toolkit.fluxcd.io"
_PACKAGED: Final = Path(__file__).with_name("manifests.json")
_ORDER: Final = (
    "Namespace", "CustomResourceDefinition", "ServiceAccount", "Role", "ClusterRole", "RoleBinding",
    "ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ConfigMap", "Secret",
    "Service", "Deployment", "NetworkPolicy",
)  # fmt: skip
"""In which they are printed, and applied: what others need comes first."""
_SHARED: Final = (
    "Namespace", "CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
)  # fmt: skip
"""Of the whole cluster, and harmless to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an installation should be like. The defaults make what `kubectl apply -k manifests` applies."""

    namespace: str = NAMESPACE
    components: tuple[str, ...] = OWN
    version: str = f"v{VERSION}"
    """The tag of the image."""
    registry: str = REGISTRY
    image_pull_secret: str = ""
    watch_all_namespaces: bool = True
    log_level: str = "info"
    network_policy: bool = True
    cluster_domain: str = CLUSTER_DOMAIN
    toleration_keys: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    """Folders of manifests/components."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """What objects are built from."""

    objects: Sequence[Object]
    components: Mapping[str, Mapping[str, Any]]


def packaged() -> Manifests:
    """Return the manifests of this release."""
    data = json.loads(_PACKAGED.read_bytes())
    return Manifests(data["objects"], data["components"])


def feature_names() -> tuple[str, ...]:
    """Return the names that Options.features may have: all but the one that `watch_all_namespaces` stands for."""
    return tuple(name for name in packaged().components if name != NAMESPACED)


def build(options: Options, manifests: Manifests | None = None) -> list[Object]:
    """Return the objects of an installation, in the order in which to apply them.

    manifests: if not those of this release. Raises PatchFailed when they are of another shape.
    """
    manifests = manifests or packaged()
    objects = list(manifests.objects)
    options = with_features(options)
    for feature in options.features:
        objects = apply_component(objects, manifests.components[feature])
    if not options.watch_all_namespaces:
        objects = _namespaced(objects, manifests)
    objects = copy.deepcopy([obj for obj in objects if _is_wanted(obj, options)])
    for obj in objects:
        _move(obj, options.namespace)
        if obj["kind"] == "Deployment":
            _configure(obj, options)
    return sorted(objects, key=rank)


def with_features(options: Options) -> Options:
    """Return options whose components and features name each other, and the features that some need.

    Those of components come first, for others to patch.
    """
    needed = tuple(NEEDS[name] for name in options.features if name in NEEDS)
    options = replace(options, features=(*needed, *options.features))
    more = tuple(
        name for name, feature in FEATURES.items() if name in options.components or feature in options.features
    )
    first = tuple(FEATURES[name] for name in more)
    return replace(
        options,
        components=tuple(dict.fromkeys((*options.components, *more))),
        features=tuple(dict.fromkeys((*first, *options.features))),
    )


def rank(obj: Mapping[str, Any]) -> int:
    """Return a number by which to sort objects: what others need is lower."""
    return _ORDER.index(obj["kind"]) if obj["kind"] in _ORDER else len(_ORDER)


def _namespaced(objects: Sequence[Object], manifests: Manifests) -> list[Object]:
    """Give up every right outside of the namespace. What the whole cluster shares is installed all the same."""
    limited = apply_component(objects, manifests.components[NAMESPACED])
    kept = {_key(obj) for obj in limited}
    shared = [obj for obj in objects if _key(obj) not in kept and _is_shared(obj)]
    return [*shared, *limited]


def _is_shared(obj: Mapping[str, Any]) -> bool:
    aggregated = any(label.startswith("rbac.authorization.k8s.io/aggregate-to-") for label in _labels(obj))
    return obj["kind"] in _SHARED or aggregated


def _is_wanted(obj: Mapping[str, Any], options: Options) -> bool:
    component = _labels(obj).get(COMPONENT)
    if component is not None and component not in options.components:
        return False
    return options.network_policy or obj["kind"] != "NetworkPolicy"


def _move(obj: Object, namespace: str) -> None:
    """Change every mention of our default namespace into another."""
    if namespace == NAMESPACE:
        return
    metadata = obj["metadata"]
    if metadata.get("namespace") == NAMESPACE:
        metadata["namespace"] = namespace
    if obj["kind"] == "Namespace":
        metadata["name"] = namespace
    for subject in obj.get("subjects", ()):
        if subject.get("namespace") == NAMESPACE:
            subject["namespace"] = namespace
    if obj["kind"] == "NetworkPolicy":
        for rule in obj["spec"].get("ingress", ()):
            for peer in rule.get("from", ()):
                labels = peer.get("namespaceSelector", {}).get("matchLabels", {})
                labels.update({key: namespace for key, value in labels.items() if value == NAMESPACE})


def _configure(deployment: Object, options: Options) -> None:
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    name = container["image"].rpartition("/")[2].partition(":")[0]
    container["image"] = f"{options.registry.rstrip('/')}/{name}:{options.version}"
    arguments = container["args"]
    set_argument(arguments, "--log-level", lambda _: options.log_level)
    old, new = f".svc.{CLUSTER_DOMAIN}", f".svc.{options.cluster_domain}"
    set_argument(arguments, "--events-addr", lambda address: address.replace(old, new))
    if options.image_pull_secret:
        pod["imagePullSecrets"] = [{"name": options.image_pull_secret}]
    if options.toleration_keys:
        pod["tolerations"] = [{"key": key, "operator": "Exists"} for key in options.toleration_keys]


def set_argument(arguments: list[str], flag: str, change: Callable[[str], str]) -> None:
    """Change the value of a flag where it stands; those who patch Deployments count positions."""
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == flag and equals:
            arguments[position] = f"{flag}={change(value)}"


def check_version(version: str) -> None:
    """Raise Failed for a version that no release can have."""
    if not version.startswith("v"):
        raise Failed(f"targeted version '{version}' must be prefixed with 'v'")


def _key(obj: Mapping[str, Any]) -> tuple[str, str]:
    return obj["kind"], obj["metadata"]["name"]


def _labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    labels: Mapping[str, str] = obj["metadata"].get("labels", {})
    return labels
