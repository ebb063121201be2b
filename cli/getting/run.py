"""`get`, from what was asked for to what is printed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.ages import utc_now
from cli.getting.rows import Rows
from cli.getting.selection import NoSuchKind, Selection, explain_missing, fetch
from cli.grammar.session import Failed, Said, Session
from cli.kinds.kind import CliKind, Object
from cli.output import write_output


@dataclass(frozen=True, slots=True)
class Request:
    """What `get` is to show, and how."""

    kinds: Sequence[CliKind]
    """Of `get … all` several: each with a table of its own."""
    is_all: bool
    selection: Selection
    all_namespaces: bool
    show_header: bool
    output: str
    """`json`, `yaml`, `name`, `wide`, or empty for the table."""
    now: Callable[[], datetime] = utc_now

    def rows(self, kind: CliKind) -> Rows:
        """Return how rows of a kind are made."""
        return Rows(kind, self.all_namespaces, self.is_all, self.output == "wide", self.now)


def get(session: Session, request: Request) -> None:
    """Print the objects, as tables or documents. Raises Failed, Said, ApiError."""
    if request.output in ("", "wide"):
        _print_tables(session, request)
    else:
        _print_documents(session, request)


def _print_tables(session: Session, request: Request) -> None:
    from cli.tables import print_table  # noqa: PLC0415

    def show(kind: CliKind, objects: Sequence[Object]) -> None:
        rows = request.rows(kind)
        if objects or not request.is_all:
            print_table(rows.header, [rows.row(obj) for obj in objects], show_header=request.show_header)
        if objects and request.is_all:
            write_output([b"\n"])

    if not request.is_all:
        _show(session, request, request.kinds[0], show)
        return
    for kind in request.kinds:
        # One kind that cannot be shown keeps none of the others back, nor makes the status one of failure.
        with _Reported(session, skip_unknown=True):
            _show(session, request, kind, show)


def _print_documents(session: Session, request: Request) -> None:
    from cli.getting import documents  # noqa: PLC0415

    found: list[tuple[CliKind, Object]] = []
    reported = _Reported(session, skip_unknown=request.is_all)

    def show(kind: CliKind, objects: Sequence[Object]) -> None:
        found.extend((kind, obj) for obj in objects)

    for kind in request.kinds:
        with reported:
            _show(session, request, kind, show)
    if found or not reported.failed:
        write_output([documents.format_found(request.output, found, one=len(request.selection.names) == 1).encode()])
    if reported.failed:
        raise Said


def _show(session: Session, request: Request, kind: CliKind, show: Callable[[CliKind, Sequence[Object]], None]) -> None:
    """Show the objects of one kind. Raises Failed when there are none; of several names those are shown that exist."""
    selection = request.selection
    selection.check()
    found, _ = fetch(session.cluster, kind, selection)
    if not found and not selection.names:
        if request.is_all:
            return
        raise Failed(f"no {kind.kind} objects found in {selection.place}")
    missing = explain_missing(session.cluster, kind, selection, found)
    if found:
        show(kind, selection.with_status(found))
    for sentence in missing:
        session.report.failure(sentence)
    if missing:
        raise Said


class _Reported:
    """Says what fails inside, and goes on after it."""

    def __init__(self, session: Session, *, skip_unknown: bool) -> None:
        """skip_unknown: a kind that the server lacks is no failure, as among all of several."""
        self._session = session
        self._skip_unknown = skip_unknown
        self.failed = False

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> bool:
        from cli.grammar.run import is_for_people, text_of  # noqa: PLC0415 -- it is what runs this

        if error is None or (isinstance(error, NoSuchKind) and self._skip_unknown):
            return True
        if isinstance(error, Said):
            self.failed = True
            return True
        if not isinstance(error, Exception) or not is_for_people(error) or _concerns_all_kinds(error):
            return False
        self.failed = True
        self._session.report.failure(text_of(error))
        return True


def _concerns_all_kinds(error: Exception) -> bool:
    """Return whether no other kind would fare better, so that one line says all."""
    from cli.kube.deadline import TimedOut  # noqa: PLC0415
    from controllers.runtime.kube.errors import NotConfigured, Unauthorized, Unreachable  # noqa: PLC0415

    return isinstance(error, NotConfigured | Unauthorized | Unreachable | TimedOut)


def request_of(
    session: Session, kinds: Sequence[CliKind], names: Sequence[str], *, is_all: bool, **flags: Any
) -> Request:
    """Return the request that names and the flags of `get` make."""
    selection = Selection(
        names=tuple(names),
        namespace="" if flags["all_namespaces"] else session.namespace,
        labels=flags["label_selector"],
        status=flags["status_selector"],
    )
    return Request(
        kinds=kinds,
        is_all=is_all,
        selection=selection,
        all_namespaces=flags["all_namespaces"],
        show_header=not flags["no_header"],
        output=flags["output"],
    )
