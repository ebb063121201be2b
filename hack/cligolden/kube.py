"""The API server as the player needs it: objects of any kind whose path is known, written as they are."""

import json
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx

from hack.env.controlplane import ControlPlane

FLUX_KINDS = {
    "ImageRepository": ("image.toolkit.fluxcd.io/v1", "imagerepositories"),
    "ImagePolicy": ("image.toolkit.fluxcd.io/v1", "imagepolicies"),
    "ImageUpdateAutomation": ("image.toolkit.fluxcd.io/v1", "imageupdateautomations"),
    "GitRepository": ("source.toolkit.fluxcd.io/v1", "gitrepositories"),
    "Bucket": ("source.toolkit.fluxcd.io/v1", "buckets"),
    "ExternalArtifact": ("source.toolkit.fluxcd.io/v1", "externalartifacts"),
    "HelmChart": ("source.toolkit.fluxcd.io/v1", "helmcharts"),
    "HelmRepository": ("source.toolkit.fluxcd.io/v1", "helmrepositories"),
    "OCIRepository": ("source.toolkit.fluxcd.io/v1", "ocirepositories"),
}
"""API version and plural of the kinds of image and source controllers."""
KINDS = FLUX_KINDS | {
    "Kustomization": ("kustomize.toolkit.fluxcd.io/v1", "kustomizations"),
    "Deployment": ("apps/v1", "deployments"),
    "Secret": ("v1", "secrets"),
    "ConfigMap": ("v1", "configmaps"),
    "Service": ("v1", "services"),
    "Event": ("v1", "events"),
}
OTHERS = {"Application": ("argoproj.io/v1alpha1", "applications")}
"""Kinds that are no part of a recorded state."""
BUSY_SECONDS = 30
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Object = dict[str, Any]


class Refused(Exception):
    """The API server did not do what it was asked; the text is its message."""


class NotFound(Refused):
    """There is no such object."""


class Api:
    """An API server with administrator's rights. May be used by several threads; close it after use."""

    def __init__(self, plane: ControlPlane) -> None:
        self.kubeconfig = plane.kubeconfig
        token = json.loads(Path(plane.kubeconfig).read_text())["users"][0]["user"]["token"]
        self._client = httpx.Client(
            base_url=plane.server,
            verify=ssl.create_default_context(cafile=str(plane.authority)),
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=30,
        )
        self.host = plane.server.removeprefix("https://")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def version(self) -> str:
        """Return the server's version without the `v`."""
        return str(self.request("GET", "/version")["gitVersion"]).removeprefix("v")

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Object:
        """Return the answer's object. Raises Refused."""
        headers = {"Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
        content = None if body is None else json.dumps(body)
        answer = self._sent(method, path, content=content, headers=headers)
        if answer.is_error:
            message = answer.json().get("message") if "json" in answer.headers.get("Content-Type", "") else answer.text
            refused = NotFound if answer.status_code == httpx.codes.NOT_FOUND else Refused
            raise refused(f"{method} {path}: {message}")
        found: Object = answer.json()
        return found

    def _sent(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Return the answer, which a server that still prepares a new kind puts off for a second or so."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            answer = self._client.request(method, path, **content)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or time.monotonic() > deadline:
                return answer
            time.sleep(0.1)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return an object; None when there is none, or no such kind."""
        answer = self._sent("GET", path_of(kind, namespace, name))
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        found: Object = answer.json()
        return found

    def list(self, kind: str, namespace: str = "") -> list[Object]:
        """Return the objects of a namespace, or of all; none when there is no such kind."""
        answer = self._sent("GET", path_of(kind, namespace))
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        items: list[Object] = answer.json()["items"]
        return [{"kind": kind, **item} for item in items]

    def serves(self, kind: str) -> bool:
        """Return True when the server knows a kind, which it does a moment after its CRD is established."""
        return self._sent("GET", path_of(kind)).status_code != httpx.codes.NOT_FOUND

    def create(self, document: Mapping[str, Any]) -> Object:
        """Create an object and write its status, if it has one; return it as it is stored. Raises Refused."""
        kind, place = document["kind"], document["metadata"]
        body = {key: value for key, value in document.items() if key != "status"}
        made = self.request("POST", path_of(kind, place["namespace"]), body)
        if "status" in document:
            made = self.write_status(kind, place["namespace"], place["name"], document["status"])
        return {"kind": kind, **made}

    def write_status(self, kind: str, namespace: str, name: str, status: Mapping[str, Any]) -> Object:
        """Replace the status of an object; return the object. Raises Refused."""
        path = path_of(kind, namespace, name)
        while True:
            stored = self.request("GET", path)
            try:
                return self.request("PUT", f"{path}/status", {**stored, "status": status})
            except Refused as refused:
                if "the object has been modified" not in str(refused):
                    raise

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object, whatever its finalizers, unless it is gone. Raises Refused."""
        path = path_of(kind, namespace, name)
        with suppress(NotFound):
            stored = self.request("DELETE", path)
            if stored.get("metadata", {}).get("finalizers"):
                self.request("PATCH", path, {"metadata": {"finalizers": None}})


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """Return the path of an object, of a kind in a namespace, or of a kind."""
    version, plural = KINDS.get(kind) or OTHERS[kind]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return "/".join([root, *(("namespaces", namespace) if namespace else ()), plural, *((name,) if name else ())])
