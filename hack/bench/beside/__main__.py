"""`python -m hack.bench.beside --concurrent 4 --runs 3`: tagline and Flux's image controllers in turn, as a table.

Builds Flux's controllers where the cache does not have them. The exit status is 1 when a side does not reach the end of
a phase.
"""

import argparse
import asyncio
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from hack.bench.beside import table, world
from hack.bench.beside.objects import Sizes
from hack.bench.beside.scenarios import SCENARIOS, Scenario
from hack.bench.beside.sides import PROGRAMS, Ended, Flux, Side, Tagline, versions
from hack.bench.beside.table import Sample
from hack.bench.beside.trial import NotReached, Settings, Trial
from hack.bench.scale.observer import Observer
from hack.controllers import KubectlFailed
from hack.env import process, tools

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEAST: Final = {"files": 100}
"""Fewer have no marker of each service that gets a tag."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; the sizes are there for small trials."""
    parser.add_argument("--concurrent", type=_at_least(1), default=4, help="of every process of both sides (4)")
    parser.add_argument("--runs", type=_at_least(1), default=3, help="trials of each side and scenario (3)")
    parser.add_argument("--only", type=_names, default=tuple(SCENARIOS), help=f"some of {','.join(SCENARIOS)} (all)")
    parser.add_argument("--deadline", type=_at_least(1), default=600, help="seconds for the end of a phase (600)")
    parser.add_argument(
        "--folder", type=Path, help="where files are, for the run alone (memory, where there is /dev/shm)"
    )
    for name, value in asdict(Sizes()).items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=_at_least(LEAST.get(name, 1)), default=value, help=f"({value})")


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - SCENARIOS.keys():
        raise argparse.ArgumentTypeError(f"no {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    return names


def run(args: argparse.Namespace, samples: list[Sample]) -> None:
    """Add the samples of all trials to a list, so that those before a failure are not lost."""
    settings = Settings(Sizes(**{name: getattr(args, name) for name in asdict(Sizes())}), args.deadline)
    scenarios = [SCENARIOS[name] for name in args.only]
    tools.ensure(*PROGRAMS)
    with world.build(args.folder) as made:
        for scenario in scenarios:
            scenario.prepare(made, settings.sizes)
        for number, (scenario, kind) in enumerate(_turns(scenarios, args.runs)):
            side = kind(made.plane.kubeconfig, args.concurrent)
            with made.trial(number) as folder, made.tags(scenario.tags(settings.sizes)):
                try:
                    side.start(folder)
                    found = asyncio.run(_observe(made, side, scenario, settings))
                finally:
                    side.stop()
            samples += found
            print(*(sample.line() for sample in found), sep="\n", file=sys.stderr, flush=True)


def _turns(scenarios: Sequence[Scenario], runs: int) -> Iterator[tuple[Scenario, type[Side]]]:
    """Yield the trials in their order: in each run both sides of each scenario, one right after the other."""
    for _ in range(runs):
        for scenario in scenarios:
            yield scenario, Flux
            yield scenario, Tagline


async def _observe(made: world.World, side: Side, scenario: Scenario, settings: Settings) -> list[Sample]:
    """Play a scenario; return its samples."""
    client = made.make_client()
    try:
        async with Observer(client).running() as observer:
            trial = Trial(made, side, settings, client, observer)
            await scenario.play(trial)
            return trial.samples
    finally:
        await client.close()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let the first signal end the run as an exception would; more of them are not to disturb the end."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        for one in SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {one: signal.signal(one, end) for one in SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def children() -> list[process.Process]:
    """Return the processes that this one has started, and that still run."""
    return process.children(process.adopt("a child", os.getpid(), Path(os.devnull)))


def head(load_before: float, args: argparse.Namespace) -> str:
    """Return the line that says what was compared, and on what."""
    return (
        f"{versions()}; Python {platform.python_version()}, {os.cpu_count()} cores, load {load_before:.2f} → "
        f"{os.getloadavg()[0]:.2f}; --concurrent {args.concurrent} on both sides, {args.runs} runs, sides alternating; "
        "medians (minimum–maximum) of each repetition, compare in one run only"
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hack.bench beside", description=__doc__)
    add_arguments(parser)
    args = parser.parse_args(arguments)
    samples: list[Sample] = []
    load, failure, before = os.getloadavg()[0], "", children()
    with _ended_by_signals():
        try:
            run(args, samples)
        except (NotReached, Ended, process.NotStarted, tools.BuildFailed, KubectlFailed) as error:
            failure = str(error)
        finally:
            for running in children():  # a signal may come between a start and its record
                if running not in before:
                    process.stop(running, kill=True)
    print(table.HEADER, *table.rows(samples), sep="\n")
    print(f"\n{head(load, args)}", flush=True)
    if failure:
        print(f"\nnot finished: {failure}", file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
