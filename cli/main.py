"""`tagline`: the command line.

Each verb is a module in `cli.verbs`, and only that of the verb which is asked for is imported: choosing a tag offline
loads no HTTP client and no Git. Verbs of a cluster state their grammar with `cli.grammar`, as `COMMAND`, and take the
flags that `flux` and `kubectl` take. The others use argparse: `add_to(parser)` states it, and sets `command`,
a function from parsed arguments to an exit status.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final

from api.version import VERSION
from cli.interruption import INTERRUPTED, Interruption
from cli.output import OutputFailed, write, write_error, write_output

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from cli.grammar.tree import Group

VERBS: Final = {
    "preview": "show what automations would commit now, and why",
    "run": "run a controller",
    "automate": "do the whole job without a cluster, once or for good",
    "policy": "ask image policies offline",
    "adopt": "find the images of a repository, and make policies and markers for them",
    "lint": "find markers and manifests of a repository that cannot work",
    "explain": "say why a policy chooses what it chooses, and what a marker leads to",
}
"""Those with a grammar of argparse, each with its line of help."""


CLUSTER_VERBS: Final = {
    "get": "show objects and their state",
    "create": "create or change objects and Secrets, or print them",
    "export": "print objects of a cluster as manifests",
    "reconcile": "have an object reconciled now, and wait for it",
    "suspend": "stop reconciling objects",
    "resume": "go on reconciling objects",
    "delete": "delete objects",
    "events": "show events of objects",
    "logs": "show what controllers log",
    "tree": "show what belongs together",
    "trace": "show where an object in a cluster comes from",
    "stats": "count objects by state",
    "check": "say what is wrong in a cluster, and what to do",
    "bootstrap": "install tagline, and who syncs, by way of a Git repository",
    "install": "install or upgrade tagline in a cluster",
    "uninstall": "remove tagline from a cluster",
    "webhook": "try webhooks of registries without a cluster",
    "receiver": "set up senders of webhooks",
    "trigger": "call hooks as their senders would",
    "completion": "print a shell's completion script",
    "version": "print the versions of the command line and of what a cluster runs",
}
"""Those that take the flags of `flux`, each with its line of help."""


PLUGINS: Final = {"kubectl-tagline": "kubectl tagline", "flux-tagline": "flux tagline"}
"""Names under which `kubectl` and `flux` find it → how people call it then."""
COMPLETE: Final = "__complete"
"""The command, in no help, that shells' scripts ask what may come next."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; argv: without the program's name, default those of the process.

    0: it did what was asked; 1: it could not, and why is on stderr; 2: the request itself is wrong (of verbs of a
    cluster: 1, as of `flux`).
    """
    program, interruption = "tagline", Interruption()
    if argv is None:
        argv, sys.excepthook = sys.argv[1:], print_uncaught
        if sys.stdin is None:  # closed, as by `<&-`: nothing is there to be read, and nothing else gets its number
            sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 -- as long as the process
        program = PLUGINS.get(sys.argv[0].rpartition("/")[2], program)
        if not argv or argv[0] not in VERBS:  # those have an event loop, or a controller, that listens itself
            interruption.listen()
    try:
        return _run(argv, program)
    except OutputFailed as error:
        write_error(error)
        return 1
    except BaseException:
        if not interruption.is_noted:
            raise
        write_error("interrupted")
        return INTERRUPTED


def _run(argv: Sequence[str], program: str) -> int:
    """Run one command to its end, and to that of its output. Raises OutputFailed."""
    try:
        if argv and argv[0] in VERBS:
            options = build_parser(verb=argv[0], program=program).parse_args(argv)
            status: int = options.command(options)
        elif list(argv) == ["--version"]:
            write(f"tagline version {VERSION}\n")
            status = 0
        elif list(argv[:1]) == [COMPLETE]:
            complete = importlib.import_module("cli.completing.run").complete
            status = complete(build_root(program), argv[1:], others=VERBS)
        else:
            status = importlib.import_module("cli.grammar.run").run(build_root(program), argv)
    except SystemExit:  # argparse has printed help
        write_output([])
        raise
    write_output([])
    return status


def build_root(program: str = "tagline") -> "Group":
    """Return the tree of all commands, under the name by which it is called. A verb is loaded when it is asked for."""
    tree = importlib.import_module("cli.grammar.tree")
    flags = importlib.import_module("cli.grammar.globals").GLOBAL_FLAGS
    verbs = {**VERBS, **CLUSTER_VERBS}
    children = tuple(
        tree.Lazy(name=name, module=f"cli.verbs.{name}", summary=summary) for name, summary in verbs.items()
    )
    root: Group = tree.Group(
        name=program, summary="Image automation for GitOps", description="Image automation for GitOps.",
        flags=flags, children=children,
    )  # fmt: skip
    return root


def build_parser(verb: str, program: str = "tagline") -> "ArgumentParser":
    """Return the command line with the grammar of one verb and the names of the others."""
    import argparse  # an eighth of the start of a verb that has no use for it  # noqa: PLC0415

    tagline = argparse.ArgumentParser(prog=program, description="Image automation for GitOps.")
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
