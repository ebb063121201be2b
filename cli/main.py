"""`tagline`: runs a controller, asks a policy offline or in a cluster, tells the version.

Each command is a function from parsed arguments to an exit status, in a module of its own where it is more than a
few lines. What a command needs is imported when it runs: asking a policy loads no HTTP client, no Git.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from api.version import VERSION
from cli import policy

KINDS = ("imagerepository", "imagepolicy", "imageupdateautomation")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; argv: without the program's name, default those of the process.

    0: it did what was asked; 1: it could not, and why is on stderr; 2: the request itself is wrong.
    """
    options = build_parser().parse_args(argv)
    status: int = options.command(options)
    return status


def build_parser() -> argparse.ArgumentParser:
    """Return the command line; `command` of what it parses is the function to call."""
    tagline = argparse.ArgumentParser(prog="tagline", description="Image automation for GitOps.")
    commands = tagline.add_subparsers(required=True, metavar="COMMAND")

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(command=print_version)

    run = commands.add_parser(
        "run",
        help="run a controller",
        description="The same as python -m controllers.KIND; several kinds share one process.",
    )
    run.add_argument("kinds", type=parse_kinds, metavar="KIND[,KIND...]", help=", ".join(KINDS))
    run.add_argument("flags", nargs=argparse.REMAINDER, metavar="FLAG", help="of the controller; --help lists them")
    run.set_defaults(command=run_controller)

    policies = commands.add_parser("policy", help="ask image policies offline")
    policy.add_test_command(policies.add_subparsers(required=True, metavar="COMMAND"))

    explained = commands.add_parser("explain", help="say why a policy of a cluster chooses what it chooses")
    target = explained.add_subparsers(required=True, metavar="KIND").add_parser("policy", help="an ImagePolicy")
    target.add_argument("policy", metavar="NAMESPACE/NAME", help="without a namespace: default")
    target.add_argument("--kubeconfig", default="", metavar="FILE", help="default: KUBECONFIG, or ~/.kube/config")
    target.set_defaults(command=explain_policy)
    return tagline


def print_version(_options: argparse.Namespace) -> int:
    """Print the version."""
    sys.stdout.write(f"tagline {VERSION}\n")
    return 0


def parse_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds of a comma-separated list; raise ArgumentTypeError for another word, or one given twice."""
    kinds = tuple(text.split(","))
    for kind in kinds:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"invalid choice: {kind!r} (choose from {', '.join(KINDS)})")
        if kinds.count(kind) > 1:
            raise argparse.ArgumentTypeError(f"{kind} is there twice")
    return kinds


def run_controller(options: argparse.Namespace) -> int:
    """Run one controller process to its end. Each kind's own `__main__` declares its flags and what it watches."""
    programs = [importlib.import_module(f"controllers.{kind}.__main__").PROGRAM for kind in options.kinds]
    status: int = importlib.import_module("controllers.runtime.process.main").main(programs, options.flags)
    return status


def explain_policy(options: argparse.Namespace) -> int:
    """Explain a policy of a cluster."""
    status: int = importlib.import_module("cli.explain").explain_policy(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
