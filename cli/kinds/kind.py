"""What the command line knows of a kind: one table, which every verb reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from api.names import READY
from api.resource import Resource
from cli.fields import field, mapping, mappings, text

Object: TypeAlias = Mapping[str, Any]
"""An object as the API server sends it."""


def status(obj: Object) -> Mapping[str, Any]:
    """Return the status, empty where there is none."""
    return mapping(obj, "status")


def condition(obj: Object, type: str = READY) -> Mapping[str, Any] | None:
    """Return a condition of the status, or None. Condition types are compared without regard to case."""
    wanted = type.lower()
    return next((one for one in mappings(obj, "status", "conditions") if text(one, "type").lower() == wanted), None)


def is_suspended(obj: Object) -> bool:
    """Return whether `spec.suspend` is set."""
    return field(obj, "spec", "suspend") is True


def suspended(obj: Object) -> str:
    """Return the cell of the column SUSPENDED."""
    return "True" if is_suspended(obj) else "False"


def ready_message(obj: Object) -> str:
    """Return the message of the condition Ready."""
    return text(condition(obj), "message")


@dataclass(frozen=True, slots=True)
class Link:
    """A field of the spec that names the object which one is made from, with `name` and perhaps `namespace`."""

    field: str
    resource: Resource


@dataclass(frozen=True, slots=True)
class Selector:
    """A field of the spec that selects by labels objects of one kind in the same namespace; without it all."""

    field: str
    resource: Resource


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that another one names."""

    resource: Resource
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `get`, beside those that every kind has."""

    header: str
    cell: Callable[[Object], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """How `create` makes an object of a kind."""

    module: str
    """Its `COMMAND` is `create <group> <word>`; imported when that is asked for, since flags take time to make."""
    summary: str
    described_as: str = ""
    """What progress calls it, if not the kind: `GitRepository source`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CliKind:
    """One kind of object."""

    resource: Resource
    group: str
    """The word before `word`: `image`, `source`; empty where there is none."""
    group_plural: str
    """The same in `get`: `images`, `sources`."""
    word: str
    """`repository`, `policy`, `update`, `git`, `receiver`."""
    plural: str = ""
    """The word in `get`, if it is another: `receivers`."""
    human: str
    """What `suspend`, `resume` and `delete` call it."""
    columns: tuple[Column, ...]
    """After NAME, in this order; then come READY and MESSAGE."""
    wide_columns: tuple[Column, ...] = ()
    """With `-o wide`, before MESSAGE."""
    message: Callable[[Object], str] = ready_message
    """The cell of the column MESSAGE."""
    links: tuple[Link, ...] = ()
    """What one of this kind is made from."""
    selectors: tuple[Selector, ...] = ()
    """What else one of this kind is made from."""
    tells_of_links: bool = False
    """Whether events of one include those of what it names."""
    summarize: Callable[[Object], str]
    """The last line after a successful reconcile."""
    creation: Creation
    complete: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """Returns a spec with the fields that manifests of this kind always have."""

    @property
    def kind(self) -> str:
        """The name of the kind."""
        return self.resource.kind

    @property
    def prefix(self) -> str:
        """What stands before names in tables of several kinds: `imagepolicy`."""
        return self.resource.kind.lower()

    @property
    def phrase(self) -> str:
        """The words by which verbs name the kind: `image policy`, `receiver`."""
        return f"{self.group} {self.word}".strip()

    @property
    def phrase_of_get(self) -> str:
        """The same in `get`: `images policy`, `receivers`."""
        return f"{self.group_plural} {self.plural or self.word}".strip()

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Both, word by word, behind the verb."""
        return tuple(self.phrase.split()), tuple(self.phrase_of_get.split())

    def references(self, obj: Object) -> list[Reference]:
        """Return the objects that one names; those without a namespace are in its own."""
        found = []
        for link in self.links:
            ref = mapping(obj, "spec", link.field)
            namespace = text(ref, "namespace") or text(obj, "metadata", "namespace")
            if name := text(ref, "name"):
                found.append(Reference(link.resource, namespace, name))
        return found
