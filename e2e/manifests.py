"""`manifests` with components, as kubectl renders them."""

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from hack.controllers import ROOT, Kubectl

Objects = list[dict[str, Any]]


def render(kubectl: Kubectl, folder: Path, *components: str, namespace: str = "") -> str:
    """Return the text that a kustomization of a user's gives, with some components and maybe a namespace."""
    return kubectl("kustomize", str(kustomize(folder, *components, namespace=namespace))).stdout


def kustomize(folder: Path, *components: str, namespace: str = "") -> Path:
    """Make a folder the kustomization of a user's; return it."""
    link = folder / "manifests"
    if not link.exists():
        link.symlink_to(ROOT / "manifests")
    lines = [
        "resources: [manifests]",
        f"components: [{', '.join(f'manifests/components/{c}' for c in components)}]",
        *([f"namespace: {namespace}"] if namespace else []),
    ]
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    return folder


def apply(kubectl: Kubectl, folder: Path, *components: str) -> None:
    """Apply all of the manifests with components but the Deployments.

    Where the controllers run as pods, their Deployments have an image and flags that are to stay.
    """
    wanted = [found for found in parse(render(kubectl, folder, *components)) if found["kind"] != "Deployment"]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted})
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)


def parse(text: str) -> Objects:
    """Return the objects of a rendered text."""
    return [found for found in YAML(typ="safe").load_all(text) if found]


def arguments(objects: Objects, controller: str) -> tuple[str, ...]:
    """Return the arguments of a controller's container."""
    (deployment,) = (
        found for found in objects if found["kind"] == "Deployment" and found["metadata"]["name"] == controller
    )
    return tuple(deployment["spec"]["template"]["spec"]["containers"][0]["args"])
