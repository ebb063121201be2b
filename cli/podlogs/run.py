"""`logs`, from what was asked for to what is printed."""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from cli.ages import parse_time
from cli.grammar.session import Failed, Said, Session
from cli.kinds.kind import Object
from cli.output import write_now
from cli.podlogs.lines import Entry, Filter, read_entries
from cli.podlogs.pods import CONTAINER, find_pods
from cli.terminal import open_terminal
from controllers.golang.duration import SECOND

if TYPE_CHECKING:
    from cli.kube.client import Cluster


@dataclass(frozen=True, slots=True)
class Request:
    """What `logs` is to read, and which lines it is to show."""

    filter: Filter
    controllers_namespace: str
    follow: bool
    tail: int
    """Lines of each pod, the newest; negative for all."""
    since: int
    """Nanoseconds; 0 for all."""
    since_time: str

    def query(self) -> Mapping[str, str]:
        """Return what is asked of the API server. Raises Failed for a time that is none."""
        if self.since_time and self.since:
            raise Failed("--since and --since-time exclude each other: give one of them")
        if self.since_time and parse_time(self.since_time) is None:
            raise Failed(f"--since-time '{self.since_time}' is no time of RFC 3339, such as 2026-01-05T10:00:00Z")
        return {
            "container": CONTAINER,
            "follow": "true" if self.follow else "",
            "tailLines": str(self.tail) if self.tail >= 0 else "",
            "sinceSeconds": str(math.ceil(self.since / SECOND)) if self.since > 0 else "",
            "sinceTime": self.since_time,
        }


def logs(session: Session, request: Request) -> None:
    """Print what the controllers have logged, and with `follow` what they go on to log.

    Without it lines of several pods are in the order of their times. Raises Failed, Said, ApiError.
    """
    # In the order of flux, which says that there are no controllers whatever the time.
    pods = find_pods(session.cluster, request.controllers_namespace)
    query = request.query()
    reader = _Reader(session, query)
    entries = reader.followed(pods) if request.follow else reader.read(pods)
    terminal = open_terminal()
    for entry in entries:
        if request.filter.wants(entry):
            write_now([entry.format(terminal)])
    if reader.failed == len(pods):
        raise Said


class _Reader:
    """Reads the logs of pods. One whose log cannot be read is said, and does not keep the others back."""

    def __init__(self, session: Session, query: Mapping[str, str]) -> None:
        self._session = session
        self._query = query
        self.failed = 0

    def read(self, pods: Sequence[Object]) -> Iterator[Entry]:
        streams = [self._entries(self._session.cluster, pod) for pod in pods]
        return heapq.merge(*streams, key=lambda entry: entry.time)

    def followed(self, pods: Sequence[Object]) -> Iterator[Entry]:
        from cli.merging import merge  # noqa: PLC0415

        return merge([partial(self._entries, self._session.another_cluster(), pod) for pod in pods])

    def _entries(self, cluster: "Cluster", pod: Object) -> Iterator[Entry]:
        from controllers.runtime.kube.errors import ApiError, Forbidden  # noqa: PLC0415 -- loaded with the cluster

        try:
            yield from read_entries(self._lines(cluster, pod))
        except Forbidden:
            raise
        except ApiError as error:
            self.failed += 1
            self._session.report.warning(f"log of pod {pod['metadata']['name']}: {error.message}")

    def _lines(self, cluster: "Cluster", pod: Object) -> Iterable[bytes]:
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{quote(metadata['namespace'])}/pods/{quote(metadata['name'])}/log"
        return cluster.stream_lines(path, self._query)
