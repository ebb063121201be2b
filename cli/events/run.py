"""`events`, from what was asked for to what is printed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from api.names import EVENTS
from cli.ages import utc_now
from cli.events.rows import Event, header, row, time_of
from cli.events.selection import Scope, Selection
from cli.grammar.session import Session
from cli.output import write_now, write_output

if TYPE_CHECKING:
    from cli.kube.client import Cluster


@dataclass(frozen=True, slots=True)
class Request:
    """What `events` is to show, and how."""

    selection: Selection
    namespace: str
    all_namespaces: bool
    output: str
    """`json`, `yaml`, or empty for the table."""
    now: Callable[[], datetime] = utc_now


def show(session: Session, request: Request) -> None:
    """Print the events that there are. Raises ApiError."""
    events = _sorted(event for scope in request.selection.scopes for event in _listed(session.cluster, scope)[0])
    chosen = [event for event in events if request.selection.wants(event)]
    if request.output:
        from cli.getting.documents import as_list, format_value  # noqa: PLC0415

        write_output([format_value(request.output, as_list(chosen)).encode()])
        return
    if not chosen:
        # No failure, as with `flux`: nothing has happened.
        place = "" if request.all_namespaces else f" in {request.namespace} namespace"
        session.report.failure(f"No events found{place}.")
        return
    from cli.tables import print_table  # noqa: PLC0415

    now, wide = request.now(), request.all_namespaces
    print_table(header(with_namespace=wide), [row(event, now, with_namespace=wide) for event in chosen])


def watch(session: Session, request: Request) -> None:
    """Print the events that there are, then each as it comes, until the deadline. Raises ApiError."""
    from cli.getting.documents import format_value, shown  # noqa: PLC0415
    from cli.kube.deadline import TimedOut  # noqa: PLC0415 -- loaded with the cluster
    from cli.merging import merge  # noqa: PLC0415
    from cli.tables import Tables  # noqa: PLC0415
    from cli.terminal import open_terminal  # noqa: PLC0415

    terminal, wide = open_terminal(), request.all_namespaces
    table = Tables(header(with_namespace=wide), terminal=terminal)

    def text(events: Sequence[Event]) -> Iterator[str]:
        if request.output:
            begin = "---\n" if request.output == "yaml" else ""
            return (begin + format_value(request.output, shown(event)) for event in events)
        return table.format([row(event, request.now(), with_namespace=wide) for event in events])

    sources = [partial(_followed, session.another_cluster(), scope) for scope in request.selection.scopes]
    try:
        for events in merge(sources, ends=(TimedOut,)):
            chosen = [event for event in events if request.selection.wants(event)]
            # On a terminal what there is stands aligned; in a pipe each line is as wide as itself, as with `flux`.
            for part in [chosen] if terminal else [[event] for event in chosen]:
                write_now(text(part))
    except TimedOut:
        return


def _listed(cluster: "Cluster", scope: Scope) -> tuple[Sequence[Event], str]:
    return cluster.list_versioned(EVENTS, scope.namespace, fields=scope.fields, page_size=0)


def _followed(cluster: "Cluster", scope: Scope) -> Iterator[Sequence[Event]]:
    from cli.changes import follow_objects  # noqa: PLC0415

    fetch = partial(_listed, cluster, scope)
    for events, gone in follow_objects(cluster, EVENTS, scope.namespace, fields=scope.fields, fetch=fetch):
        if not gone:  # the server forgets events after an hour
            yield _sorted(events)


def _sorted(events: "Iterator[Event] | Sequence[Event]") -> list[Event]:
    return sorted(events, key=time_of)
