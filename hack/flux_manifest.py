"""An install manifest like that of a release of Flux: its objects and their flags, with little inside of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # comes without type hints

VERSION: Final = "v2.9.4"
NAMESPACE: Final = "flux-system"
_EVENTS: Final = "--events-addr=http://notification-controller.$(RUNTIME_NAMESPACE).svc.cluster.local./"
_COMMON: Final = ("--watch-all-namespaces=true", "--log-level=info", "--log-encoding=json", "--enable-leader-election")
_STORAGE: Final = (
    "--storage-path=/data",
    "--storage-adv-addr=source-controller.$(RUNTIME_NAMESPACE).svc.cluster.local.",
)

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Component:
    name: str
    tag: str
    group: str
    kinds: tuple[str, ...]
    services: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


_COMPONENTS: Final = (
    _Component(
        "source-controller", "v1.9.4", "source.toolkit.fluxcd.io",
        ("Bucket", "ExternalArtifact", "GitRepository", "HelmChart", "HelmRepository", "OCIRepository"),
        ("source-controller",), (_EVENTS, *_COMMON, *_STORAGE),
    ),
    _Component(
        "kustomize-controller", "v1.9.4", "kustomize.toolkit.fluxcd.io", ("Kustomization",),
        args=(_EVENTS, *_COMMON),
    ),
    _Component("helm-controller", "v1.6.3", "helm.toolkit.fluxcd.io", ("HelmRelease",), args=(_EVENTS, *_COMMON)),
    _Component(
        "notification-controller", "v1.9.3", "notification.toolkit.fluxcd.io", ("Alert", "Provider", "Receiver"),
        ("notification-controller", "webhook-receiver"), _COMMON,
    ),
    _Component(
        "image-reflector-controller", "v1.2.4", "image.toolkit.fluxcd.io", ("ImagePolicy", "ImageRepository"),
        args=(_EVENTS, *_COMMON),
    ),
    _Component(
        "image-automation-controller", "v1.2.4", "image.toolkit.fluxcd.io", ("ImageUpdateAutomation",),
        args=(_EVENTS, *_COMMON),
    ),
)  # fmt: skip
_PLURALS: Final = {"ImagePolicy": "imagepolicies", "ImageRepository": "imagerepositories"} | {
    kind: f"{kind.removesuffix('y').lower()}ies" for kind in ("GitRepository", "HelmRepository", "OCIRepository")
}
_DEFAULTS: Final = {
    "GitRepository": {"timeout": {"type": "string", "default": "60s"}},
    "Kustomization": {"force": {"type": "boolean", "default": False}},
}
"""What the API server fills in of a spec."""


def manifest(*, version: str = VERSION, without: tuple[str, ...] = ()) -> str:
    """Return what `flux install --export` prints, but for the names of roles. without: components to leave out."""
    texts = (yaml.safe_dump(obj, sort_keys=False) for obj in _objects(version, without))
    return "---\n" + "---\n".join(texts)


def released() -> str:
    """Return an install.yaml as releases have it: it does not say its version, and names the namespace in addresses."""
    version = f"    app.kubernetes.io/version: {VERSION}\n"
    address = "//notification-controller.$(RUNTIME_NAMESPACE).svc"
    return manifest().replace(version, "").replace(address, address.replace("$(RUNTIME_NAMESPACE)", NAMESPACE))


def _objects(version: str, without: tuple[str, ...]) -> Iterator[Object]:
    warn = {"pod-security.kubernetes.io/warn": "restricted", "pod-security.kubernetes.io/warn-version": "latest"}
    yield _object("v1", "Namespace", NAMESPACE, version, labels=warn)
    for name in ("allow-egress", "allow-scraping", "allow-webhooks"):
        spec = {"podSelector": {}, "policyTypes": ["Ingress"]}
        yield _object("networking.k8s.io/v1", "NetworkPolicy", name, version, namespaced=True, spec=spec)
    quota = {"hard": {"pods": "1000"}}
    yield _object("v1", "ResourceQuota", "critical-pods", version, namespaced=True, spec=quota)
    for name in ("crd-controller", "flux-edit", "flux-view"):
        rules = [{"apiGroups": ["source.toolkit.fluxcd.io"], "resources": ["*"], "verbs": ["*"]}]
        yield _object("rbac.authorization.k8s.io/v1", "ClusterRole", name, version, rules=rules)
    yield _binding("cluster-reconciler", "cluster-admin", ("kustomize-controller", "helm-controller"), version)
    yield _binding("crd-controller", "crd-controller", tuple(one.name for one in _COMPONENTS), version)
    for component in _COMPONENTS:
        if component.name not in without:
            yield from _of(component, version)


def _of(component: _Component, version: str) -> Iterator[Object]:
    label = {"app.kubernetes.io/component": component.name}
    for kind in component.kinds:
        yield _crd(kind, component.group, version, label)
    yield _object("v1", "ServiceAccount", component.name, version, namespaced=True, labels=label)
    for name in component.services:
        spec: Object = {"ports": [{"port": 80}], "selector": {"app": component.name}}
        yield _object("v1", "Service", name, version, namespaced=True, labels=label, spec=spec)
    pod = {
        "serviceAccountName": component.name,
        "containers": [
            {"name": "manager", "image": f"ghcr.io/fluxcd/{component.name}:{component.tag}", "args": [*component.args]}
        ],
    }
    template = {"metadata": {"labels": {"app": component.name}}, "spec": pod}
    deployment: Object = {"replicas": 1, "selector": {"matchLabels": {"app": component.name}}, "template": template}
    yield _object("apps/v1", "Deployment", component.name, version, namespaced=True, labels=label, spec=deployment)


def _binding(name: str, role: str, accounts: tuple[str, ...], version: str) -> Object:
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE} for account in accounts]
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", name, version, roleRef=ref, subjects=subjects)


def _crd(kind: str, group: str, version: str, labels: dict[str, str]) -> Object:
    plural = _PLURALS.get(kind, f"{kind.lower()}{'es' if kind.endswith('s') else 's'}")
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec = {**anything, "properties": _DEFAULTS.get(kind, {})}
    schema = {**anything, "properties": {"spec": spec, "status": {**anything, "default": {"observedGeneration": -1}}}}
    served = {
        "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }  # fmt: skip
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return _object(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", version, labels=labels,
        spec={"group": group, "names": names, "scope": "Namespaced", "versions": [served]},
    )  # fmt: skip


def _object(
    api_version: str, kind: str, name: str, version: str, *, namespaced: bool = False,
    labels: dict[str, str] | None = None, **content: Any,
) -> Object:  # fmt: skip
    common = {
        "app.kubernetes.io/instance": NAMESPACE, "app.kubernetes.io/part-of": "flux",
        "app.kubernetes.io/version": version,
    }  # fmt: skip
    metadata: Object = {"labels": {**common, **(labels or {})}, "name": name}
    if namespaced:
        metadata["namespace"] = NAMESPACE
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}
