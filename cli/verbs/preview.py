"""`tagline preview [PATH]`: what the automations of a repository would commit now, and why; nothing is changed.

Runs the controllers' own reconcilers on the manifests of the repository, and plans the edit as a run does it.
"""

import argparse
import importlib

from cli.output import write_error
from cli.source_options import add_source_options, find_useless, refuse

OUTPUTS = ("text", "json", "markdown", "github")
ORDERS = ("asc", "desc")
QUESTION = ("semver", "numerical", "alphabetical", "pattern", "extract")
"""Options about one image."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    parser.description = (
        "Shows per policy which image it chooses and why, and per automation the diff, the commit message and what "
        "would be left alone. Changes nothing. Exit status 0: answered; 1: something could not be answered; 2: the "
        "request itself is wrong. With --exit-code 0: nothing would change, 1: an error, 2: something would change."
    )
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="a checkout or folder (the current one)")
    parser.add_argument("--url", default="", metavar="URL", help="clone this repository instead, with git")
    parser.add_argument("--branch", default="", help="of --url; default: the remote's")
    parser.add_argument(
        "--automation", action="append", default=[], metavar="NAMESPACE/NAME",
        help="only this ImageUpdateAutomation, as if no other one had pushed before it; may be repeated",
    )  # fmt: skip
    add_source_options(parser)
    _add_image(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit with 2 when something would change")
    parser.add_argument("-o", "--output", choices=OUTPUTS, default="text", help="what to print (text)")
    parser.set_defaults(command=preview)


def _add_image(parser: argparse.ArgumentParser) -> None:
    image = parser.add_argument_group("one image, without any object")
    image.add_argument("--image", default="", metavar="IMAGE", help="show where it stands and what would change")
    policy = image.add_mutually_exclusive_group()
    policy.add_argument("--semver", metavar="RANGE", help="the greatest version in the range")
    policy.add_argument("--numerical", choices=ORDERS, help="the greatest number (asc) or the least (desc)")
    policy.add_argument("--alphabetical", choices=ORDERS, help="the last in the alphabet (asc) or the first (desc)")
    image.add_argument("--pattern", default="", metavar="REGEXP", help="only tags that match (spec.filterTags.pattern)")
    image.add_argument("--extract", default="", metavar="TEMPLATE", help="what is ranked, e.g. '$ts'")


def preview(options: argparse.Namespace) -> int:
    """Print the preview; the exit status is that of the description."""
    if useless := _find_useless(options):
        write_error(useless)
        return 1 if options.exit_code else 2
    run = importlib.import_module("cli.preview_run")
    try:
        status: int = run.run_preview(options)
    except run.BAD_REQUESTS as error:
        write_error(error)
        return 1 if options.exit_code else 2
    except KeyboardInterrupt:
        write_error("interrupted")
        return 130
    return status


def _find_useless(options: argparse.Namespace) -> str:
    """Return a sentence on an option that would be without effect, empty if there is none."""
    if not options.url and options.branch:
        return "--branch has an effect only with --url"
    if options.url and options.path != ".":
        return "give either PATH or --url"
    if options.image:
        objects = {
            "filename": "-f", "cluster": "--cluster", "kubeconfig": "--kubeconfig", "automation": "--automation",
        }  # fmt: skip
        return refuse(options, objects, "without --image")
    return refuse(options, {name: f"--{name}" for name in QUESTION}, "with --image") or find_useless(options)
