"""What an API server knows of its objects, for fakes: the store of the embedded API, with any kind and no rules.

Two faces stand on it: `apiserver.ScriptedServer` speaks HTTP, `kube.FakeKube` has the methods of the client. It knows
no schemas, no subresource but a status, and no garbage collection; versions, and uids of what a test puts, are easy to
foresee.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, TypeAlias

import msgspec

from api.resource import Resource
from controllers.runtime.embedded.history import Change
from controllers.runtime.embedded.served import KindName
from controllers.runtime.embedded.statefile import open_memory
from controllers.runtime.embedded.store import ObjectStore, Request, with_version
from controllers.runtime.embedded.tables import ObjectId, Row, Tables
from controllers.runtime.kube import serializer
from controllers.runtime.reconcile import merge_patch
from testing.clock import VirtualClock

Json: TypeAlias = dict[str, Any]
EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]


class AnyKind:
    """A kind by its plural alone: a test may put anything into its objects, and its specs have generations."""

    on_disk = has_generation = True
    is_custom = is_collected = has_status_subresource = False

    def __init__(self, plural: str) -> None:
        self.resource = Resource("", "", plural, "")
        self.name = ("", plural)
        self.display_name = plural
        self.type_fields: Json = {}
        self.lifetime: timedelta | None = None

    def spec_of(self, obj: Json) -> Json:
        return {"spec": obj.get("spec")}

    def mismatch(self, _resource: Resource, _body: Json) -> str:
        return ""

    def schema(self, _version: str) -> Json:
        return {}


class AnyKinds:
    """Every kind there could be, whatever its group."""

    def __init__(self) -> None:
        self.by_name: dict[KindName, AnyKind] = {}

    def find(self, resource: Resource, _operation: str) -> AnyKind:
        return self.by_name.setdefault(("", resource.plural), AnyKind(resource.plural))


class ApiStore:
    """Objects by plural, namespace and name. Raises the errors that the client raises."""

    def __init__(
        self, on_change: Callable[[EventType, str, Json], object] = lambda *_: None, *, version: int = 0
    ) -> None:
        """on_change: called with what happened, the plural, and the object as it is then, or as it was last."""
        self._on_change = on_change
        self._tables = Tables(open_memory().connection)
        self._tables.version = version
        self.objects = ObjectStore(self._tables, AnyKinds(), clock=VirtualClock())
        """The product's store of them."""
        self.objects.history.add(self)
        self.get, self.create = self.objects.get, self.objects.create
        self.patch, self.delete = self.objects.patch, self.objects.delete

    @property
    def version(self) -> str:
        """The current resourceVersion."""
        return self.objects.version

    def offer(self, change: Change) -> None:
        """Report a change."""
        kind: EventType = "DELETED" if change.new is None else "ADDED" if change.old is None else "MODIFIED"
        body = with_version(change.old or b"", change.version) if change.new is None else change.new
        self._on_change(kind, change.id.plural, _decode(body))

    def skip_version(self) -> None:
        """Let something happen to an object of no interest."""
        self._tables.version += 1

    def put(self, plural: str, body: Json) -> Json:
        """Create or replace an object, whatever is there; return it as stored.

        One with a resourceVersion keeps it, and the server goes on from there.
        """
        body = _decode(serializer.encode(body))
        meta = body["metadata"]
        place = ObjectId("", plural, meta.get("namespace", ""), meta["name"])
        held = self._tables.get(place, on_disk=True)
        with self._tables.transaction():
            version = int(meta.get("resourceVersion", self._tables.version + 1))
            self._tables.version = version
            uid = held.uid if held else f"uid-{version}"
            body["metadata"] = {"uid": uid, "generation": 1, **meta, "resourceVersion": str(version)}
            row = Row(place, body["metadata"]["uid"], version, serializer.encode(body))
            self._tables.put(row, on_disk=True)
        self.objects.history.publish(Change(version, place, held.body if held else None, row.body))
        return body

    def change(self, plural: str, namespace: str, name: str, patch: Json) -> None:
        """Merge a patch into an object, also into what only a server sets, its uid for example."""
        held = self.find(plural, namespace, name)
        assert held is not None
        changed: Json = merge_patch.merge(held, patch)
        meta = {**changed["metadata"]}
        if changed.get("spec") != held.get("spec"):
            meta["generation"] += 1
        del meta["resourceVersion"]
        self.put(plural, {**changed, "metadata": meta})

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object at once."""
        self.delete(Request(f"delete {plural} {namespace}/{name}", Resource("", "", plural, ""), namespace, name))

    def find(self, plural: str, namespace: str, name: str) -> Json | None:
        """Return an object; None when there is none."""
        row = self._tables.get(ObjectId("", plural, namespace, name), on_disk=True)
        return None if row is None else _decode(row.body)

    def list(self, plural: str, namespace: str = "") -> list[Json]:
        """Return the objects of a kind, by namespace and name."""
        return [_decode(row.body) for row in self._tables.select("", plural, namespace, on_disk=True)]


def _decode(body: bytes) -> Json:
    obj: Json = msgspec.json.decode(body)
    return obj
