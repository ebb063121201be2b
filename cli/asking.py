"""Questions to whoever runs a command."""

import sys
from contextlib import suppress

from cli.grammar.session import Failed
from cli.output import ReaderLeft, write_now


def confirm(question: str, *, unless: str) -> None:
    """Return when the answer is yes. Raises Failed for any other, and where there is none to be read.

    unless: the flag that says yes beforehand
    """
    try:
        write_now([f"{question}? [y/N] "])
    except ReaderLeft:
        raise Failed(f"nobody could read the question, so nothing was done: say yes with {unless}") from None
    try:
        answer = sys.stdin.readline() if sys.stdin else ""
    except (OSError, UnicodeError):  # what is read is no answer
        answer = ""
    if not answer:
        with suppress(ReaderLeft):
            write_now(["\n"])
        raise Failed(f"nobody answered, so nothing was done: say yes with {unless}")
    if answer.strip().lower() not in ("y", "yes"):
        raise Failed("not confirmed, so nothing was done")
