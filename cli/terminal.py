"""What standard output is: a terminal, with a width and perhaps colours, or something that programs read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cli.output import is_terminal
from controllers.net.foreign_text import escape

ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal that somebody looks at."""

    columns: int
    colored: bool

    def style(self, text: str, **style: object) -> str:
        """Return text in a style of `click.style`, or as it is where there are no colours."""
        if not self.colored or not style:
            return text
        from click import style as styled  # loaded already by the grammar of a verb  # noqa: PLC0415

        return styled(text, **style)  # type: ignore[arg-type]


def open_terminal(environ: Mapping[str, str] | None = None) -> Terminal | None:
    """Return the terminal that standard output is; None for a pipe, a file, and a terminal that can only print.

    Colours: not with NO_COLOR (https://no-color.org). Width: COLUMNS, or what the terminal says.
    """
    environ = os.environ if environ is None else environ
    if not is_terminal() or environ.get("TERM") == "dumb":
        return None
    from shutil import get_terminal_size  # noqa: PLC0415 -- not for a pipe

    return Terminal(columns=get_terminal_size().columns, colored=not environ.get("NO_COLOR"))


def width_of(text: str) -> int:
    """Return how many columns text takes: two for East Asian wide signs, none for marks that join the sign before."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # noqa: PLC0415 -- most text is ASCII

    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text if not combining(sign))


def pad(text: str, width: int) -> str:
    """Return text with blanks up to a width."""
    return text + " " * (width - width_of(text))


def cut(text: str, width: int) -> str:
    """Return as much of one line as fits, with `…` where something is missing."""
    if width_of(text) <= width:
        return text
    kept = text[: max(width - 1, 0)]
    while kept and width_of(kept) > width - 1:
        kept = kept[:-1]
    return kept + ELLIPSIS if width > 0 else ""


def one_line(text: str) -> str:
    """Return text on one line, without what moves a cursor."""
    return escape(" ".join(text.split()))
