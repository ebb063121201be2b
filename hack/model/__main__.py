"""`python -m hack.model`: play random histories, or one of a file, to the model and to the real controllers.

Another seed each time, unless it is named. Where the two do not end alike, the shortest history that shows it is
printed; saved in a file, it plays again with --play.
"""

import argparse
import asyncio
import logging
import random
import sys
import time
from pathlib import Path

from hack.model import steps
from hack.model.embedded import embedded_world
from hack.model.machine import Worlds, search
from hack.model.player import Different, play


async def _play(worlds: Worlds, history: list[steps.Step]) -> None:
    async with worlds() as world:
        await play(world, history)


def _search(worlds: Worlds, options: argparse.Namespace) -> int:
    number = random.SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    print(f"MODEL_SEED={number} MODEL_STEPS={options.steps}{' REAL=1' if options.real else ''}", flush=True)
    began = time.monotonic()
    played = search(
        worlds, steps=options.steps, number=number, has_own_clock=not options.real, shrinks=not options.real
    )
    print(f"{played} steps in {time.monotonic() - began:.0f} s: the controllers ended where the model ended")
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.model", description=__doc__)
    parser.add_argument("--steps", type=int, default=3000, help="how many to play, about")
    parser.add_argument("--seed", type=int, help="of the histories")
    parser.add_argument("--play", type=Path, metavar="FILE", help="a history as it was printed")
    parser.add_argument("--real", action="store_true", help="three processes at a real API server, without shrinking")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    try:
        if options.real:
            from hack.model.cluster import cluster_worlds  # noqa: PLC0415 -- builds and starts a control plane

            with cluster_worlds() as worlds:
                return _run(worlds, options)
        return _run(embedded_world, options)
    except Different as difference:
        print(difference)
        return 1


def _run(worlds: Worlds, options: argparse.Namespace) -> int:
    if options.play is None:
        return _search(worlds, options)
    asyncio.run(_play(worlds, steps.from_json(options.play.read_bytes())))
    print("the controllers ended where the model ended")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
