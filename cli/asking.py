"""Questions to whoever sits at the terminal."""

import sys

from cli.grammar.session import Failed


def confirm(question: str, *, unless: str) -> None:
    """Return when the answer is yes. Raises Failed for any other, and without a terminal, where nobody is asked.

    unless: the flag that says yes beforehand
    """
    if not sys.stdin.isatty():
        raise Failed(f"{question}? Nobody can be asked without a terminal: say yes with {unless}")
    sys.stdout.write(f"{question}? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failed("not confirmed, so nothing was done")
