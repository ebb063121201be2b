"""The `main` of a process of one or several kinds: command line, logging, cluster, signals, exit status."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controllers.runtime import logkey
from controllers.runtime.kube.config import ClusterConfig, load_config
from controllers.runtime.kube.errors import NotConfigured
from controllers.runtime.log import configure, log_uncaught_errors
from controllers.runtime.process import flags
from controllers.runtime.process.allocator import configure_malloc
from controllers.runtime.process.debug import handle_signals
from controllers.runtime.process.descriptors import raise_descriptor_limit
from controllers.runtime.process.flags import BadFlag, Flag, Options
from controllers.runtime.process.process import CannotStart, Process

log = logging.getLogger("controllers.setup")


@dataclass(frozen=True, slots=True)
class Program:
    """A kind as a process can host it: what its `__main__` declares."""

    name: str
    """Name of its package: `controllers.<name>`."""
    build: Callable[[Process], None]
    """Declares the kind in a process (`kind.Kind`); called in the event loop. Raises CannotStart."""
    flags: Sequence[Flag[Any]] = ()
    """Those that not every controller has."""
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    """Those that not every controller has, with their defaults."""


def main(programs: Sequence[Program], argv: Sequence[str]) -> int:
    """Run a process that hosts `programs` to its end and return its exit status (2: the command line is wrong).

    argv: without the program's name; takes the flags and feature gates of all of them
    """
    names = [program.name for program in programs]
    kind_flags = tuple({flag.name: flag for program in programs for flag in program.flags}.values())
    feature_gates = {gate: on for program in programs for gate, on in program.feature_gates.items()}
    if any(argument in ("-h", "--help", "-help") for argument in argv):
        command = f"python -m controllers.{names[0]}" if len(names) == 1 else f"tagline run {','.join(names)}"
        sys.stdout.write(flags.format_usage(command, flags=kind_flags))
        return 0
    try:
        options = flags.parse(argv, flags=kind_flags, feature_gates=feature_gates)
    except BadFlag as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure(options[flags.LOG_LEVEL], options[flags.LOG_ENCODING])
    log_uncaught_errors()
    for flag in options.warnings:
        log.info("this flag has no effect", extra={logkey.FLAG: flag})
    for gate, on in options[flags.FEATURE_GATES].items():
        log.info("loading feature gate", extra={logkey.FLAG: gate, "enabled": on})
    configure_malloc()
    raise_descriptor_limit()
    try:
        return asyncio.run(_run(programs, options, load_config()))
    except (CannotStart, NotConfigured) as error:
        log.error("cannot start", extra={logkey.ERROR: str(error)})
        return 1


async def _run(programs: Sequence[Program], options: Options, config: ClusterConfig) -> int:
    process = Process(options, name="+".join(program.name for program in programs), config=config)
    for program in programs:
        program.build(process)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    handle_signals(loop, options[flags.LOG_LEVEL])
    status = await process.run()
    schedule_exit(status)
    return status


def schedule_exit(status: int, *, seconds: float = 1.0) -> None:
    """End the process after `seconds`, even if a worker thread never returns (it may wait for a slow Git server).

    The interpreter waits for such threads without limit; by now nothing is left that they could be needed for.
    """
    timer = threading.Timer(seconds, os._exit, [status])
    timer.daemon = True
    timer.start()
