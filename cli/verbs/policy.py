"""`tagline policy test`: which tag a policy chooses, and why the others lost, without a cluster or registry.

The answer is the controller's own: both call `controllers.policy.select`. Questions that need
a cluster or a registry are refused, or reported as left out: when tags were first seen, and what is inside images.
"""

import argparse
import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cli.output import write, write_error
from cli.printing import format_choice, format_tally
from controllers.policy import (
    POLICIES,
    Filter,
    Policy,
    Rules,
    Selection,
    TagIndex,
    select,
)
from controllers.policy.errors import InvalidPolicy, NoTags, SelectionFailed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Offline no tag has an age, so the present time does not matter."""


class NotAnswerableOffline(Exception):
    """The question cannot be answered offline; the text says why, and what to do."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    test = parser.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "test",
        help="show which tag a policy chooses, and why the others lost",
        description="Prints the chosen tag, then why the others lost. Exit status 1: nothing is chosen; 2: the policy "
        "is invalid.",
    )
    policy = test.add_mutually_exclusive_group(required=True)
    for kind in POLICIES:
        if flag := kind.flag:
            policy.add_argument(f"--{kind.policy.name}", metavar=flag.metavar, choices=flag.choices, help=flag.help)
    policy.add_argument("-f", "--file", metavar="FILE", help="the ImagePolicy of a file of manifests, - is stdin")
    test.add_argument("--name", default="", metavar="NAME", help="which ImagePolicy, where the file has several")
    test.add_argument("--current", default="", metavar="TAG", help="the tag chosen before, for allowDowngrade: false")
    test.add_argument("--pattern", default="", metavar="REGEXP", help="only tags that match (spec.filterTags.pattern)")
    test.add_argument("--extract", default="", metavar="TEMPLATE", help="what is ranked, e.g. '$ts'")
    test.add_argument("tags", nargs="*", metavar="TAG", help="tags to choose from; none or -: one a line from stdin")
    test.set_defaults(command=run_policy_test)


def run_policy_test(options: argparse.Namespace) -> int:
    """Print the choice and its reasons; 0 when a tag is chosen."""
    try:
        index, rules = _question(options)
        selection = select(index, rules, now=EPOCH, current=options.current)
        if not isinstance(selection, Selection):
            raise NotAnswerableOffline(_needs_cluster("platforms"))
    except (InvalidPolicy, NotAnswerableOffline) as error:
        write_error(error)
        return 2
    except (NoTags, SelectionFailed) as error:
        write_error(error)
        if isinstance(error, SelectionFailed):
            write("".join(format_tally(error.tally)))
        return 1
    write("".join(_answer(selection)))  # in one piece: a reader may take only the first line
    return 0


def _answer(selection: Selection) -> Iterator[str]:
    choice = selection.choice
    kept = f" (kept: {selection.refused_downgrade} would be a downgrade)" if selection.refused_downgrade else ""
    yield f"{format_choice(choice)}{kept}\n"
    yield from format_tally(choice.tally)


def _question(options: argparse.Namespace) -> tuple[TagIndex, Rules]:
    """Return what is chosen from, and how. Raises NotAnswerableOffline."""
    tag_filter = Filter(options.pattern, options.extract) if options.pattern or options.extract else None
    if options.file is None and (options.name or options.current):
        raise NotAnswerableOffline("--name and --current are about the policy of a manifest: name it with --file")
    if options.file is None:
        return TagIndex(_tags(options.tags)), Rules(_policy(options), tag_filter)
    if tag_filter:
        raise NotAnswerableOffline("--pattern and --extract are the manifest's filterTags: leave them out with --file")
    if options.file == "-" and options.tags in ([], ["-"]):
        raise NotAnswerableOffline("standard input is the manifest: give the tags as arguments")
    return _from_manifest(options)


def _from_manifest(options: argparse.Namespace) -> tuple[TagIndex, Rules]:
    manifest = importlib.import_module("cli.manifest")  # flags alone need no YAML
    try:
        index, rules = manifest.load_question(options.file, options.name, _tags(options.tags))
    except manifest.BadManifest as error:
        raise NotAnswerableOffline(str(error)) from None
    if rules.policy is not None and rules.policy.ranks_times:
        raise NotAnswerableOffline(_needs_cluster(rules.policy.name))
    if rules.min_age:
        write_error("minAge is left out: only a cluster knows when tags were first seen")
    return index, replace(rules, min_age=timedelta())


def _needs_cluster(field: str) -> str:
    return f"policy.{field} cannot be answered offline: apply the policy and ask tagline explain policy"


def _policy(options: argparse.Namespace) -> Policy:
    return next(
        kind.flag.parse(argument)
        for kind in POLICIES
        if kind.flag and (argument := getattr(options, kind.policy.name)) is not None
    )


def _tags(arguments: Sequence[str]) -> list[str]:
    lines: Iterable[str] = sys.stdin if arguments in ([], ["-"]) else arguments
    # A registry names a tag once; so does this, wherever the list was pieced together.
    return list(dict.fromkeys(tag for line in lines if (tag := line.strip())))
