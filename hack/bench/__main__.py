"""`python -m hack.bench [parts|verbs|cluster|job|whole|all] [--runs N]`: prints figures; the exit status is 0.

Not part of `all` are `scale`, which takes most of an hour, and `beside`, which compares with Flux's image controllers
and takes some twenty minutes. Both have flags of their own: `python -m hack.bench beside --help`.
"""

import argparse
import os
import platform
import sys
from typing import Final

from hack.bench import cluster_verbs, components, end_to_end, job, verbs
from hack.bench.beside import __main__ as beside
from hack.bench.measure import HEADER
from hack.bench.scale import __main__ as scale


def main() -> int:
    """Print figures."""
    parser = argparse.ArgumentParser(prog="python -m hack.bench", description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=["parts", "verbs", "cluster", "job", "whole", "all"])
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each part (5)")
    parser.add_argument("--pushes", type=int, default=15, help="tags pushed one after the other (15)")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.2f}; medians, compare in one run only"
    )
    if args.what in {"parts", "all"}:
        print(HEADER)
        for figure in components.figures(args.runs):
            print(figure.line(), flush=True)
    if args.what in {"verbs", "all"}:
        print(f"\n{verbs.HEADER}")
        for run in verbs.figures(args.runs):
            print(run.line(), flush=True)
    if args.what in {"cluster", "all"}:
        print(f"\n{verbs.HEADER}")
        for run in cluster_verbs.figures(args.runs):
            print(run.line(), flush=True)
    if args.what in {"job", "all"}:
        print(f"\n{verbs.HEADER}")
        for run in job.figures(args.runs):
            print(run.line(), flush=True)
    if args.what in {"whole", "all"}:
        figures, idle, after = end_to_end.figures(args.pushes)
        print(f"\n{HEADER}")
        for figure in figures:
            print(figure.line())
        for name, memory in (("idle", idle), ("afterwards", after)):
            print(f"resident MiB, {name}: " + ", ".join(f"{kind} {mib:.0f}" for kind, mib in memory.items()))
    return 0


WITH_FLAGS: Final = {"scale": scale.main, "beside": beside.main}

if __name__ == "__main__":
    sys.exit(WITH_FLAGS[sys.argv[1]](sys.argv[2:]) if sys.argv[1:2] and sys.argv[1] in WITH_FLAGS else main())
