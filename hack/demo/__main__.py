"""`python -m hack.demo [--cluster | --node] [--keep]`: the main job: in a minute, on a control plane, or in pods."""

import argparse
import importlib
import sys


def main() -> int:
    """Play the demo and return 0 when every step succeeded."""
    parser = argparse.ArgumentParser(prog="python -m hack.demo", description=__doc__)
    parser.add_argument("--cluster", action="store_true", help="on a Kubernetes control plane, which is built first")
    parser.add_argument("--node", action="store_true", help="in pods on a node of this machine (root, Debian)")
    parser.add_argument(
        "--engine", choices=["flux", "argocd"], default="flux", help="with --node: who deploys from Git"
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running and say how to look around")
    options = parser.parse_args()
    # Each needs what the other does not: programs that are built, or nothing but Python and git.
    name = "node" if options.node else "cluster" if options.cluster else "local"
    demo = importlib.import_module(f"hack.demo.{name}")
    more = {"engine": options.engine} if options.node else {}
    status: int = demo.play(keep=options.keep, **more)
    return status


if __name__ == "__main__":
    sys.exit(main())
