"""Tables on standard output: for programs as `flux` prints them, for people as wide as their terminal.

For programs: columns padded with blanks and separated by tabs, a tab at the end of each row, the header in capitals. A
cell of several lines goes on below itself. For people: aligned, with colours, times as ages, messages cut.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from cli.ages import format_age, parse_time, utc_now
from cli.terminal import Terminal, cut, one_line, open_terminal, pad, width_of
from controllers.net.foreign_text import escape

Row = Sequence[str]

MESSAGE: Final = "Message"
_MIN_MESSAGE: Final = 24
"""Columns that a message needs beside the other cells; with less it gets a line of its own."""
_GAP: Final = "  "
_INDENT: Final = "  "
_COLORS: Final = {
    "READY": {"True": "green", "False": "red", "Unknown": "yellow", "Deleted": "red"},
    "TYPE": {"Warning": "yellow"},
    "SUSPENDED": {"True": "yellow"},
}


class Tables:
    """Prints the header and rows of one kind of thing, now and later, so that columns stay where they are."""

    def __init__(
        self,
        header: Row,
        *,
        show_header: bool = True,
        terminal: Terminal | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """terminal: None for a pipe."""
        self._header = [one.upper() for one in header] if show_header else []
        self._titles = [one.upper() for one in header]
        self._terminal = terminal
        self._now = now
        self._begun = False
        self._widths: list[int] = []

    def format(self, rows: Sequence[Row]) -> Iterator[str]:
        """Yield lines, with their ends. The header comes once; later rows stand under it as well as they can."""
        header = [] if self._begun else self._header
        self._begun = True
        if self._terminal is None:
            return format_plain(header, rows)
        return self._format_wide(self._terminal, header, rows)

    def _format_wide(self, terminal: Terminal, header: Row, rows: Sequence[Row]) -> Iterator[str]:
        shown = [[self._shown(cell) for cell in row] for row in rows]
        widths = [max(map(width_of, column)) for column in zip(self._titles, *shown, strict=True)]
        self._widths = [max(pair) for pair in zip(widths, self._widths or widths, strict=True)]
        has_message = self._titles[-1] == MESSAGE.upper()
        fixed = self._widths[:-1] if has_message else self._widths
        taken = sum(fixed) + len(_GAP) * len(fixed)
        if taken - len(_GAP) > terminal.columns:
            yield from self._blocks(terminal, shown)
            return
        below = has_message and taken + _MIN_MESSAGE > terminal.columns
        if header:
            titles = header[:-1] if below else header
            line = _GAP.join(pad(title, width) for title, width in zip(titles, self._widths, strict=False))
            yield terminal.style(line.rstrip(), bold=True) + "\n"
        for row in shown:
            cells = row[:-1] if has_message else row
            line = _GAP.join(self._styled(terminal, at, pad(cell, fixed[at])) for at, cell in enumerate(cells))
            if not has_message:
                yield line.rstrip() + "\n"
            elif below:
                yield line.rstrip() + "\n"
                if row[-1]:
                    yield _INDENT + cut(row[-1], terminal.columns - len(_INDENT)) + "\n"
            else:
                yield (line + _GAP + cut(row[-1], terminal.columns - taken)).rstrip() + "\n"

    def _blocks(self, terminal: Terminal, rows: Sequence[Row]) -> Iterator[str]:
        """Yield a line for each cell: not even the short ones fit beside each other."""
        title_width = max(map(width_of, self._titles))
        for row in rows:
            for at, (title, cell) in enumerate(zip(self._titles, row, strict=True)):
                if cell:
                    room = max(terminal.columns - title_width - len(_GAP), _MIN_MESSAGE)
                    text = cut(cell, room) if title == MESSAGE.upper() else cell
                    head = terminal.style(pad(title, title_width), bold=True) if self._header else pad("", 1)
                    yield f"{head}{_GAP}{self._styled(terminal, at, text)}\n"
            yield "\n"

    def _styled(self, terminal: Terminal, at: int, cell: str) -> str:
        color = _COLORS.get(self._titles[at], {}).get(cell.rstrip())
        return terminal.style(cell, fg=color) if color else cell

    def _shown(self, cell: str) -> str:
        time = parse_time(cell)
        if time is None:
            return one_line(cell)
        return f"{format_age((self._now() - time).total_seconds())} ago"


def format_plain(header: Row, rows: Iterable[Row]) -> Iterator[str]:
    """Yield lines, with their ends, for programs. header: in capitals already; empty for none."""
    split = [[_lines(cell) for cell in row] for row in rows]
    columns = zip(*split, strict=True) if split else ((),) * len(header)
    widths = [max((width_of(line) for cell in column for line in cell), default=0) for column in columns]
    if header:
        widths = [max(width, width_of(title)) for width, title in zip(widths, header, strict=True)]
        yield "\t".join(pad(title, width) for title, width in zip(header, widths, strict=True)) + " \n"
    for row in split:
        for number in range(max(map(len, row))):
            cells = (cell[number] if number < len(cell) else "" for cell in row)
            yield "".join(pad(cell, width) + "\t" for cell, width in zip(cells, widths, strict=True)) + "\n"


def print_table(header: Row, rows: Sequence[Row], *, show_header: bool = True) -> None:
    """Print one whole table to standard output."""
    from cli.output import write_output  # noqa: PLC0415 -- whoever prints a table prints it with this

    table = Tables(header, show_header=show_header, terminal=open_terminal())
    write_output([line.encode() for line in table.format(rows)])


def _lines(cell: str) -> list[str]:
    if cell.isprintable():
        return [cell]
    lines = cell.replace("\r\n", "\n").split("\n")
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return [escape(line) for line in lines]
