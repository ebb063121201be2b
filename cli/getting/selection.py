"""Which objects `get` shows: by name, namespace, label and condition."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.getting.status_selector import StatusSelector
from cli.grammar.session import Failed
from cli.grammar.spelling import did_you_mean
from cli.kinds.kind import CliKind, Object

if TYPE_CHECKING:
    from cli.kube.client import Cluster


class NoSuchKind(Failed):
    """The API server does not have the kind: its CustomResourceDefinition is not installed."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for."""

    names: tuple[str, ...]
    """Empty for all."""
    namespace: str
    """Empty for all."""
    labels: str
    status: str
    """As it was typed."""

    @property
    def place(self) -> str:
        """The namespace as messages name it."""
        return f'"{self.namespace}" namespace' if self.namespace else "any namespace"

    @property
    def fields(self) -> str:
        """The field selector that leaves the search for one name to the server."""
        from cli.kube.objects import field_is  # noqa: PLC0415 -- loaded with the cluster

        return field_is("metadata.name", self.names[0]) if len(self.names) == 1 else ""

    def check(self) -> None:
        """Raise Failed for a condition that cannot be asked for, before anything is asked."""
        StatusSelector.parse(self.status)

    def chosen(self, objects: Iterable[Object]) -> list[Object]:
        """Return those of the names."""
        names = frozenset(self.names)
        return [obj for obj in objects if not names or obj["metadata"]["name"] in names]

    def with_status(self, objects: Iterable[Object]) -> list[Object]:
        """Return those with the condition. Raises Failed for a selector that is none."""
        selector = StatusSelector.parse(self.status)
        return [obj for obj in objects if selector is None or selector.matches(obj)]


def fetch(cluster: "Cluster", kind: CliKind, selection: Selection) -> tuple[list[Object], str]:
    """Return the objects of a kind by names and labels, and the version to watch from. Raises ApiError, NoSuchKind."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415 -- loaded with the cluster

    try:
        objects, version = cluster.list_versioned(
            # In one answer: a server under load takes longer for ten pages than for five thousand objects.
            kind.resource,
            selection.namespace,
            labels=selection.labels,
            fields=selection.fields,
            page_size=0,
        )
    except NotFound as error:
        resource = kind.resource
        raise NoSuchKind(f'no matches for kind "{resource.kind}" in version "{resource.api_version}"') from error
    return selection.chosen(objects), version


def explain_missing(cluster: "Cluster", kind: CliKind, selection: Selection, found: Iterable[Object]) -> list[str]:
    """Return a sentence for each name that was not found, and what may have been meant."""
    there = {obj["metadata"]["name"] for obj in found}
    missing = [name for name in dict.fromkeys(selection.names) if name not in there]
    known = [obj["metadata"]["name"] for obj in cluster.list(kind.resource, selection.namespace)] if missing else []
    return [
        f"{kind.kind} object '{name}' not found in {selection.place}{did_you_mean(name, known)}" for name in missing
    ]
