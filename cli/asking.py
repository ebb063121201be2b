"""Questions to whoever runs a command."""

import sys

from cli.grammar.session import Failed
from cli.output import write_now


def confirm(question: str, *, unless: str) -> None:
    """Return when the answer is yes. Raises Failed for any other, and where there is none to be read.

    unless: the flag that says yes beforehand
    """
    write_now([f"{question}? [y/N] "])
    try:
        answer = sys.stdin.readline() if sys.stdin else ""
    except (OSError, UnicodeError):  # what is read is no answer
        answer = ""
    if not answer:
        write_now(["\n"])
        raise Failed(f"nobody answered, so nothing was done: say yes with {unless}")
    if answer.strip().lower() not in ("y", "yes"):
        raise Failed("not confirmed, so nothing was done")
