"""`tagline policy test`: which tag a policy chooses, and why the others lost; no cluster and no registry is asked.

The answer is the controller's own: both call `controllers.policy.choose`.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from controllers.policy import Alphabetical, Filter, Numerical, Policy, Semver, Tally, choose
from controllers.policy.errors import Failure, InvalidPolicy, NoTags

EXAMPLES = 3
"""So many tags are shown for each reason."""
HEADING = "WHY NOT CHOSEN"
ORDERS = ("asc", "desc")


def add_to(commands: Any) -> None:
    """Adds the command `test` to the subparsers of `tagline policy`."""
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
    test.add_argument("--pattern", default="", metavar="REGEXP", help="only tags that match (spec.filterTags.pattern)")
    test.add_argument("--extract", default="", metavar="TEMPLATE", help="what is ranked, e.g. '$ts'")
    test.add_argument("tags", nargs="*", metavar="TAG", help="tags to choose from; none or -: one a line from stdin")
    test.set_defaults(command=ask_policy)


def ask_policy(options: argparse.Namespace) -> int:
    """Prints the choice and its reasons; 0 when a tag is chosen."""
    tags = _tags(options.tags)
    tag_filter = Filter(options.pattern, options.extract) if options.pattern or options.extract else None
    try:
        choice = choose(tags, _policy(options), tag_filter)
    except InvalidPolicy as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (NoTags, Failure) as error:
        sys.stderr.write(f"{error}\n")
        if isinstance(error, Failure):
            sys.stdout.writelines(table(error.tally))
        return 1
    ranked_by = "" if choice.value == choice.tag else f" (ranked by {choice.value})"
    # In one piece: a reader that takes only the first line must not break the second.
    sys.stdout.write("".join([f"{choice.tag}{ranked_by}\n", *table(choice.tally)]))
    return 0


def table(tally: Tally) -> Iterator[str]:
    """Lines: how many tags lost for each reason, the most frequent first, and some of them."""
    if not tally.counts:
        return
    width = max(len(text) for text in (HEADING, *(reason.sentence for reason in tally.counts)))
    yield f"\n{'TAGS':>6}  {HEADING:{width}}  FOR EXAMPLE\n"
    for reason, count in sorted(tally.counts.items(), key=lambda item: -item[1]):
        known = [refusal.tag for refusal in tally.refused if refusal.reason is reason]
        yield f"{count:>6}  {reason.sentence:{width}}  {', '.join(known[:EXAMPLES])}".rstrip() + "\n"


def _policy(options: argparse.Namespace) -> Policy:
    if options.semver is not None:
        return Semver(options.semver)
    return Numerical(options.numerical) if options.numerical else Alphabetical(options.alphabetical)


def _tags(arguments: Sequence[str]) -> list[str]:
    lines: Iterable[str] = sys.stdin if arguments in ([], ["-"]) else arguments
    # A registry names a tag once; so does this, wherever the list was pieced together.
    return list(dict.fromkeys(tag for line in lines if (tag := line.strip())))
