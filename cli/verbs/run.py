"""`tagline run KIND[,KIND...]`: one controller, as `python -m controllers.KIND` runs it, or several in one process."""

import argparse
import importlib

from api.kinds import EVERY_PROCESS


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    names = ", ".join(kind.name for kind in EVERY_PROCESS)
    parser.description = "The same as python -m controllers.KIND; several kinds share one process."
    parser.add_argument("kinds", type=parse_kinds, metavar="KIND[,KIND...]", help=names)
    parser.add_argument("flags", nargs=argparse.REMAINDER, metavar="FLAG", help="of the controller; --help lists them")
    parser.set_defaults(command=run_controller)


def parse_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds of a comma-separated list; raise ArgumentTypeError for another word, or one given twice."""
    kinds, choices = tuple(text.split(",")), [kind.name for kind in EVERY_PROCESS]
    for kind in kinds:
        if kind not in choices:
            raise argparse.ArgumentTypeError(f"invalid choice: {kind!r} (choose from {', '.join(choices)})")
        if kinds.count(kind) > 1:
            raise argparse.ArgumentTypeError(f"{kind} is there twice")
    return kinds


def run_controller(options: argparse.Namespace) -> int:
    """Run one controller process to its end. Each kind's own `__main__` declares its flags and what it watches."""
    programs = [importlib.import_module(f"controllers.{kind}.__main__").PROGRAM for kind in options.kinds]
    status: int = importlib.import_module("controllers.runtime.process.main").main(programs, options.flags)
    return status
