"""What an API server knows of its objects: names, uids, resourceVersions, generations, merge patches, preconditions.

Two faces stand on it: `apiserver.ScriptedServer` speaks HTTP, `kube.FakeKube` has the methods of the client. It knows
no schemas, no selectors, no finalizers, no access rules: for those there is the real server in `e2e`.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from api.resource import Resource
from controllers.runtime.kube.errors import AlreadyExists, Conflict, NotFound
from controllers.runtime.reconcile import merge_patch

Json: TypeAlias = dict[str, Any]
ObjectName: TypeAlias = tuple[str, str, str]
"""Plural, namespace, name."""
EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]


class ApiStore:
    """Objects by plural, namespace and name. Raises the errors that the client raises; `verb` begins their text."""

    def __init__(
        self, on_change: Callable[[EventType, str, Json], object] = lambda *_: None, *, version: int = 0
    ) -> None:
        """on_change: called with what happened, the plural, and the object as it is then, or as it was last."""
        self._on_change = on_change
        self._objects: dict[ObjectName, Json] = {}
        self._version = version

    @property
    def version(self) -> str:
        """The current resourceVersion."""
        return str(self._version)

    def skip_version(self) -> None:
        """Let something happen to an object of no interest."""
        self._version += 1

    def put(self, plural: str, body: Json) -> Json:
        """Create or replace an object, whatever is there; return it as stored.

        One with a resourceVersion keeps it, and the server goes on from there.
        """
        meta = body["metadata"]
        if "resourceVersion" in meta:
            self._version = int(meta["resourceVersion"]) - 1
        name = (plural, meta.get("namespace", ""), meta["name"])
        held = self._objects.get(name)
        if held:
            body = {**body, "metadata": {"uid": held["metadata"]["uid"], **meta}}
        return self._store(name, body, "MODIFIED" if held else "ADDED")

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object at once."""
        last = self._objects.pop((plural, namespace, name))
        self._version += 1
        self._on_change("DELETED", plural, {**last, "metadata": {**last["metadata"], "resourceVersion": self.version}})

    def find(self, plural: str, namespace: str, name: str) -> Json | None:
        return self._objects.get((plural, namespace, name))

    def list(self, plural: str, namespace: str = "") -> list[Json]:
        """Return the objects of a kind, by namespace and name."""
        return [
            body for (kind, where, _), body in sorted(self._objects.items(), key=lambda item: item[0])
            if kind == plural and namespace in ("", where)
        ]  # fmt: skip

    def get(self, resource: Resource, namespace: str, name: str, *, verb: str = "get") -> Json:
        held = self.find(resource.plural, namespace, name)
        if held is None:
            kind = f"{resource.plural}.{resource.group}".rstrip(".")
            raise NotFound(f"{verb} {resource.plural} {namespace}/{name}", f'{kind} "{name}" not found', status=404)
        return held

    def create(self, resource: Resource, namespace: str, body: Json) -> Json:
        name = body["metadata"]["name"]
        if self.find(resource.plural, namespace, name) is not None:
            operation = f"create {resource.plural} {namespace}/{name}"
            raise AlreadyExists(operation, f'{resource.plural} "{name}" already exists', status=409)
        meta = {**body["metadata"], "namespace": namespace}
        return self._store((resource.plural, namespace, name), {**body, "metadata": meta}, "ADDED")

    def patch(self, resource: Resource, namespace: str, name: str, body: Json, *, subresource: str = "") -> Json:
        held = self.get(resource, namespace, name, verb="patch")
        expected = body.get("metadata", {}).get("resourceVersion")
        if expected not in (None, held["metadata"]["resourceVersion"]):
            operation = f"patch {resource.plural} {namespace}/{name}"
            raise Conflict(operation, "the object has been modified", status=409)
        merged = merge_patch.merge(held, {"status": body.get("status")} if subresource == "status" else body)
        if merged == held:
            return held
        if merged.get("spec") != held.get("spec"):
            merged["metadata"] = {**held["metadata"], "generation": held["metadata"]["generation"] + 1}
        return self._store((resource.plural, namespace, name), merged, "MODIFIED")

    def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None:
        held = self.get(resource, namespace, name, verb="delete")
        if uid not in ("", held["metadata"]["uid"]):
            operation = f"delete {resource.plural} {namespace}/{name}"
            raise Conflict(operation, "the UID in the precondition does not match", status=409)
        self.remove(resource.plural, namespace, name)

    def _store(self, name: ObjectName, body: Json, event: EventType) -> Json:
        self._version += 1
        meta = {"uid": f"uid-{self.version}", "generation": 1, **body["metadata"], "resourceVersion": self.version}
        self._objects[name] = stored = {**body, "metadata": meta}
        self._on_change(event, name[0], stored)
        return stored
