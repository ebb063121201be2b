"""The command lines of `python -m hack.model` and `python -m e2e.modelled`.

They play random histories, or one of a file, to the model and to the real controllers. Another seed each time, unless
it is named. Where the two do not end alike, the history that shows it is printed; in a file, it plays again.
"""

import argparse
import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from hack.model.machine import Worlds, search
from hack.model.player import Different, play
from hack.model.steps import Step, from_json


async def _play(worlds: Worlds, history: list[Step]) -> None:
    async with worlds() as world:
        await play(world, history)


def _search(worlds: Worlds, options: argparse.Namespace, *, has_own_clock: bool) -> None:
    number = random.SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    print(f"MODEL_SEED={number} MODEL_STEPS={options.steps}", flush=True)
    began = time.monotonic()
    # Where time is everybody's a history takes minutes, and does not go in the same way twice: nothing is shrunk.
    played = search(worlds, steps=options.steps, number=number, has_own_clock=has_own_clock, shrinks=has_own_clock)
    print(f"{played} steps in {time.monotonic() - began:.0f} s: the controllers ended where the model ended")


def run(
    arguments: Sequence[str], provide: Callable[[], AbstractContextManager[Worlds]], *, has_own_clock: bool, steps: int
) -> int:
    """Do what a command line asks for; return the exit status. steps: to play unless it says how many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=steps, help="how many to play, about")
    parser.add_argument("--seed", type=int, help="of the histories")
    parser.add_argument("--play", type=Path, metavar="FILE", help="a history as it was printed")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    try:
        with provide() as worlds:
            if options.play is None:
                _search(worlds, options, has_own_clock=has_own_clock)
            else:
                asyncio.run(_play(worlds, from_json(options.play.read_bytes())))
                print("the controllers ended where the model ended")
    except Different as difference:
        print(difference)
        return 1
    return 0
