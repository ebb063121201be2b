"""Which kinds are served, in which versions, and what must hold for their objects.

The kinds with schemas come from outside, in the form of `api.kinds.KINDS`; of the built-in ones those are served that
controllers read or write. Other kinds are not found, as on a server without their CRD.
Versions are converted as a CRD's strategy None does it: nothing changes but `apiVersion`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import msgspec

from api.names import NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from api.openapi import struct_schema
from api.resource import Resource
from api.schema import Definition
from controllers.runtime.kube.errors import NotFound

Json: TypeAlias = dict[str, Any]
KindName: TypeAlias = tuple[str, str]
"""Group and plural."""

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS = Resource("", "v1", "events", "Event")
EVENT_LIFETIME = timedelta(hours=1)
"""The API server's."""
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")


class Kind(Protocol):
    """What the store asks of a kind."""

    @property
    def resource(self) -> Resource:
        """Where it lives, in the version that is stored."""

    @property
    def name(self) -> KindName: ...

    @property
    def display_name(self) -> str:
        """Its name in messages, as `kubectl` accepts it."""

    @property
    def on_disk(self) -> bool:
        """Whether its objects are in the file, or only in memory."""

    @property
    def is_custom(self) -> bool:
        """Whether it has a schema, as a kind of a CRD has."""

    @property
    def is_collected(self) -> bool:
        """Whether its objects go with their owners."""

    @property
    def lifetime(self) -> timedelta | None:
        """How long its objects live; None for ever. Only for those in memory."""

    @property
    def has_status_subresource(self) -> bool: ...

    @property
    def has_generation(self) -> bool:
        """Whether changes of its spec are counted."""

    @property
    def type_fields(self) -> Json:
        """The fields of a stored object that say what it is."""

    def spec_of(self, obj: Json) -> Json:
        """Return the part of an object whose change is a new generation."""

    def mismatch(self, resource: Resource, body: Json) -> str:
        """Return why an object does not belong to a request for this kind in a version; empty if it does."""

    def schema(self, version: str) -> Json:
        """Return the schema of a version; one that says nothing for a built-in kind."""


class Kinds(Protocol):
    """The kinds that a store has."""

    @property
    def by_name(self) -> Mapping[KindName, Kind]: ...

    def find(self, resource: Resource, operation: str) -> Kind:
        """Return the kind of a request. Raises NotFound for a kind or version that is not served."""


class DefinedKind(Protocol):
    """A kind with a type that states its schema: a row of `api.kinds.KINDS`."""

    @property
    def type(self) -> type[msgspec.Struct]: ...
    @property
    def definition(self) -> Definition: ...


class ServedKind:
    """One kind as it is served. Built-in ones have no schema here: what is in their objects is up to their writers."""

    def __init__(
        self,
        resource: Resource,
        defined: DefinedKind | None = None,
        *,
        on_disk: bool = True,
        lifetime: timedelta | None = None,
    ) -> None:
        """Build it. resource: in the version that is stored; on_disk: False keeps its objects in memory only."""
        self.resource = resource
        self.on_disk = on_disk
        self.lifetime = lifetime
        self._defined = defined
        self._schemas: dict[str, Json] = {}

    @property
    def name(self) -> KindName:
        return self.resource.group, self.resource.plural

    @property
    def is_custom(self) -> bool:
        return self._defined is not None

    @property
    def is_collected(self) -> bool:
        return True

    @property
    def has_status_subresource(self) -> bool:
        return self._defined is not None and self._defined.definition.status_subresource

    @property
    def has_generation(self) -> bool:
        return self.is_custom  # no controller looks at those of the built-in kinds here

    @property
    def type_fields(self) -> Json:
        return {"apiVersion": self.resource.api_version, "kind": self.resource.kind}

    def spec_of(self, obj: Json) -> Json:
        without = {"metadata", "apiVersion", "kind"} | ({"status"} if self.has_status_subresource else set())
        return {name: value for name, value in obj.items() if name not in without}

    def mismatch(self, resource: Resource, body: Json) -> str:
        said, served = (body.get("apiVersion"), body.get("kind")), (resource.api_version, self.resource.kind)
        if said == served or (not self.is_custom and said == (None, None)):
            return ""
        if None in said:
            return f"Object '{'Kind' if said[1] is None else 'apiVersion'}' is missing"
        provided, asked = (" ".join(filter(None, pair)) for pair in (said, served))
        return f"the object provided is {provided}, the request is for {asked}"

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """Every served version."""
        return (self.resource.version,) if self._defined is None else self._defined.definition.versions

    @property
    def display_name(self) -> str:
        return f"{self.resource.plural}.{self.resource.group}".rstrip(".")

    def schema(self, version: str) -> Json:
        if self._defined is None:
            return {}
        if version not in self._schemas:
            self._schemas[version] = struct_schema(self._defined.type, version, describe=False)
        return self._schemas[version]


@dataclass(frozen=True)
class ServedKinds:
    """All kinds that are served."""

    by_name: Mapping[KindName, ServedKind]

    @classmethod
    def of(cls, defined: Iterable[DefinedKind]) -> "ServedKinds":
        """Return the built-in kinds and those that are defined elsewhere."""
        kinds = [
            ServedKind(NAMESPACES),
            # They come from manifests at each start, and nothing that is secret is written to disk.
            ServedKind(SECRETS, on_disk=False),
            ServedKind(SERVICE_ACCOUNTS),
            ServedKind(CONFIG_MAPS),
            ServedKind(EVENTS, on_disk=False, lifetime=EVENT_LIFETIME),
            ServedKind(LEASES),
            *(ServedKind(kind.definition.resource, kind) for kind in defined),
        ]
        return cls({kind.name: kind for kind in kinds})

    def find(self, resource: Resource, operation: str) -> Kind:
        kind = self.by_name.get((resource.group, resource.plural))
        if kind is None or resource.version not in kind.versions:
            raise NotFound(operation, "the server could not find the requested resource", status=404)
        return kind

    def of_object(self, api_version: str, kind: str) -> ServedKind | None:
        """Return the kind that an object says it is; None for one that is not served in this version."""
        group, _, version = api_version.rpartition("/")
        for served in self.by_name.values():
            if (served.resource.group, served.resource.kind) == (group, kind) and version in served.versions:
                return served
        return None
