"""Which events are shown: those of Flux's objects, or of one kind, or of one object and what it is made from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.events.rows import Event
from cli.grammar.session import Failed
from cli.grammar.spelling import did_you_mean, nearest
from cli.kinds import FLUX_KINDS, KINDS
from cli.kinds.kind import CliKind, Object
from cli.kinds.other import is_of_flux
from cli.kube.objects import field_is

if TYPE_CHECKING:
    from cli.kube.client import Cluster


@dataclass(frozen=True, slots=True)
class Scope:
    """One request for events."""

    namespace: str
    """Empty for all."""
    fields: str
    """The field selector."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for."""

    scopes: Sequence[Scope]
    types: frozenset[str]
    """In small letters; empty for all."""

    def wants(self, event: Event) -> bool:
        """Return whether an event that came for one of the scopes is to be shown."""
        involved = event.get("involvedObject") or {}
        if not is_of_flux(str(involved.get("apiVersion") or "")):
            return False
        return not self.types or str(event.get("type") or "").lower() in self.types


def check_types(types: Sequence[str], known: Sequence[str]) -> frozenset[str]:
    """Return the types of events in small letters. Raises Failed for one that there is not."""
    for word in types:
        if word.lower() not in {one.lower() for one in known}:
            raise Failed(f"type '{word}' not supported. Supported types are {', '.join(known)}")
    return frozenset(word.lower() for word in types)


def scopes_for(cluster: "Cluster", namespace: str, *, all_namespaces: bool, subject: str) -> list[Scope]:
    """Return the requests for the events of a subject: empty, `Kind` or `Kind/name`. Raises Failed, NotFound."""
    place = "" if all_namespaces else namespace
    kind_word, slash, name = subject.partition("/")
    if not subject:
        return [Scope(place, "")]
    if not kind_word:
        raise Failed("--for selector must be of format <kind>[/<name>]")
    kind_name = _known_kind(kind_word, subject if "/" in name else kind_word)
    if not slash or not name:
        return [Scope(place, field_is("involvedObject.kind", kind_name))]
    scopes = [Scope(place, _of(kind_name, name))]
    kind = next((kind for kind in KINDS if kind.kind == kind_name), None)
    if kind is not None and kind.tells_of_links:
        for obj in _objects(cluster, kind, place, name):
            scopes += [Scope(ref.namespace, _of(ref.resource.kind, ref.name)) for ref in kind.references(obj)]
    return list(dict.fromkeys(scopes))


def _of(kind: str, name: str) -> str:
    return f"{field_is('involvedObject.kind', kind)},{field_is('involvedObject.name', name)}"


def _known_kind(word: str, shown: str) -> str:
    found = next((name for name in FLUX_KINDS if name.lower() == word.lower()), None)
    if found is None or shown != word:
        meant = nearest(word, FLUX_KINDS)
        raise Failed(f"'{shown}' is not a recognized Flux kind" + (f"; did you mean {meant}?" if meant else ""))
    return found


def _objects(cluster: "Cluster", kind: CliKind, namespace: str, name: str) -> Iterator[Object]:
    """Yield the objects of that name. Raises Failed when there is none."""
    found = list(cluster.list(kind.resource, namespace, fields=field_is("metadata.name", name)))
    if not found:
        known = [obj["metadata"]["name"] for obj in cluster.list(kind.resource, namespace)]
        resource = kind.resource
        raise Failed(f'{resource.plural}.{resource.group} "{name}" not found{did_you_mean(name, known)}')
    yield from found
