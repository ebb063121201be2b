"""The options that say where objects and tags come from. Light: a verb's help needs no client."""

import argparse
from collections.abc import Mapping


def add_kubeconfig(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the kubeconfig."""
    parser.add_argument("--kubeconfig", default="", metavar="FILE", help="default: KUBECONFIG, or ~/.kube/config")


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where objects and tags come from."""
    parser.add_argument(
        "-f", "--filename", action="append", default=[], metavar="FILE",
        help="manifests in files or folders, - for standard input, instead of those in the repository",
    )  # fmt: skip
    parser.add_argument(
        "--cluster", action="store_true", help="objects and tag lists of a cluster; -f adds to them and replaces them"
    )
    add_kubeconfig(parser)
    parser.add_argument("-n", "--namespace", default="default", help="of objects that name none (default)")
    parser.add_argument(
        "--tags", action="append", default=[], metavar="IMAGE=FILE", help="tags of an image, one a line"
    )
    parser.add_argument("--offline", action="store_true", help="ask no registry; tags come from --tags alone")


def find_useless(options: argparse.Namespace) -> str:
    """Return what is wrong with source options that would be without effect together; empty for nothing."""
    if options.cluster:
        return refuse(options, {"tags": "--tags"}, "without --cluster")
    return refuse(options, {"kubeconfig": "--kubeconfig"}, "with --cluster")


def refuse(options: argparse.Namespace, names: Mapping[str, str], when: str) -> str:
    """Return a sentence on the first of some options that is given, empty if none is. when: it would be of use."""
    given = next((flag for name, flag in names.items() if getattr(options, name)), "")
    return f"{given} has an effect only {when}" if given else ""
