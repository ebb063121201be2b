"""`tagline __complete WORD…`: what the shells' scripts ask. Never fails, and never takes longer than somebody waits.

Prints candidates, a line each, `value` or `value<TAB>description`; then `:4`, or `:0` where files may be meant as well.
"""

import os
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from cli.completing.candidates import Offer, offer
from cli.grammar.tree import Group
from controllers.net.foreign_text import escape

NO_FILES: Final = 4
DEFAULT: Final = 0
_NAMES: Final = {NO_FILES: "ShellCompDirectiveNoFileComp", DEFAULT: "ShellCompDirectiveDefault"}
SECONDS: Final = 3.0
"""For all of it: a resolver or a plugin for credentials may take longer than a request."""


def complete(
    root: Group, words: Sequence[str], *, others: Collection[str] = (), environ: Mapping[str, str] = os.environ
) -> int:
    """Print what may stand for the last word; return 0. others: commands of another grammar, which take files."""
    lines: list[str] = []
    state = [NO_FILES]

    def collect() -> None:
        # Whatever goes wrong: who is typing wants no message in the middle of it.
        with suppress(Exception):
            found = Offer(iter(()), files_as_well=True)
            if len(words) < 2 or words[0] not in others:
                found = offer(root, words, environ)
            state[0] = DEFAULT if found.files_as_well else NO_FILES
            lines.extend(_line(candidate) for candidate in found.candidates)

    # A daemon: what does not end in time is left behind at the exit.
    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(SECONDS)
    directive = state[0]
    with suppress(OSError):
        sys.stdout.write("".join(f"{line}\n" for line in (*lines, f":{directive}")))
        sys.stdout.flush()
        sys.stderr.write(f"Completion ended with directive: {_NAMES[directive]}\n")
    return 0


def _line(candidate: str) -> str:
    value, tab, description = candidate.partition("\t")
    return escape(value) + (f"\t{escape(description)}" if tab else "")
