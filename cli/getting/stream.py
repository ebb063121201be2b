"""`get --watch`, printed."""

from collections.abc import Iterator, Sequence
from typing import Final

from cli.getting import documents
from cli.getting.run import Request
from cli.getting.watch import follow
from cli.grammar.session import Session
from cli.kinds.kind import CliKind, Object
from cli.output import write_now
from cli.tables import Tables
from cli.terminal import open_terminal

DELETED: Final = "Deleted"
"""On a terminal the READY of an object that is gone. In a pipe its last row comes once more, as with `flux`."""


def watch(session: Session, request: Request) -> None:
    """Print the objects, then each as it changes, until the deadline. Raises Failed then, ApiError."""
    request.selection.check()
    printer = _Printer(request)
    for kind, objects, gone in follow(session, request.kinds, request.selection):
        write_now(printer.format(kind, objects, gone=gone))


class _Printer:
    """Prints objects as they come: below each other, each kind under the header that it had first."""

    def __init__(self, request: Request) -> None:
        terminal = open_terminal()
        self._request = request
        self._on_terminal = terminal is not None
        self._tables = {
            kind.prefix: Tables(request.rows(kind).header, show_header=request.show_header, terminal=terminal)
            for kind in request.kinds
        }

    def format(self, kind: CliKind, objects: Sequence[Object], *, gone: bool) -> Iterator[str]:
        """Yield the text for some objects of a kind. gone: they were deleted."""
        if self._request.output in documents.WORDS:
            chosen = [] if gone else self._request.selection.with_status(objects)
            return (documents.format_one(self._request.output, kind, obj) for obj in chosen)
        return self._on_screen(kind, objects, gone=gone) if self._on_terminal else self._in_pipe(kind, objects)

    def _on_screen(self, kind: CliKind, objects: Sequence[Object], *, gone: bool) -> Iterator[str]:
        made = self._request.rows(kind)
        chosen = self._request.selection.with_status(objects)
        rows = [made.row(obj) for obj in chosen]
        if gone:
            at = made.header.index("Ready")
            rows = [[*row[:at], DELETED, *row[at + 1 :]] for row in rows]
        return self._tables[kind.prefix].format(rows)

    def _in_pipe(self, kind: CliKind, objects: Sequence[Object]) -> Iterator[str]:
        """Yield each row no wider than itself, the first of a kind under the header: programs read line by line."""
        made = self._request.rows(kind)
        for obj in objects:
            chosen = self._request.selection.with_status([obj])
            yield from self._tables[kind.prefix].format([made.row(one) for one in chosen])
