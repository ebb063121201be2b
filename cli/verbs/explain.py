"""`tagline explain`: why a policy chooses what it chooses, and how a place in a file is linked to a commit."""

import argparse
import importlib

from cli.output import write_error
from cli.source_options import add_source_options, find_useless, refuse


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    parser.usage = "tagline explain policy [NAMESPACE/]NAME [--tag TAG] | FILE:LINE | IMAGE"
    parser.description = (
        "policy: which tag a policy of a cluster chooses now, and why the others lost; with --tag why that one did. "
        "FILE:LINE: the way from a marker to its policy, repository, automation and commit, and the first link that "
        "does not hold. IMAGE: the same for all places of an image. The last two read the manifests of the checkout, "
        "or a cluster with --cluster. Exit status 0: all is well; 1: something is wrong; 2: the request is."
    )
    parser.add_argument("what", nargs="+", metavar="WHAT", help="policy NAME, FILE:LINE or IMAGE")
    parser.add_argument("--tag", default="", metavar="TAG", help="of a policy: why this one is not chosen")
    add_source_options(parser)
    parser.set_defaults(command=explain)


def explain(options: argparse.Namespace) -> int:
    """Answer the question; the exit status is that of the description."""
    if useless := _find_useless(options):
        write_error(useless)
        return 2
    match options.what:
        case ["policy", name]:
            status: int = importlib.import_module("cli.explain_policy").explain_policy(options, name)
        case ["policy"] | [_, _, *_]:
            write_error("give one of: policy [NAMESPACE/]NAME, FILE:LINE, IMAGE")
            return 2
        case [what]:
            status = importlib.import_module("cli.explain_place").explain_place(options, what)
    return status


def _find_useless(options: argparse.Namespace) -> str:
    """Return a sentence on an option that would be without effect, empty if there is none."""
    if options.what[0] == "policy" and len(options.what) == 2:
        names = {"filename": "-f", "tags": "--tags", "offline": "--offline"}
        return refuse(options, names, "with FILE:LINE or IMAGE: policy asks a cluster")
    return refuse(options, {"tag": "--tag"}, "with policy NAME") or find_useless(options)
