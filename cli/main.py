"""`tagline`: the command line.

Each verb is a module in `cli.verbs`: `add_to(parser)` states its grammar, and sets `command`, a function from parsed
arguments to an exit status. Only the module of the verb that is asked for is imported: choosing a tag offline loads no
HTTP client and no Git.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final

VERBS: Final = {
    "preview": "show what automations would commit now, and why",
    "version": "print the version",
    "run": "run a controller",
    "check": "say what a cluster needs before the manifests are applied",
    "automate": "do the whole job without a cluster, once or for good",
    "policy": "ask image policies offline",
    "adopt": "find the images of a repository, and make policies and markers for them",
    "lint": "find markers and manifests of a repository that cannot work",
    "explain": "say why a policy chooses what it chooses, and what a marker leads to",
}
"""Each verb with its line of help, in the order in which help lists them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; argv: without the program's name, default those of the process.

    0: it did what was asked; 1: it could not, and why is on stderr; 2: the request itself is wrong.
    """
    if argv is None:
        argv, sys.excepthook = sys.argv[1:], print_uncaught
    options = build_parser(verb=argv[0] if argv else "").parse_args(argv)
    status: int = options.command(options)
    return status


def build_parser(verb: str) -> argparse.ArgumentParser:
    """Return the command line with the grammar of one verb and the names of the others."""
    tagline = argparse.ArgumentParser(prog="tagline", description="Image automation for GitOps.")
    verbs = tagline.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in VERBS.items():
        parser = verbs.add_parser(name, help=summary)
        if name == verb:
            importlib.import_module(f"cli.verbs.{name}").add_to(parser)
    return tagline


def print_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print what ends the process as Python does, without texts of libraries that may quote what they were given."""
    format_traceback = importlib.import_module("controllers.net.library_errors").format_traceback
    sys.stderr.write("" if isinstance(error, KeyboardInterrupt) else f"{format_traceback(error)}\n")


if __name__ == "__main__":
    sys.exit(main())
