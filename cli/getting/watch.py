"""`get --watch`: what is there, and then what changes."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from cli.getting.selection import NoSuchKind, Selection, fetch
from cli.grammar.session import Failed, Said, Session
from cli.kinds.kind import CliKind, Object

if TYPE_CHECKING:
    from cli.kube.client import Cluster

Change: TypeAlias = tuple[CliKind, Sequence[Object], bool]
"""A kind, objects of it, and whether they are gone."""
TIMED_OUT: Final = "timed out waiting for the condition"


def follow(session: Session, kinds: Sequence[CliKind], selection: Selection) -> Iterator[Change]:
    """Yield the objects of each kind, then each change, until the session's deadline.

    The condition that was asked for is not looked at: an object that no longer has it has changed, too. Raises Failed
    when the time is over, ApiError, Said when none of several kinds can be watched.
    """
    from cli.kube.deadline import TimedOut  # noqa: PLC0415 -- loaded with the cluster
    from cli.merging import merge  # noqa: PLC0415

    reported = session if len(kinds) > 1 else None
    sources = [partial(_follow_kind, session.another_cluster(), kind, selection, reported) for kind in kinds]
    try:
        yield from merge(sources, ends=(TimedOut,))
    except TimedOut as error:
        raise Failed(TIMED_OUT) from error
    raise Said


def _follow_kind(cluster: "Cluster", kind: CliKind, selection: Selection, reported: Session | None) -> Iterator[Change]:
    """Yield the objects of one kind, then each change. reported: who is told of failures, which end only this kind."""
    from cli.kube.deadline import TimedOut  # noqa: PLC0415 -- loaded with the cluster
    from controllers.runtime.kube.errors import ApiError  # noqa: PLC0415

    try:
        yield from _followed(cluster, kind, selection)
    except TimedOut:
        raise
    except NoSuchKind:
        if reported is None:
            raise
    except ApiError as error:
        if reported is None:
            raise
        reported.report.failure(error.message if error.status else str(error))


def _followed(cluster: "Cluster", kind: CliKind, selection: Selection) -> Iterator[Change]:
    from cli.changes import follow_objects  # noqa: PLC0415

    changes = follow_objects(
        cluster,
        kind.resource,
        selection.namespace,
        labels=selection.labels,
        fields=selection.fields,
        fetch=partial(fetch, cluster, kind, selection),
    )
    for objects, gone in changes:
        chosen = selection.chosen(objects)
        if chosen or not gone:
            yield kind, chosen, gone
