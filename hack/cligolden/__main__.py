"""`python -m hack.cligolden FILE|DIR…`: exit status 0 when all answers are as recorded, 1 when not, 2 for bad input."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.cligolden.accepted import DEFAULT, read_accepted
from hack.cligolden.cases import BadInput, read_files
from hack.cligolden.invocation import command_words
from hack.cligolden.outcome import Outcome, counts
from hack.cligolden.player import Player

OURS = shlex.join([sys.executable, "-P", "-m", "cli.main"])
MAX_SHOWN = 10
MAX_LINES = 25


def main(arguments: Sequence[str]) -> int:
    """Play what the arguments name and print the differences and the sum."""
    args = _parser().parse_args(arguments)
    try:
        files = read_files(args.paths)
        accepted = read_accepted(Path(args.accepted)) if args.accepted else []
        player = Player(command_words(args.command), args.name, accepted, args.jobs)
        outcomes: list[Outcome] = []
        for outcome in player.play(files, args.only):
            outcomes.append(outcome)
            _show(outcome, verbose=args.v, shown=counts(outcomes)[1])
    except (BadInput, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if not outcomes:
        print(f"no id matches {args.only}", file=sys.stderr)
        return 2
    return _sum(outcomes, verbose=args.v)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hack.cligolden", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE|DIR", help="recordings, or folders of them")
    parser.add_argument("--command", default=OURS, help="the program to play (default: this checkout's tagline)")
    parser.add_argument("--name", default="tagline", help="how the program calls itself (default: %(default)s)")
    parser.add_argument("--only", default="*", metavar="GLOB", help="play the ids that match alone")
    parser.add_argument(
        "--accepted", default=str(DEFAULT), metavar="FILE", help="differences that are meant; '' for none"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="how many that change nothing run side by side"
    )
    parser.add_argument("-v", action="store_true", help="show all differences, whole, and how long each took")
    return parser


def _show(outcome: Outcome, *, verbose: bool, shown: int) -> None:
    """Print one outcome, if it is to be seen. shown: how many have failed up to it."""
    if verbose:
        recorded = "" if outcome.case.seconds is None else f", recorded {outcome.case.seconds:.1f} s"
        word = "accepted" if outcome.accepted else "passed" if outcome.passed else "FAILED"
        print(f"{outcome.case.id}: {word} ({outcome.seconds:.1f} s{recorded})", flush=True)
    if outcome.passed or (not verbose and shown > MAX_SHOWN):
        return
    if not verbose:
        print(f"{outcome.case.id}: {shlex.join(outcome.case.cmd)}")
    for difference in outcome.differences:
        lines = str(difference).splitlines()
        cut = lines if verbose else lines[:MAX_LINES]
        print("".join(f"  {line}\n" for line in cut), end="", flush=True)
        if len(cut) < len(lines):
            print(f"  … {len(lines) - len(cut)} more lines: -v shows them")


def _sum(outcomes: Sequence[Outcome], *, verbose: bool) -> int:
    passed, failed, accepted = counts(outcomes)
    if failed > MAX_SHOWN and not verbose:
        names = [outcome.case.id for outcome in outcomes if not outcome.passed][MAX_SHOWN:]
        print(f"failed as well: {' '.join(names)}")
    if accepted:
        print(f"{accepted} of those that passed differ from the recording as accepted")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
