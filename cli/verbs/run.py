"""`tagline run KIND`: one controller, as `python -m controllers.KIND` runs it."""

import argparse
import runpy
import sys

from api.kinds import RECONCILED


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    kinds = [kind.name for kind in RECONCILED]
    parser.description = "The same as python -m controllers.KIND."
    parser.add_argument("kind", choices=kinds, metavar="KIND", help=", ".join(kinds))
    parser.add_argument("flags", nargs=argparse.REMAINDER, metavar="FLAG", help="of the controller; --help lists them")
    parser.set_defaults(command=run_controller)


def run_controller(options: argparse.Namespace) -> int:
    """Run one controller process to its end, as `python -m` does: only its own `__main__` knows its flags."""
    sys.argv[1:] = options.flags
    try:
        runpy.run_module(f"controllers.{options.kind}", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
