"""What an API server does with objects: checks, fills in, counts versions and generations, deletes what is owned.

Each request is one transaction: it is in the file before its answer is given, or it never was. Changes are published
after that. Not kept: managed fields, admission, access rules; there is one user, the process itself.
Conventions: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import copy
import sqlite3
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec

from api.resource import Resource
from controllers.clock import Clock
from controllers.runtime.embedded import admission, metadata
from controllers.runtime.embedded.history import Change, History
from controllers.runtime.embedded.served import Json, Kind, KindName, Kinds
from controllers.runtime.embedded.tables import ObjectId, Row, Tables
from controllers.runtime.kube import serializer
from controllers.runtime.kube.errors import AlreadyExists, Conflict, NotFound, ServerError
from controllers.runtime.reconcile import merge_patch

_NAMESPACES: KindName = ("", "namespaces")


@dataclass(frozen=True, slots=True)
class Request:
    """What a request is about."""

    operation: str
    """The beginning of every text about it."""
    resource: Resource
    namespace: str = ""
    name: str = ""
    is_dry_run: bool = False
    """Whether it is answered as any other, but nothing of it is kept (`dryRun=All`)."""


class ObjectStore:
    """The objects of an API, for one thread. Raises ApiError; a file that cannot be written is a ServerError."""

    def __init__(self, tables: Tables, kinds: Kinds, *, clock: Clock) -> None:
        self.kinds = kinds
        self._tables = tables
        self._clock = clock
        self._unpublished: list[Change] = []
        self._expiring: deque[tuple[float, ObjectId]] = deque()
        self.history = History(tables.version)

    @property
    def version(self) -> str:
        """The current resourceVersion."""
        return str(self._tables.version)

    def get(self, request: Request) -> bytes:
        """Return an object in the version of the request. Raises NotFound."""
        kind = self._kind(request)
        with self._mapped_errors(request):
            return self.in_version(kind, request.resource, self._row(kind, request).body)

    def list(self, request: Request) -> list[bytes]:
        """Return the objects of a kind by namespace and name; without a namespace: of all."""
        kind = self._kind(request)
        with self._mapped_errors(request):
            rows = self._tables.select(*kind.name, request.namespace, on_disk=kind.on_disk)
            return [self.in_version(kind, request.resource, row.body) for row in rows]

    def create(self, request: Request, body: Json) -> bytes:
        """Store a new object and return it. Raises AlreadyExists, Invalid."""
        kind, operation = self._kind(request), request.operation
        admission.check_type(kind, request.resource, body, operation)
        meta = metadata.prepare_new(kind, request.namespace, body, operation)
        obj = {**body, "metadata": meta | self._birth() | ({"generation": 1} if kind.has_generation else {})}
        if kind.has_status_subresource:
            obj.pop("status", None)
        admission.admit(kind, request.resource, obj, operation)
        place = ObjectId(*kind.name, meta.get("namespace", ""), meta["name"])
        with self._transaction(request):
            if self._tables.get(place, on_disk=kind.on_disk) is not None:
                text = f'{kind.display_name} "{place.name}" already exists'
                raise AlreadyExists(operation, text, status=409, reason="AlreadyExists")
            self._make_namespace(place.namespace)
            stored = self._put(kind, place, obj, before=None)
            if stored.owners and kind.is_collected:
                self._collect(kind, stored)
            if not request.is_dry_run:
                self._expire_objects()
        if kind.lifetime is not None and not request.is_dry_run:
            self._expiring.append((self._clock.monotonic() + kind.lifetime.total_seconds(), place))
        return self.in_version(kind, request.resource, stored.body)

    def patch(self, request: Request, patch: Json, *, subresource: str = "") -> bytes:
        """Merge a patch into an object and return it as it is then. Raises NotFound, Conflict, Invalid."""
        sent = patch.get("metadata") or {}
        return self._update(request, lambda held: merge_patch.merge(held, patch), sent, subresource=subresource)

    def replace(self, request: Request, body: Json) -> bytes:
        """Put a whole object in place of the one that is there, which keeps its status (HTTP's PUT).

        With a resourceVersion it is a precondition. Raises NotFound, Conflict, Invalid.
        """
        admission.check_type(self._kind(request), request.resource, body, request.operation)
        return self._update(request, lambda _: body, body.get("metadata") or {})

    def delete(self, request: Request, *, uid: str = "") -> None:
        """Delete an object and what it owns; one with finalizers is marked. Raises NotFound, Conflict."""
        kind = self._kind(request)
        with self._transaction(request):
            row = self._row(kind, request)
            _check_preconditions(kind, row, {"uid": uid}, request.operation)
            self._delete(kind, row)

    def complete_objects(self) -> None:
        """Prune and default every object by the schema in which it is stored, as a server does when it reads one."""
        for kind in filter(lambda kind: kind.is_custom, self.kinds.by_name.values()):
            with self._transaction(Request(f"complete {kind.display_name}", kind.resource)):
                for row in self._tables.select(*kind.name, "", on_disk=kind.on_disk):
                    obj: Json = msgspec.json.decode(row.body)
                    admission.complete(kind, kind.resource, obj)
                    completed = replace(row, body=serializer.encode(obj), owners=owner_uids(obj))
                    self._tables.put(completed, on_disk=kind.on_disk)

    def _update(self, request: Request, change: Callable[[Json], Json], sent: Json, *, subresource: str = "") -> bytes:
        """Store what `change` makes of an object. sent: the metadata of the request, for its preconditions."""
        kind, resource, operation = self._kind(request), request.resource, request.operation
        with self._transaction(request):
            row = self._row(kind, request)
            _check_preconditions(kind, row, sent, operation)
            held: Json = msgspec.json.decode(self.in_version(kind, resource, row.body))
            changed = admission.combine(kind, held, change(held), subresource, operation)
            changed = copy.deepcopy(changed)  # it shares values with `held`, and is filled in
            admission.admit(kind, resource, changed, operation, before=held)
            if changed == held:
                return self.in_version(kind, resource, row.body)
            if kind.has_generation and kind.spec_of(changed) != kind.spec_of(held):
                changed["metadata"]["generation"] = held["metadata"].get("generation", 0) + 1
            if "deletionTimestamp" in changed["metadata"] and not changed["metadata"].get("finalizers"):
                self._remove(kind, row)
                return with_version(serializer.encode(changed), self._tables.version)
            stored = self._put(kind, row.id, changed, before=row.body)
        return self.in_version(kind, resource, stored.body)

    def _kind(self, request: Request) -> Kind:
        return self.kinds.find(request.resource, request.operation)

    def _row(self, kind: Kind, request: Request) -> Row:
        namespace = request.namespace if kind.resource.namespaced else ""
        row = self._tables.get(ObjectId(*kind.name, namespace, request.name), on_disk=kind.on_disk)
        if row is None:
            text = f'{kind.display_name} "{request.name}" not found'
            raise NotFound(request.operation, text, status=404, reason="NotFound")
        return row

    def _put(self, kind: Kind, place: ObjectId, obj: Json, *, before: bytes | None) -> Row:
        self._tables.version += 1
        meta = {**obj["metadata"], "resourceVersion": self.version}
        obj = {**obj, **kind.type_fields, "metadata": meta}
        body = serializer.encode(obj)
        row = Row(place, meta["uid"], self._tables.version, body, owner_uids(obj))
        self._tables.put(row, on_disk=kind.on_disk)
        self._unpublished.append(Change(row.version, place, before, body))
        return row

    def _delete(self, kind: Kind, row: Row) -> None:
        """Mark an object that somebody wants to finish with first; remove any other."""
        obj: Json = msgspec.json.decode(row.body)
        meta = obj["metadata"]
        if not meta.get("finalizers"):
            self._remove(kind, row)
        elif "deletionTimestamp" not in meta:
            generation = {"generation": meta["generation"] + 1} if "generation" in meta else {}
            obj["metadata"] = meta | generation | {"deletionTimestamp": self._timestamp()}
            self._put(kind, row.id, obj, before=row.body)

    def _remove(self, kind: Kind, row: Row) -> None:
        """Remove an object with what it owns."""
        self._tables.delete(row.id, on_disk=kind.on_disk)
        self._tables.version += 1
        self._unpublished.append(Change(self._tables.version, row.id, row.body, None))
        for owned, its_row in self._find(self._tables.dependents(row.uid)):
            if owned.is_collected:
                self._collect(owned, its_row)
        if kind.name == _NAMESPACES:
            for inside in self._find(self._tables.within(row.id.name)):
                self._delete(*inside)

    def _expire_objects(self) -> None:
        """Delete what has lived for its time; asked whenever something is made."""
        now, places = self._clock.monotonic(), []
        while self._expiring and self._expiring[0][0] <= now:
            places.append(self._expiring.popleft()[1])
        for kind, row in self._find(places):
            self._delete(kind, row)

    def _collect(self, kind: Kind, row: Row) -> None:
        """Delete an object that has owners none of which is left."""
        if not any(self._tables.has_uid(owner) for owner in owner_uids(msgspec.json.decode(row.body))):
            self._delete(kind, row)

    def _find(self, places: Iterable[ObjectId]) -> Iterator[tuple[Kind, Row]]:
        """Yield those of several objects that are still there."""
        for place in places:
            kind = self.kinds.by_name.get((place.group, place.plural))
            row = kind and self._tables.get(place, on_disk=kind.on_disk)
            if kind and row:
                yield kind, row

    def _make_namespace(self, name: str) -> None:
        """Make the namespace of a new object, if need be: there is nobody else here who would."""
        kind = self.kinds.by_name.get(_NAMESPACES)
        place = ObjectId(*_NAMESPACES, "", name)
        if kind and name and self._tables.get(place, on_disk=kind.on_disk) is None:
            obj: Json = {"metadata": {"name": name, **self._birth()}}
            admission.admit(kind, kind.resource, obj, f"create namespaces {name}")
            self._put(kind, place, obj, before=None)

    @staticmethod
    def in_version(kind: Kind, resource: Resource, body: bytes) -> bytes:
        """Convert a stored object to the requested version."""
        if resource.version == kind.resource.version:
            return body
        return serializer.encode(msgspec.json.decode(body) | {"apiVersion": resource.api_version})

    def _birth(self) -> Json:
        """Return the metadata that a new object gets for its life."""
        return {"uid": str(uuid.uuid4()), "creationTimestamp": self._timestamp()}

    def _timestamp(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    @contextmanager
    def _transaction(self, request: Request) -> Iterator[None]:
        """Keep what the block does, then publish it; or do neither."""
        self._unpublished.clear()
        with self._mapped_errors(request), self._tables.transaction(keep=not request.is_dry_run):
            yield
        changes, self._unpublished = self._unpublished, []
        for change in [] if request.is_dry_run else changes:
            self.history.publish(change)

    @contextmanager
    def _mapped_errors(self, request: Request) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ServerError(request.operation, f"state file: {error}", status=500, reason="InternalError") from error


def owner_uids(obj: Json) -> tuple[str, ...]:
    """Return the uids of the objects that own one."""
    return tuple(owner["uid"] for owner in obj["metadata"].get("ownerReferences") or () if "uid" in owner)


def with_version(body: bytes, version: int) -> bytes:
    """Return an encoded object with another resourceVersion."""
    obj: Json = msgspec.json.decode(body)
    obj["metadata"]["resourceVersion"] = str(version)
    return serializer.encode(obj)


def _check_preconditions(kind: Kind, row: Row, sent: Json, operation: str) -> None:
    if sent.get("resourceVersion") not in (None, "", str(row.version)):
        text = (
            f'Operation cannot be fulfilled on {kind.display_name} "{row.id.name}": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        raise Conflict(operation, text, status=409, reason="Conflict")
    if sent.get("uid") not in (None, "", row.uid):
        text = f"Precondition failed: UID in precondition: {sent['uid']}, UID in object meta: {row.uid}"
        raise Conflict(operation, text, status=409, reason="Conflict")
