"""What a search for markers finds: the values that `markers.find_markers` returns and `splice` works from."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ObjectId:
    """The Kubernetes object a document describes, as far as it says so; a values file leaves all fields empty."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(slots=True)
class Owner:
    """The object around a mark: the fields that name it, each with its scalar's ordinal, for that may be marked."""

    root: "Owner | None" = None
    """The list that this object is an item of; None for the object of a document."""
    fields: dict[str, tuple[int, str]] = field(default_factory=dict)

    def identity(self, written: Mapping[int, str]) -> ObjectId:
        """The object's id once the scalars with the ordinals in `written` have their new values."""
        return ObjectId(**{name: written.get(ordinal, text) for name, (ordinal, text) in self.fields.items()})


@dataclass(frozen=True, slots=True)
class Mark:
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
    owner: Owner
    ordinal: int
    """Index of the scalar's event in `Scan.trace`."""


@dataclass(frozen=True, slots=True)
class Loose:
    """A comment that looks like a marker but marks nothing; `setter` is empty when it is not even sound."""

    line: int
    setter: str


@dataclass(frozen=True, slots=True)
class Scan:
    marks: tuple[Mark, ...]
    """In the order of the file."""
    loose: tuple[Loose, ...]
    trace: list[object]
    """The signature of every event, in order."""
