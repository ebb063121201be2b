"""Reads and writes objects without a process for each: tests poll, and kubectl costs 50 ms of CPU a call.

One `kubectl proxy` stands between, so whatever a kubeconfig says about reaching a cluster holds here, too.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from api.kinds import EVERY_KIND
from hack.controllers import Kubectl
from hack.env import process

PLURAL = {kind.resource.kind: kind.resource.plural for kind in EVERY_KIND} | {
    "Event": "events",
    "Pod": "pods",
    "Secret": "secrets",
    "ServiceAccount": "serviceaccounts",
}
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PUTS = 5
"""As often is an object put when somebody, a controller for example, has written it since it was read."""


class RequestRejected(Exception):
    """The API server did not do what it was asked; the text is its message."""


class KubeApi:
    """The API server with the rights of a kubeconfig. Close it after use."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        command = [kubectl.program, "--kubeconfig", kubectl.kubeconfig, "proxy", "--port=0"]
        self._proxy = process.start("kubectl-proxy", command, folder)
        process.wait_until(lambda: self._address() is not None, self._proxy)
        self._client = httpx.Client(base_url=f"http://{self._address()}", trust_env=False, timeout=30)

    @property
    def url(self) -> str:
        """The API server, for whoever needs no login."""
        return f"http://{self._address()}"

    def close(self) -> None:
        """Stop the proxy."""
        self._client.close()
        process.stop(self._proxy, kill=True)

    def get(self, api_version: str, kind: str, *, namespace: str, name: str) -> dict[str, Any]:
        """Return the object; an empty dict when there is none."""
        answer = self._client.get(_path(api_version, kind, namespace, name))
        return {} if answer.status_code == 404 else _content(answer)

    def list(
        self, api_version: str, kind: str, *, namespace: str, field_selector: str = "", label_selector: str = ""
    ) -> list[dict[str, Any]]:
        """Return the objects of a namespace."""
        selectors = {"fieldSelector": field_selector, "labelSelector": label_selector}
        answer = self._client.get(_path(api_version, kind, namespace), params=selectors)
        items: list[dict[str, Any]] = _content(answer)["items"]
        return items

    def apply(self, document: Mapping[str, Any]) -> None:
        """Apply as `kubectl apply --server-side --force-conflicts`; unknown fields are refused."""
        place = document["metadata"]
        path = _path(document["apiVersion"], document["kind"], place["namespace"], place["name"])
        params = {"fieldManager": "kubectl", "force": "true", "fieldValidation": "Strict"}
        self._patch(path, document, APPLY_PATCH, params)

    def put(self, document: Mapping[str, Any]) -> None:
        """Put a whole object in place of the one that is there, or create it, as `kubectl replace` and `create`.

        Not all edits can be applied: the server makes null of an object whose last owned field a manager drops.
        """
        place = document["metadata"]
        kind, version = document["kind"], document["apiVersion"]
        path = _path(version, kind, place["namespace"], place["name"])
        for _ in range(PUTS):
            held = self.get(version, kind, namespace=place["namespace"], name=place["name"])
            if not held:
                _content(self._client.post(_path(version, kind, place["namespace"]), json=document))
                return
            meta = {**place, "resourceVersion": held["metadata"]["resourceVersion"]}
            answer = self._client.put(path, json={**document, "metadata": meta})
            if answer.status_code != httpx.codes.CONFLICT:
                break
        _content(answer)

    def would_create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the server would store (its dry run); unknown fields are refused. Raises RequestRejected."""
        path = _path(document["apiVersion"], document["kind"], document["metadata"]["namespace"])
        return _content(self._client.post(path, json=document, params={"dryRun": "All", "fieldValidation": "Strict"}))

    def create_namespace(self, name: str) -> None:
        """Create a namespace."""
        _content(self._client.post("/api/v1/namespaces", json={"metadata": {"name": name}}))

    def delete(self, api_version: str, kind: str, *, namespace: str, name: str) -> None:
        """Ask for an object's deletion; one that is not there is fine."""
        answer = self._client.delete(_path(api_version, kind, namespace, name))
        if answer.status_code != 404:
            _content(answer)

    def has_namespace(self, name: str) -> bool:
        """Return whether there is such a namespace, also while it is being deleted."""
        return self._client.get(f"/api/v1/namespaces/{name}").status_code != 404

    def delete_namespace(self, name: str) -> None:
        """Begin its deletion, with everything in it."""
        _content(self._client.delete(f"/api/v1/namespaces/{name}"))

    def merge(self, api_version: str, kind: str, *, namespace: str, name: str, change: Mapping[str, Any]) -> None:
        """Merge a change into an object."""
        self._patch(_path(api_version, kind, namespace, name), change, MERGE_PATCH, {})

    def _patch(self, path: str, body: Mapping[str, Any], type: str, params: Mapping[str, str]) -> None:
        headers = {"Content-Type": type}
        _content(self._client.patch(path, content=json.dumps(body), headers=headers, params=params))

    def _address(self) -> str | None:
        found = re.search(r"Starting to serve on (\S+)", Path(self._proxy.log).read_text())
        return found and found[1]


def _path(api_version: str, kind: str, namespace: str, name: str = "") -> str:
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    return f"{root}/namespaces/{namespace}/{PLURAL[kind]}/{name}".rstrip("/")


def _content(answer: httpx.Response) -> dict[str, Any]:
    content: dict[str, Any] = answer.json()
    if answer.is_error:
        raise RequestRejected(f"{answer.request.method} {answer.request.url.path}: {content.get('message')}")
    return content
