"""Questions to whoever runs a command."""

import sys

from cli.grammar.session import Failed


def confirm(question: str, *, unless: str) -> None:
    """Return when the answer is yes. Raises Failed for any other, and where there is none to be read.

    unless: the flag that says yes beforehand
    """
    sys.stdout.write(f"{question}? [y/N] ")
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if not answer:
        sys.stdout.write("\n")
        raise Failed(f"nobody answered, so nothing was done: say yes with {unless}")
    if answer.strip().lower() not in ("y", "yes"):
        raise Failed("not confirmed, so nothing was done")
