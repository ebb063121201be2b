"""A cluster for verbs that only read: with selectors, logs, discovery and an end of the time; and how to call them."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, cast

import pytest

from api.resource import Resource
from cli.kube.client import Cluster
from cli.kube.deadline import Deadline
from cli.main import main
from controllers.runtime.kube.errors import ApiError, NotFound
from testing.cluster import FakeCluster, Object, Objects

SECONDS = 300.0

CommandLine = Callable[..., tuple[int, str, str]]
"""Called with arguments; returns exit status, standard output and standard error."""


class ReadableCluster(FakeCluster):
    """What `cli.kube.client.Cluster` offers to those who read."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[str, bytes | ApiError] = {}
        """What the server has at a path, or why it cannot be read."""
        self.read: list[str] = []
        """The paths that were asked for."""
        self.logs: dict[str, list[bytes] | ApiError] = {}
        """Lines of pods by their names, or why they cannot be read."""
        self.log_queries: list[Mapping[str, str]] = []
        self.deadline = Deadline(SECONDS, monotonic=lambda: self.now)

    def list_versioned(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = "", page_size: int = 500
    ) -> tuple[Objects, str]:
        found, version = super().list_versioned(resource, namespace)
        return [obj for obj in found if _selected(obj, labels) and _has_fields(obj, fields)], version

    def watch(self, resource: Resource, namespace: str = "", **options: Any) -> Generator[tuple[str, Object]]:
        for kind, obj in super().watch(resource, namespace, **options | {"fields": ""}):
            if _has_fields(obj, options.get("fields", "")):
                yield kind, obj
        raise self.deadline.error(f"watch {resource.plural}")

    def raw(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        self.read.append(path)
        found = self.documents.get(path, NotFound(f"get {path}", "404 page not found", status=404))
        if isinstance(found, ApiError):
            raise found
        return found

    def stream_lines(
        self, path: str, query: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> Iterator[bytes]:
        self.log_queries.append(dict(query or {}))
        log = self.logs[path.split("/")[-2]]
        if isinstance(log, ApiError):
            raise log
        yield from log


def command_line(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Return the command line as users call it, on a cluster."""
    from cli.grammar import run, session  # noqa: PLC0415

    made = partial(
        session.Session,
        monotonic=lambda: cluster.now,
        connect=lambda _: nullcontext(cast("Cluster", cluster)),
    )
    monkeypatch.setattr(run, "Session", made)
    monkeypatch.delenv("FLUX_SYSTEM_NAMESPACE", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return call


def _selected(obj: Object, labels: str) -> bool:
    own = obj["metadata"].get("labels") or {}
    if " in (" in labels:
        key, _, values = labels.partition(" in (")
        return own.get(key) in values.rstrip(")").split(",")
    return all(own.get(key) == value for key, _, value in (one.partition("=") for one in labels.split(",") if one))


def _has_fields(obj: Object, fields: str) -> bool:
    for field in filter(None, fields.split(",")):
        path, _, wanted = field.partition("=")
        value: Any = obj
        for name in path.split("."):
            value = (value or {}).get(name)
        if value != wanted:
            return False
    return True
