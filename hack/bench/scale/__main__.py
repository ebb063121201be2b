"""`python -m hack.bench.scale --images 5000`: prints figures of a cluster of that size; see docs/scale.md."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import load_config
from hack.bench.scale import phases, world
from hack.bench.scale.objects import Size
from hack.bench.scale.observer import Observer

PHASES = ("start", "rest", "resync", "churn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--images", type=int, default=5_000, help="ImageRepositories, and as many policies (5000)")
    parser.add_argument("--tags", type=int, default=100, help="tags of an image (100)")
    parser.add_argument("--shards", type=int, default=1, help="processes of each kind, by label selector (1)")
    parser.add_argument("--concurrent", type=int, default=4, help="of each process (4)")
    parser.add_argument("--phases", type=_phases, default=PHASES, help="which, in this order (all)")
    parser.add_argument("--rest-seconds", type=float, default=60, help="length of the phase at rest (60)")
    parser.add_argument("--rounds", type=int, default=12, help="of churn (12)")


def _phases(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(PHASES):
        raise argparse.ArgumentTypeError(f"no phase {', '.join(sorted(unknown))}; there are {', '.join(PHASES)}")
    return names


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    size = Size(args.images, args.tags, shards=args.shards)
    flags = (f"--concurrent={args.concurrent}",)
    with TemporaryDirectory(prefix="tagline-scale-") as name, world.build(Path(name), size, flags) as made:
        asyncio.run(_measure(made, args))


async def _measure(made: world.World, args: argparse.Namespace) -> None:
    size = made.size
    fleets = sum(1 for _ in size.fleets())
    print(
        f"{size.images:,} ImageRepositories of {size.tags} tags, as many policies, {fleets:,} automations with a Git "
        f"repository each, {len(size.namespaces())} namespaces, {size.shards} processes of each kind, "
        f"--concurrent={args.concurrent}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )
    shards = await asyncio.to_thread(made.make_controllers)
    client = KubeClient(load_config(str(made.plane.kubeconfig)), user_agent="tagline-bench")
    try:
        began = time.monotonic()
        await asyncio.to_thread(made.make_repositories)
        await made.create_objects(client)
        print(f"objects and repositories made in {time.monotonic() - began:.0f} s", flush=True)
        async with Observer(client).running() as observer:
            bench = phases.Bench(made, client, observer, shards)
            try:
                for phase in args.phases:
                    _print(await _run_phase(bench, phase, args))
            finally:
                await bench.run_controllers(start=False)
    finally:
        await client.close()


async def _run_phase(bench: phases.Bench, phase: str, args: argparse.Namespace) -> Iterator[str]:
    match phase:
        case "start":
            return await phases.cold_start(bench)
        case "rest":
            return await phases.rest(bench, args.rest_seconds)
        case "resync":
            return await phases.resync(bench)
        case _:
            return await phases.churn(bench, args.rounds)


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hack.bench.scale", description=__doc__)
    add_arguments(parser)
    run(parser.parse_args(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
