"""`python -m hack.demo [--cluster] [--keep]`: the main job in front of the user, in a minute or on a control plane."""

import argparse
import importlib
import sys


def main() -> int:
    """Play the demo and return 0 when every step succeeded."""
    parser = argparse.ArgumentParser(prog="python -m hack.demo", description=__doc__)
    parser.add_argument("--cluster", action="store_true", help="on a Kubernetes control plane, which is built first")
    parser.add_argument("--keep", action="store_true", help="leave everything running and say how to look around")
    options = parser.parse_args()
    # Each needs what the other does not: programs that are built, or nothing but Python and git.
    demo = importlib.import_module("hack.demo.cluster" if options.cluster else "hack.demo.local")
    status: int = demo.play(keep=options.keep)
    return status


if __name__ == "__main__":
    sys.exit(main())
