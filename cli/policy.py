"""`tagline policy test`: which tag a policy chooses, and why the others lost; no cluster and no registry is asked.

The answer is the controller's own: both call `controllers.policy.select`. What cannot be known offline, when tags were
first seen and the metadata of images, is refused or reported as left out.
"""

import argparse
import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controllers.policy import (
    Alphabetical,
    Filter,
    Newest,
    Numerical,
    Policy,
    Rules,
    Selection,
    Semver,
    TagIndex,
    Tally,
    select,
)
from controllers.policy.errors import InvalidPolicy, NoTags, SelectionFailed

MAX_EXAMPLES = 3
"""Tags that are printed for each reason."""
HEADING = "WHY NOT CHOSEN"
ORDERS = ("asc", "desc")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Offline no tag has an age, so the present time does not matter."""


class NotAnswerableOffline(Exception):
    """The question cannot be answered offline; the text says why, and what to do."""


def add_test_command(commands: Any) -> None:
    """Add the command `test` to the subparsers of `tagline policy`."""
    test = commands.add_parser(
        "test",
        help="show which tag a policy chooses, and why the others lost",
        description="Prints the chosen tag, then why the others lost. Exit status 1: nothing is chosen; 2: the policy "
        "is invalid.",
    )
    policy = test.add_mutually_exclusive_group(required=True)
    policy.add_argument("--semver", metavar="RANGE", help="the greatest version in the range, e.g. '>=1.0.0 <2.0.0'")
    policy.add_argument("--numerical", choices=ORDERS, help="the greatest number (asc) or the least (desc)")
    policy.add_argument("--alphabetical", choices=ORDERS, help="the last text (asc) or the first (desc)")
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
        found = select(index, rules, now=EPOCH, current=options.current)
        if not isinstance(found, Selection):
            raise NotAnswerableOffline(_needs_cluster("platforms"))
    except (InvalidPolicy, NotAnswerableOffline) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (NoTags, SelectionFailed) as error:
        sys.stderr.write(f"{error}\n")
        if isinstance(error, SelectionFailed):
            sys.stdout.writelines(format_tally(error.tally))
        return 1
    sys.stdout.write("".join(_answer(found)))  # in one piece: a reader may take only the first line
    return 0


def _answer(found: Selection) -> Iterator[str]:
    choice = found.choice
    ranked_by = "" if choice.value == choice.tag else f" (ranked by {choice.value})"
    kept = f" (kept: {found.refused_downgrade} would be a downgrade)" if found.refused_downgrade else ""
    yield f"{choice.tag}{ranked_by}{kept}\n"
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
    if isinstance(rules.policy, Newest):
        raise NotAnswerableOffline(_needs_cluster("newest"))
    if rules.min_age:
        sys.stderr.write("minAge is left out: only a cluster knows when tags were first seen\n")
    return index, replace(rules, min_age=timedelta())


def _needs_cluster(field: str) -> str:
    return f"policy.{field} cannot be answered offline: apply the policy and ask tagline explain policy"


def format_tally(tally: Tally) -> Iterator[str]:
    """Yield lines: how many tags lost for each reason, the most frequent first, and some of them."""
    if not tally.counts:
        return
    width = max(len(text) for text in (HEADING, *(reason.sentence for reason in tally.counts)))
    yield f"\n{'TAGS':>6}  {HEADING:{width}}  FOR EXAMPLE\n"
    for reason, count in sorted(tally.counts.items(), key=lambda item: -item[1]):
        examples = [refusal.tag for refusal in tally.refused if refusal.reason is reason]
        yield f"{count:>6}  {reason.sentence:{width}}  {', '.join(examples[:MAX_EXAMPLES])}".rstrip() + "\n"


def _policy(options: argparse.Namespace) -> Policy:
    if options.semver is not None:
        return Semver(options.semver)
    return Numerical(options.numerical) if options.numerical else Alphabetical(options.alphabetical)


def _tags(arguments: Sequence[str]) -> list[str]:
    lines: Iterable[str] = sys.stdin if arguments in ([], ["-"]) else arguments
    # A registry names a tag once; so does this, wherever the list was pieced together.
    return list(dict.fromkeys(tag for line in lines if (tag := line.strip())))
