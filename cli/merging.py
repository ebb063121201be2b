"""What several streams bring, as it comes, in one."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

T = TypeVar("T")
MAX_WAITING: Final = 1000
"""Items that were read and not yet taken: a stream that brings more than is printed waits."""
_WAKE_SECONDS: Final = 0.5
"""A thread that waits without end does not see Ctrl-C on every platform."""


def merge(sources: Sequence[Callable[[], Iterable[T]]], *, ends: tuple[type[Exception], ...] = ()) -> Iterator[T]:
    """Yield the items of all sources, in the order in which they come; each source is read by a thread of its own.

    Raises what the first raises that fails. ends: what only ends the source that raises it; it is raised when all
    others have ended. Of one source the items come without a thread.
    """
    if len(sources) == 1:
        yield from sources[0]()
        return
    items: queue.Queue[tuple[str, Any]] = queue.Queue(MAX_WAITING)
    for source in sources:
        # A daemon: one that waits for a server does not hold the process back when the others are done with.
        threading.Thread(target=_read, args=(source, items), daemon=True).start()
    running, ended = len(sources), None
    while running:
        try:
            kind, value = items.get(timeout=_WAKE_SECONDS)
        except queue.Empty:
            continue
        if kind == "item":
            yield value
            continue
        running -= 1
        if kind == "error":
            if not isinstance(value, ends):
                raise value
            ended = value
    if ended is not None:
        raise ended


def _read(source: Callable[[], Iterable[Any]], items: "queue.Queue[tuple[str, Any]]") -> None:
    try:
        for item in source():
            items.put(("item", item))
    except Exception as error:  # it is raised where the items are taken
        items.put(("error", error))
    else:
        items.put(("end", None))
