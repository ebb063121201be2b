"""`tagline version`."""

import argparse
import sys

from api.version import VERSION


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    parser.set_defaults(command=print_version)


def print_version(_options: argparse.Namespace) -> int:
    """Print the version."""
    sys.stdout.write(f"tagline {VERSION}\n")
    return 0
