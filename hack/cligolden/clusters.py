"""Control planes for the states: one at a time, started anew where a command has taken away what every state has."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from hack.cligolden.kube import Api
from hack.cligolden.states import Cluster, Damaged
from hack.env import controlplane, process


class Clusters:
    """A cluster that is brought into one state after another; use as a context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._cluster: Cluster | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def load(self, state: str, fixtures: Path) -> Cluster:
        """Return a cluster in a state. Raises Refused when the server takes one of its objects not."""
        cluster = self._cluster or self._renew()
        try:
            cluster.load(state, fixtures)
        except Damaged:
            cluster = self._renew()
            cluster.load(state, fixtures)
        return cluster

    def _renew(self) -> Cluster:
        self._stack.close()
        self._cluster = None
        cluster = Cluster(self._stack.enter_context(control_plane()))
        cluster.prepare()
        self._cluster = cluster
        return cluster


@contextmanager
def control_plane() -> Iterator[Api]:
    """Yield the API of a control plane that lives as long as the context."""
    with TemporaryDirectory(prefix="cligolden-plane-") as folder:
        plane = controlplane.start(Path(folder))
        try:
            with Api(plane) as api:
                yield api
        finally:
            for running in plane.processes:
                process.stop(running, kill=True)
