"""The CRDs that a cluster of the recordings has: ours without labels, and bare ones for the kinds that we have not."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from hack.cligolden.kube import CRDS, FLUX_KINDS, Api
from hack.controllers import not_established

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests" / "crds"
WAIT_SECONDS = 60

Form = tuple[str, int, bool]


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


def install(api: Api) -> dict[str, Form]:
    """Create the CRDs and wait until they are served; return their forms. Raises Refused, or TimeoutError."""
    forms = {name: form_of(api.request("POST", CRDS, document)) for name, document in definitions().items()}
    deadline = time.monotonic() + WAIT_SECONDS
    while not_established(api.request("GET", CRDS)["items"]) or not all(map(api.serves, FLUX_KINDS)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all CRDs are served after {WAIT_SECONDS} s")
        time.sleep(0.05)
    return forms


def label(api: Api, labels: Mapping[str, str]) -> dict[str, Form]:
    """Let every CRD have these labels and no other; return the forms of all."""
    items = api.request("GET", CRDS)["items"]
    for document in items:
        metadata = document["metadata"]
        present = metadata.get("labels", {})
        if present != labels:
            changed = {**dict.fromkeys(present), **labels}
            api.request("PATCH", f"{CRDS}/{metadata['name']}", {"metadata": {"labels": changed}})
    return {document["metadata"]["name"]: form_of(document) for document in items}


def form_of(document: Mapping[str, Any]) -> Form:
    """Return what differs once a CRD is another one, its spec has changed or it is being deleted."""
    metadata = document["metadata"]
    return metadata["uid"], metadata["generation"], "deletionTimestamp" in metadata
