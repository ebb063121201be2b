"""What a release of Flux has and our story needs: images of the two controllers, and an install manifest.

Both are made from the controllers' modules: the programs that `hack.env.flux` builds, and the Deployments, Services and
CRDs in their `config/`. Nothing of that is committed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # comes without type hints

from hack.env import flux
from hack.oci import Pusher

VERSION: Final = "v2.9.5"
"""The release of Flux that has these versions of the controllers."""
USER: Final = "65534:65534"
_LABELS: Final = {
    "app.kubernetes.io/instance": flux.NAMESPACE,
    "app.kubernetes.io/part-of": "flux",
    "app.kubernetes.io/version": VERSION,
}

Object = dict[str, Any]


def push_images(pusher: Pusher, prefix: str) -> None:
    """Push an image of each controller, as `<prefix>/<controller>` with the tag that the manifest names."""
    for name, program in flux.build().items():
        tag = _image(program)[1]
        pusher.push_program(f"{prefix}/{name}", tag, program.read_bytes(), name=name, user=USER)


def manifest() -> str:
    """Return an install manifest with the two controllers, in the form of a release's `install.yaml`.

    The controllers act as administrators, as in a release. Policies, quotas and roles for users are left out.
    """
    documents = [_object("v1", "Namespace", flux.NAMESPACE, namespaced=False)]
    accounts = []
    for name, program in flux.build().items():
        label = {"app.kubernetes.io/component": name}
        documents += [_labelled(crd, label, namespaced=False) for crd in _read(flux.crd_folder(program))]
        documents.append(_object("v1", "ServiceAccount", name, label))
        accounts.append({"kind": "ServiceAccount", "name": name, "namespace": flux.NAMESPACE})
        for found in _read(_config(program) / "manager"):
            if found["kind"] in ("Deployment", "Service"):
                documents.append(_labelled(_completed(found, program), label))
    binding = _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "cluster-reconciler", namespaced=False)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    documents.append(binding | {"roleRef": reference, "subjects": accounts})
    return "---\n" + "---\n".join(yaml.safe_dump(document, sort_keys=False) for document in documents)


def _config(program: Path) -> Path:
    return program.parent / "static" / "config"


def _image(program: Path) -> tuple[str, str]:
    """Return name and tag of a controller's image, as its kustomization says."""
    (image,) = yaml.safe_load((_config(program) / "manager" / "kustomization.yaml").read_text())["images"]
    return f"ghcr.io/{image['newName']}", str(image["newTag"])


def _completed(found: Object, program: Path) -> Object:
    """Return a Deployment with what a release adds to it: its account, and the image's whole name."""
    if found["kind"] != "Deployment":
        return found
    pod = found["spec"]["template"]["spec"]
    pod["serviceAccountName"] = found["metadata"]["name"]
    pod["containers"][0]["image"] = ":".join(_image(program))
    return found


def _read(folder: Path) -> Iterator[Object]:
    for file in sorted(folder.glob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from filter(None, yaml.safe_load_all(file.read_text()))


def _labelled(found: Object, more: dict[str, str], *, namespaced: bool = True) -> Object:
    metadata = found["metadata"]
    labels = {**_LABELS, **more, **metadata.get("labels", {})}
    place = {"namespace": flux.NAMESPACE} if namespaced else {}
    return {**found, "metadata": {**metadata, "labels": labels, **place}}


def _object(
    version: str, kind: str, name: str, more: dict[str, str] | None = None, *, namespaced: bool = True
) -> Object:
    made: Object = {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
    return _labelled(made, more or {}, namespaced=namespaced)
