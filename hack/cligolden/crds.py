"""The CRDs that a cluster of the recordings has: ours without labels, and bare ones for the kinds that we have not."""

import time
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from hack.cligolden.kube import CRDS, FLUX_KINDS, Api
from hack.controllers import not_established

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests" / "crds"
ESTABLISHED_SECONDS = 30


def definitions() -> dict[str, dict[str, Any]]:
    """Return the CRDs of image and source controllers by name."""
    ours = {}
    for path in sorted(MANIFESTS.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            document["metadata"].pop("labels", None)
            ours[document["metadata"]["name"]] = document
    found = {}
    for kind, (version, plural) in FLUX_KINDS.items():
        group = version.partition("/")[0]
        name = f"{plural}.{group}"
        found[name] = ours.get(name) or bare(kind, plural, group)
    return found


def bare(kind: str, plural: str, group: str) -> dict[str, Any]:
    """Return a CRD of version v1 that takes any object."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": anything},
    }
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def install(api: Api) -> None:
    """Create the CRDs and wait until they are served. Raises Refused, or TimeoutError."""
    for document in definitions().values():
        api.request("POST", CRDS, document)
    deadline = time.monotonic() + ESTABLISHED_SECONDS
    while waiting := not_established(api.request("GET", CRDS)["items"]):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not established after {ESTABLISHED_SECONDS} s: {', '.join(waiting)}")
        time.sleep(0.05)


def label(api: Api, labels: dict[str, str]) -> None:
    """Let every CRD have these labels and no other."""
    for document in api.request("GET", CRDS)["items"]:
        metadata = document["metadata"]
        if metadata.get("labels", {}) != labels:
            stale = dict.fromkeys(metadata.get("labels", {}))
            api.request("PATCH", f"{CRDS}/{metadata['name']}", {"metadata": {"labels": {**stale, **labels}}})
