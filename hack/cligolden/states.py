"""The states of a cluster that recordings start from, loaded afresh by replacing only what has changed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from hack.cligolden import crds
from hack.cligolden.cases import parts_of
from hack.cligolden.kube import KINDS, Api, Object, Refused

NAMESPACES = ("flux-system", "apps", "empty")
NAMESPACE_PATH = "/api/v1/namespaces"
FOREIGN = ("default", "kube-")
"""Names, or their beginnings, of namespaces in which nobody looks for changes."""
FILES = {"empty": (), "fleet": ("fleet",), "installed": ("fleet", "installed"), "degraded": ("fleet", "degraded")}
EVENT_SECONDS = 5
"""How old events may become beyond their recorded age; the nearest to a minute's edge is 15 seconds away from it."""
LABELLED = {
    "app.kubernetes.io/part-of": "flux",
    "app.kubernetes.io/version": "v2.9.4",
    "app.kubernetes.io/instance": "flux-system",
}
BOOTSTRAPPED = {
    "kustomize.toolkit.fluxcd.io/name": "flux-system",
    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
}
HELM = {"app.kubernetes.io/managed-by": "Helm"}

Key = tuple[str, str, str]
"""Kind, namespace and name."""


class Damaged(Exception):
    """CRDs or namespaces are no longer those of the beginning: such a cluster is thrown away."""


@dataclass(slots=True)
class Cluster:
    """A cluster with the CRDs, in one state at a time."""

    api: Api
    _loaded: dict[Key, Object] = field(default_factory=dict)
    """What the present state has, as it was when it was loaded."""
    _event_time: float = 0
    _crds: dict[str, crds.Form] = field(default_factory=dict)
    _namespaces: dict[str, bool] = field(default_factory=dict)

    def prepare(self) -> None:
        """Create what every state has: the CRDs and the namespaces. Raises Refused, or TimeoutError."""
        self._crds = crds.install(self.api)
        for name in NAMESPACES:
            self.api.request("POST", NAMESPACE_PATH, {"metadata": {"name": name}})
        self._namespaces = self._present()

    def load(self, state: str, fixtures: Path) -> None:
        """Bring the cluster into a state. Raises Damaged, or Refused when the server takes one of its objects not."""
        base, additions = parts_of(state)
        if crds.label(self.api, labels_of(additions)) != self._crds or self._present() != self._namespaces:
            raise Damaged
        wanted = {key_of(document): document for document in _documents(FILES[base], fixtures)}
        if "events" in additions:
            wanted |= {key_of(document): document for document in _documents(("events",), fixtures)}
        stale = time.monotonic() - self._event_time > EVENT_SECONDS
        stored = self._stored()
        for key, item in stored.items():
            if key not in wanted or version_of(item) != version_of(self._loaded.get(key)) or (stale and _is_event(key)):
                self.api.delete(*key)
                self._loaded.pop(key, None)
        if stale:
            self._event_time = time.monotonic()
        for key, document in wanted.items():
            if key not in self._loaded or key not in stored:
                self._loaded[key] = self.api.create(dated(document, datetime.now(UTC)))
        self._loaded = {key: item for key, item in self._loaded.items() if key in wanted}

    def _present(self) -> dict[str, bool]:
        """Return the namespaces, and whether each is being deleted."""
        items = self.api.request("GET", NAMESPACE_PATH)["items"]
        return {item["metadata"]["name"]: "deletionTimestamp" in item["metadata"] for item in items}

    def changes(self) -> dict[str, Any]:
        """Return what has changed since the state was loaded, in the form of the recordings."""
        return changes(self._loaded, self._stored())

    def _stored(self) -> dict[Key, Object]:
        found = {}
        for kind in KINDS:
            for item in self.api.list(kind):
                key = key_of(item)
                if not key[1].startswith(FOREIGN):
                    found[key] = item
        return found


def labels_of(additions: tuple[str, ...]) -> dict[str, str]:
    """Return the labels of the CRDs in a state with these additions."""
    labels: dict[str, str] = {}
    for name, some in (("labelled-crds", LABELLED), ("bootstrapped", BOOTSTRAPPED), ("helm", HELM)):
        labels |= some if name in additions else {}
    return labels


def changes(before: Mapping[Key, Object], after: Mapping[Key, Object]) -> dict[str, Any]:
    """Return what differs: object to "deleted", {"created": …} or {field: [before, after]}; events do not count."""
    found: dict[str, Any] = {}
    for key in sorted(before.keys() | after.keys()):
        if _is_event(key):
            continue
        place = "/".join(key)
        if key not in after:
            found[place] = "deleted"
        elif key not in before:
            found[place] = {"created": content_of(after[key])}
        else:
            old, new = (fields_of(content_of(x)) for x in (before[key], after[key]))
            changed = {name: [old.get(name), new.get(name)] for name in sorted(old.keys() | new.keys())}
            if changed := {name: pair for name, pair in changed.items() if pair[0] != pair[1]}:
                found[place] = changed
    return found


def content_of(item: Object) -> dict[str, Any]:
    """Return what the recordings tell of an object: not what the server adds, and no status."""
    metadata = item["metadata"]
    told = {name: metadata[name] for name in ("labels", "annotations", "finalizers") if metadata.get(name)}
    own = ("apiVersion", "kind", "metadata", "status")
    return told | {name: value for name, value in item.items() if name not in own and value is not None}


def fields_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that changes are told by: `spec.suspend`, `labels.app`; not deeper."""
    fields: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            fields |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            fields[name] = value
    return fields


def dated(document: Mapping[str, Any], now: datetime) -> Object:
    """Return a fixture as it is to be stored: an event's `secondsAgo` becomes its times."""
    found = dict(document)
    if "secondsAgo" in found:
        when = (now - timedelta(seconds=found.pop("secondsAgo"))).strftime("%Y-%m-%dT%H:%M:%SZ")
        found |= {"firstTimestamp": when, "lastTimestamp": when}
    return found


def key_of(item: Mapping[str, Any]) -> Key:
    """Return kind, namespace and name."""
    return str(item["kind"]), str(item["metadata"]["namespace"]), str(item["metadata"]["name"])


def version_of(item: Object | None) -> tuple[str, str] | None:
    """Return what differs as soon as anything of an object does."""
    return None if item is None else (item["metadata"]["uid"], item["metadata"]["resourceVersion"])


def _is_event(key: Key) -> bool:
    return key[0] == "Event"


def _documents(names: tuple[str, ...], fixtures: Path) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    for name in names:
        path = fixtures / f"{name}.yaml"
        if not path.is_file():
            raise Refused(f"the state's fixture {path} does not exist")
        documents += [document for document in yaml.safe_load_all(path.read_text()) if document]
    return documents
