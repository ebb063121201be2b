"""A cluster as the command line's verbs see it: objects in memory, and changes that come while something is watched."""

import copy
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from io import StringIO
from typing import Any, cast

from api.resource import Resource
from cli.grammar.session import Reporter, Session
from cli.kube.client import Cluster
from controllers.runtime.kube.errors import AlreadyExists, ApiError, Conflict, NotFound

Object = dict[str, Any]
Objects = list[Object]
Step = Callable[["FakeCluster"], object]


class FakeCluster:
    """What `cli.kube.client.Cluster` offers, as far as verbs use it."""

    def __init__(self, namespace: str = "") -> None:
        self.namespace = namespace
        self.server = "https://cluster.test"
        self.requests: list[str] = []
        """`verb plural namespace/name` of each."""
        self.failures: dict[str, ApiError] = {}
        """Request → what it raises."""
        self.steps: list[Step] = []
        """What others do while something is watched, one after the other. Then time passes until the deadline."""
        self.now = 0.0
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._version = 0

    def put(self, resource: Resource, obj: Mapping[str, Any]) -> Object:
        """Create or replace an object as somebody else; a changed spec is a new generation."""
        stored = copy.deepcopy(dict(obj))
        meta = stored["metadata"]
        before = self._objects.get(self._key(resource, meta.get("namespace", ""), meta["name"]))
        generation = before["metadata"]["generation"] if before else 1
        if before and before.get("spec") != stored.get("spec"):
            generation += 1
        self._version += 1
        meta |= {"generation": generation, "resourceVersion": str(self._version), "uid": f"uid-of-{meta['name']}"}
        stored |= {"apiVersion": resource.api_version, "kind": resource.kind}
        self._objects[self._key(resource, meta.get("namespace", ""), meta["name"])] = stored
        return copy.deepcopy(stored)

    def set_status(self, resource: Resource, namespace: str, name: str, **status: Any) -> None:
        """Write a status as a controller does, for the present generation unless another one is given."""
        obj = self._objects[self._key(resource, namespace, name)]
        self.put(resource, obj | {"status": {"observedGeneration": obj["metadata"]["generation"]} | status})

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object as somebody else."""
        del self._objects[self._key(resource, namespace, name)]

    def stored(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Return an object as it is stored."""
        return self._objects.get(self._key(resource, namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        self._request("get", resource, namespace, name)
        return copy.deepcopy(self._find(resource, namespace, name))

    def list(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = "", page_size: int = 500
    ) -> Iterator[Object]:
        yield from self.list_versioned(resource, namespace, labels=labels, fields=fields)[0]

    def list_versioned(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = "", page_size: int = 500
    ) -> tuple[Objects, str]:
        self._request("list", resource, namespace, "")
        found = [
            copy.deepcopy(obj)
            for (plural, where, name), obj in sorted(self._objects.items())
            if plural == resource.plural
            and namespace in ("", where)
            and _has_labels(obj, labels)
            and fields in ("", f"metadata.name={name}")
        ]
        return found, str(self._version)

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        resource_version: str,
        timeout: float,
    ) -> Generator[tuple[str, Object], None, None]:
        self._request("watch", resource, namespace, "")
        end = self.now + timeout
        known = {key: obj for key, obj in self._objects.items() if key[0] == resource.plural}
        seen = int(resource_version)
        while True:
            for key, obj in list(known.items()):
                if key not in self._objects:
                    del known[key]
                    yield "DELETED", copy.deepcopy(obj)
            for key, obj in sorted(self._objects.items()):
                if (
                    key[0] == resource.plural
                    and namespace in ("", key[1])
                    and fields in ("", f"metadata.name={key[2]}")
                ):
                    if int(obj["metadata"]["resourceVersion"]) > seen:
                        yield ("MODIFIED" if key in known else "ADDED"), copy.deepcopy(obj)
                    known[key] = obj
            seen = self._version
            if not self.steps:
                self.now = end
                return
            self.steps.pop(0)(self)

    def create(self, resource: Resource, namespace: str, body: Mapping[str, Any], **_: Any) -> Object:
        name = body["metadata"]["name"]
        self._request("create", resource, namespace, name)
        if self.stored(resource, namespace, name):
            raise AlreadyExists("create", f'{resource.plural} "{name}" already exists', status=409)
        return self.put(resource, body)

    def update(self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], **_: Any) -> Object:
        self._request("update", resource, namespace, name)
        self._find(resource, namespace, name)
        return self.put(resource, body)

    def patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], *, manager: str = "", **_: Any
    ) -> Object:
        self._request("patch", resource, namespace, name)
        return self.put(resource, _merge(self._find(resource, namespace, name), body))

    def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "", **_: Any) -> None:
        self._request("delete", resource, namespace, name)
        if uid and uid != self._find(resource, namespace, name)["metadata"]["uid"]:
            raise Conflict("delete", "the UID in the precondition is another", status=409)
        self._find(resource, namespace, name)
        self.remove(resource, namespace, name)

    def _find(self, resource: Resource, namespace: str, name: str) -> Object:
        found = self.stored(resource, namespace, name)
        if found is None:
            plural = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
            raise NotFound("get", f'{plural} "{name}" not found', status=404)
        return found

    def _request(self, verb: str, resource: Resource, namespace: str, name: str) -> None:
        request = f"{verb} {resource.plural} {namespace}/{name}"
        self.requests.append(request)
        if request in self.failures:
            raise self.failures[request]

    @staticmethod
    def _key(resource: Resource, namespace: str, name: str) -> tuple[str, str, str]:
        return resource.plural, namespace, name


@contextmanager
def session_on(cluster: FakeCluster, **values: Any) -> Iterator[tuple[Session, StringIO]]:
    """Yield a session on a cluster, and what it says. values: of the global flags, beyond those of a plain call."""
    from cli.grammar.globals import GLOBAL_FLAGS  # noqa: PLC0415

    said = StringIO()
    defaults = {str(flag.name): flag.default for flag in GLOBAL_FLAGS}
    session = Session(
        defaults | values,
        namespace_given="namespace" in values,
        environ={},
        monotonic=lambda: cluster.now,
        report=Reporter(said),
        connect=lambda _: nullcontext(cast("Cluster", cluster)),
    )
    yield session, said
    session.close()


def _has_labels(obj: Object, labels: str) -> bool:
    own = obj["metadata"].get("labels") or {}
    return all(own.get(key) == value for key, _, value in (one.partition("=") for one in labels.split(",") if one))


def _merge(target: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
    """Return what a JSON merge patch makes (RFC 7396)."""
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            before = merged.get(key)
            merged[key] = _merge(before if isinstance(before, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged
