"""The vocabulary in which the API types state what the Kubernetes API server must enforce.

They stand beside the fields (`Annotated[str, Schema(pattern=...)]`), and the CRDs are generated from them, so a rule
is written once. They are not enforced when we decode: an object stored before a rule existed must not make a whole
list unreadable. For the same reason a field that is required on the wire still has a Python default where one makes
sense. Vocabulary: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from api.resource import Resource

UNSET: Final = object()
"""No default: None would be a value."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of something that never happened, where a field must hold a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What the API server enforces on one field.

    A field may carry several; those whose `versions` name the served version are merged, the later winning.
    Empty `versions` means every version.
    """

    required: bool = False
    default: object = UNSET
    enum: tuple[str, ...] = ()
    pattern: str = ""
    format: str = ""
    minimum: int | None = None
    maximum: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    list_type: Literal["", "atomic", "map", "set"] = ""
    list_map_keys: tuple[str, ...] = ()
    map_type: Literal["", "atomic"] = ""
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL validation of a Struct, named in its `RULES`; `message` is what the user reads when it is false."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of `kubectl get`; priority 1 shows it only with `-o wide`. kubectl prints the name in upper case."""

    name: str
    path: str
    type: Literal["string", "date", "integer"] = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Everything but the fields of a kind's CustomResourceDefinition."""

    resource: Resource
    columns: dict[str, tuple[Column, ...]]
    """Served version to its printer columns, oldest version first; the last version is the one stored."""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status_subresource: bool = True
    annotations: dict[str, str] = field(default_factory=dict)
    retired: tuple[str, ...] = ()
    """Versions that clusters may have stored objects in, and that are no longer served; oldest first. The API server
    refuses a CRD that leaves out a version of `status.storedVersions`."""

    @property
    def versions(self) -> tuple[str, ...]:
        """Every served version, oldest first."""
        return tuple(self.columns)


AGE: Final = Column(name="Age", type="date", path=".metadata.creationTimestamp")
READY_STATUS: Final = Column(name="Ready", path='.status.conditions[?(@.type=="Ready")].status')
READY_MESSAGE: Final = Column(name="Status", path='.status.conditions[?(@.type=="Ready")].message')

Required = Schema(required=True)
Duration = Annotated[str, Schema(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$")]
Timeout = Annotated[str, Schema(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$")]
"""A duration in which hours are not accepted, as in Flux."""
ObservedGeneration = Annotated[int, Schema(format="int64")]
InitialStatus = Schema(default={"observedGeneration": -1})
"""The status that the API server gives a new object: nothing was reconciled yet."""
