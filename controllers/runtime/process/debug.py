"""What a running process is doing and keeps in memory, for those who may log in to its pod.

By signal, for `kubectl exec`:
  SIGUSR1  logs the stacks of all tasks and threads, and what is in memory
  SIGUSR2  switches between `--log-level` and debug
By `--debug-addr`, for `kubectl port-forward`: the same as pages, on loopback only.

Stacks name places in the code, never values: whatever is secret stays so. The dump is made in a
thread of its own, so that it also says where an event loop hangs, and holds none that does not.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from traceback import StackSummary, walk_stack
from types import FrameType, MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs

from controllers.runtime import logkey
from controllers.runtime.log import LEVELS, level_name, set_level
from controllers.runtime.process.httpserver import Request, RequestHandler, Response

MAX_STACKS: Final = 100
"""Different ones, of tasks and of threads."""
MAX_FRAMES: Final = 30
MAX_TYPES: Final = 25
_BAD_REQUEST: Final = "want ?level= and one of " + ", ".join(LEVELS) + "\n"

log = logging.getLogger("controllers.debug")


def list_tasks(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Return the stacks of a loop's tasks, innermost frame last, each once and with how many have it. Any thread."""
    return _count(_frames_of(task) for task in asyncio.all_tasks(loop))


def list_threads() -> list[str]:
    """Return the stacks of all threads but the caller's; the main thread's says where the event loop is."""
    own = threading.get_ident()
    return _count(_places(frame) for ident, frame in sys._current_frames().items() if ident != own)  # noqa: SLF001


def read_memory() -> dict[str, object]:
    """Return how much memory the process has, and of which types most objects are. Takes up to a second."""
    counts = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    return {
        "resident_bytes": _resident_bytes(),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "threads": threading.active_count(),
        "open_files": len(os.listdir("/proc/self/fd")),
        "garbage_collections": [one["collections"] for one in gc.get_stats()],
        "objects": dict(counts.most_common(MAX_TYPES)),
    }


def log_dump(loop: asyncio.AbstractEventLoop) -> None:
    """Log tasks, threads and memory, whatever the level is. Any thread."""
    for message, fields in (
        ("tasks", {logkey.COUNT: len(asyncio.all_tasks(loop)), "stacks": list_tasks(loop)}),
        ("threads", {logkey.COUNT: threading.active_count(), "stacks": list_threads()}),
        ("memory", read_memory()),
    ):
        _report(message, fields)


def _report(message: str, fields: Mapping[str, object]) -> None:
    """Log what somebody has asked for, whatever the level is."""
    log.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, message, (), None, extra=fields))


def toggle_level(configured: str) -> str:
    """Log at debug level, or again at the level of the command line; return the one that holds now."""
    is_configured = logging.getLogger("controllers").level == LEVELS[configured]
    other = "info" if configured == "debug" else "debug"
    level = other if is_configured else configured
    set_level(level)
    _report("the log level was changed", {"level_now": level})
    return level


def handle_signals(loop: asyncio.AbstractEventLoop, configured_level: str) -> None:
    """Answer SIGUSR1 and SIGUSR2 until the process ends; call it in the main thread.

    Python's own handlers, since those of the loop would wait for a loop that hangs.
    """

    def dump(_: int, __: FrameType | None) -> None:
        # Not here: what is interrupted may hold the lock of the log.
        threading.Thread(target=log_dump, args=(loop,), name="dump", daemon=True).start()

    def toggle(_: int, __: FrameType | None) -> None:
        threading.Thread(target=toggle_level, args=(configured_level,), name="log-level", daemon=True).start()

    signal.signal(signal.SIGUSR1, dump)
    signal.signal(signal.SIGUSR2, toggle)


async def _show_tasks(_: Request) -> Response:
    loop = asyncio.get_running_loop()
    tasks, threads = await asyncio.to_thread(lambda: (list_tasks(loop), list_threads()))
    return _text(("tasks", *tasks, "threads", *threads))


async def _show_memory(_: Request) -> Response:
    found = await asyncio.to_thread(read_memory)
    counts = found.pop("objects")
    assert isinstance(counts, dict)
    lines = [f"{name} {value}" for name, value in found.items()]
    return _text((*lines, "", *(f"{count:>10} {name}" for name, count in counts.items())))


async def _show_level(request: Request) -> Response:
    """Return the level, and change it first where the request says so."""
    wanted = parse_qs(request.query).get("level", [])
    if wanted and wanted[0] not in LEVELS:
        return Response(_BAD_REQUEST.encode(), HTTPStatus.BAD_REQUEST)
    if wanted:
        set_level(wanted[0])
        _report("the log level was changed", {"level_now": wanted[0]})
    return _text([level_name(logging.getLogger("controllers").level)])


PAGES: Final[Mapping[str, RequestHandler]] = MappingProxyType(
    {"/debug/tasks": _show_tasks, "/debug/memory": _show_memory, "/debug/log-level": _show_level}
)


def _text(lines: Iterable[str]) -> Response:
    return Response("".join(f"{line}\n" for line in lines).encode())


def _frames_of(task: "asyncio.Task[object]") -> str:
    """Return where a task waits, through all coroutines that wait for each other, and what it is called."""
    places: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None and len(places) < MAX_FRAMES:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None:
            places.append(_place(frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_qualname))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return " < ".join(reversed(places)) or "not begun"


def _places(frame: FrameType) -> str:
    stack = StackSummary.extract(walk_stack(frame), limit=MAX_FRAMES, lookup_lines=False)
    return " < ".join(_place(one.filename, one.lineno or 0, one.name) for one in stack)


def _place(file: str, line: int, name: str) -> str:
    """Return a place in the code: the last three parts of the path tell modules apart."""
    return f"{'/'.join(Path(file).parts[-3:])}:{line} {name}"


def _count(stacks: Iterable[str]) -> list[str]:
    counts = Counter(stacks)
    shown = [f"{count} x {stack}" for stack, count in counts.most_common(MAX_STACKS)]
    return [*shown, f"and {len(counts) - MAX_STACKS} more stacks"] if len(counts) > MAX_STACKS else shown


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
