"""The `main` of a controller process: command line, logging, cluster, signals, exit status."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controllers.runtime import logkey
from controllers.runtime.kube.config import ClusterConfig, load_config
from controllers.runtime.kube.errors import NotConfigured
from controllers.runtime.log import configure
from controllers.runtime.process import flags
from controllers.runtime.process.allocator import configure_malloc
from controllers.runtime.process.flags import BadFlag, Flag, Options
from controllers.runtime.process.manager import CannotStart, Manager

log = logging.getLogger("controllers.setup")

Build = Callable[[Manager], None]


def main(
    name: str,
    build: Build,
    argv: Sequence[str],
    *,
    component: str,
    kind_flags: Sequence[Flag[Any]] = (),
    gates: Mapping[str, bool] | None = None,
) -> int:
    """Run a controller process to its end and return its exit status (2: the command line is wrong).

    build: puts the kind's informers, queue and controller together; called in the event loop
    argv: without the program's name
    """
    if any(argument in ("-h", "--help", "-help") for argument in argv):
        sys.stdout.write(flags.format_usage(f"python -m controllers.{name}", flags=kind_flags))
        return 0
    try:
        options = flags.parse(argv, flags=kind_flags, gates=gates)
    except BadFlag as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure(options[flags.LOG_LEVEL], options[flags.LOG_ENCODING])
    for flag in options.warnings:
        log.info("this flag has no effect", extra={logkey.FLAG: flag})
    for gate, on in options[flags.FEATURE_GATES].items():
        log.info("loading feature gate", extra={logkey.FLAG: gate, "enabled": on})
    configure_malloc()
    try:
        config = load_config()
        return asyncio.run(_run(options, name=name, component=component, config=config, build=build))
    except (CannotStart, NotConfigured) as error:
        log.error("cannot start", extra={logkey.ERROR: str(error)})
        return 1


async def _run(options: Options, *, name: str, component: str, config: ClusterConfig, build: Build) -> int:
    manager = Manager(options, name=name, component=component, config=config)
    build(manager)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, manager.stop)
    status = await manager.run()
    schedule_exit(status)
    return status


def schedule_exit(status: int, *, seconds: float = 1.0) -> None:
    """Have the process gone after `seconds`, even if a worker thread (a slow git server, say) never returns.

    The interpreter waits for such threads without limit; by now nothing is left that they could be needed for.
    """
    timer = threading.Timer(seconds, os._exit, [status])
    timer.daemon = True
    timer.start()
