"""The table of the controllers' flags, read from the processes' own --help."""

import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache

from api.kinds import EVERY_PROCESS
from cli.main import main as tagline
from hack.reference.markdown import escape

FLAGS_WITH_HELP = re.compile(r"^  --(\S+)\n      (no effect: )?(.*?)(?: \(default (.*)\))?$", re.MULTILINE)


def flag_table() -> Iterator[str]:
    """Yield the table of all flags in alphabetical order."""
    by_process = {kind.name: parse_help(kind.name) for kind in EVERY_PROCESS}
    yield "| Flag | Default | Meaning |\n|---|---|---|\n"
    for name in sorted(set().union(*by_process.values())):
        by = [kind for kind, found in by_process.items() if name in found]
        no_effect, meaning, default = by_process[by[0]][name]
        only = "" if len(by) == len(by_process) else f"**{', '.join(by)}:** "
        shown = f"`{default}`" if default and not no_effect else ""
        yield f"| `--{name}` | {shown} | {'**no effect:** ' if no_effect else only}{escape(meaning)} |\n"


@cache
def parse_help(kind: str) -> dict[str, tuple[str, str, str]]:
    """Return each flag of one process with (what says that it has no effect, meaning, default)."""
    with redirect_stdout(io.StringIO()) as output:
        tagline(["run", kind, "--help"])
    return {
        name: (no_effect, text, default)
        for name, no_effect, text, default in FLAGS_WITH_HELP.findall(output.getvalue())
    }
