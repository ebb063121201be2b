"""What a search for markers finds: the values that `markers.find_markers` returns and `splice` works from."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ObjectIdentifier:
    """The Kubernetes object that a document describes, as far as it says so; all fields are empty for a values file."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(slots=True)
class EnclosingObject:
    """The object around a marker: the fields that name it, each with its scalar's ordinal, for it may be marked."""

    root: "EnclosingObject | None" = None
    """The list that this object is an item of; None for the object of a document."""
    fields: dict[str, tuple[int, str]] = field(default_factory=dict)

    def identity(self, written: Mapping[int, str]) -> ObjectIdentifier:
        """Return the object's identity once the scalars with the ordinals in `written` have their new values."""
        return ObjectIdentifier(**{name: written.get(ordinal, text) for name, (ordinal, text) in self.fields.items()})


@dataclass(frozen=True, slots=True)
class Marker:
    """A scalar with a marker: where it is, and what the marker says."""

    start: int
    """Byte offset of the scalar's first property (anchor or tag), or of the scalar."""
    end: int
    """Byte offset behind it; for block scalars the start of the next line."""
    style: str
    """plain, single, double, literal or folded."""
    tag: str | None
    document: int
    """Index of the document in the stream, empty ones counted."""
    path: str
    """Keys from the document's root, joined by dots; sequences add nothing."""
    line: int
    column: int
    """Where `start` is, 1-based, in characters."""
    value: str
    setter: str
    owner: EnclosingObject
    ordinal: int
    """Index of the scalar's event in `MarkerScan.event_signatures`."""


@dataclass(frozen=True, slots=True)
class StrayMarker:
    """A comment that looks like a marker but marks nothing; `setter` is empty when it is not even a valid one."""

    line: int
    setter: str


@dataclass(frozen=True, slots=True)
class MarkerScan:
    """The markers of one file, and what `splice` needs to compare the file with its edit."""

    markers: tuple[Marker, ...]
    """In the order of the file."""
    stray_markers: tuple[StrayMarker, ...]
    event_signatures: list[object]
    """The signature of every event, in order."""
