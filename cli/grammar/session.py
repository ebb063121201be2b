"""What a command is given beside its own flags: namespace, deadline, the cluster, and a way to say what it does."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from cli.grammar.globals import FOLLOW_CONTEXT_VARIABLE, choose_namespace, connection_options
from cli.output import write_line
from controllers.golang.duration import SECOND

if TYPE_CHECKING:
    from cli.kube.client import Cluster
    from cli.kube.connection import Connection
    from cli.kube.deadline import Deadline


class Failed(Exception):
    """A command cannot do what was asked; the text, for people, says why and what to do."""


class Said(Exception):
    """A command has failed and has said why."""


class Reporter:
    """Lines of progress on standard error, each with the sign of its kind."""

    def __init__(self, stream: TextIO | None) -> None:
        """stream: None where standard error is closed."""
        self._stream = stream

    def action(self, text: str) -> None:
        """Say what is being done."""
        self._line("►", text)

    def generating(self, text: str) -> None:
        """Say what is being made."""
        self._line("✚", text)

    def waiting(self, text: str) -> None:
        """Say what is being waited for."""
        self._line("◎", text)

    def success(self, text: str) -> None:
        """Say what has been done."""
        self._line("✔", text)

    def warning(self, text: str) -> None:
        """Say what to know about an answer."""
        self._line("⚠️ ", text)

    def failure(self, text: str) -> None:
        """Say what did not work."""
        self._line("✗", text)

    def plain(self, text: str) -> None:
        """Say something without a sign."""
        self._write(text)

    def _line(self, sign: str, text: str) -> None:
        self._write(f"{sign} {text}")

    def _write(self, text: str) -> None:
        write_line(self._stream, text)


def connect(session: "Session") -> "AbstractContextManager[Cluster]":
    """Return the cluster that the session's flags name. Raises NotConfigured."""
    from cli.kube.client import Cluster  # noqa: PLC0415

    return Cluster(session.connection, deadline=session.deadline)


@dataclass(slots=True)
class Session:
    """One run of one command."""

    values: Mapping[str, Any]
    """Of the global flags, by name with underscores."""
    namespace_given: bool
    """True: `--namespace` was given, and the context's namespace does not count."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    monotonic: Callable[[], float] = time.monotonic
    report: Reporter = field(default_factory=lambda: Reporter(sys.stderr))
    program: str = "tagline"
    connect: "Callable[[Session], AbstractContextManager[Cluster]]" = connect
    _opened: ExitStack = field(default_factory=ExitStack)
    _connection: "Connection | None" = None
    _cluster: "Cluster | None" = None
    _namespace: str = ""
    _deadline: "Deadline | None" = None

    @property
    def namespace(self) -> str:
        """The namespace to work in. Reads the kubeconfig where its context's namespace is asked for."""
        if not self._namespace:
            given = self.values["namespace"] if self.namespace_given else None
            context = self.cluster.namespace if given is None and self._follows_context else ""
            self._namespace, warning = choose_namespace(given, environ=self.environ, context_namespace=context)
            if warning:
                self.report.warning(warning)
        return self._namespace

    @property
    def exported_namespace(self) -> str:
        """The namespace for objects that are only printed: no kubeconfig is read for it. `-n ""`: they name none."""
        if self.namespace_given and not self.values["namespace"]:
            return ""
        if self._follows_context and not self.namespace_given:
            return choose_namespace(None, environ=self.environ, context_namespace="")[0]
        return self.namespace

    @property
    def _follows_context(self) -> bool:
        return bool(self.values["ns_follows_kube_context"]) or bool(self.environ.get(FOLLOW_CONTEXT_VARIABLE))

    @property
    def timeout_seconds(self) -> float:
        """What `--timeout` says."""
        return float(self.values["timeout"]) / SECOND

    @property
    def verbose(self) -> bool:
        """Whether to say more."""
        return bool(self.values["verbose"])

    @property
    def deadline(self) -> "Deadline":
        """The end of this command's time, which begins when it is first asked for."""
        from cli.kube.deadline import Deadline  # noqa: PLC0415

        if self._deadline is None:
            self._deadline = Deadline(self.timeout_seconds, monotonic=self.monotonic)
        return self._deadline

    @property
    def connection(self) -> "Connection":
        """What the flags and the kubeconfig say of the cluster; read once. Raises NotConfigured."""
        if self._connection is None:
            from cli.kube.config import ConnectionOptions, load  # noqa: PLC0415

            self._connection = load(ConnectionOptions(**connection_options(self.values)), self.environ)
        return self._connection

    @property
    def cluster(self) -> "Cluster":
        """The API server; the first use opens it, the end of the session closes it. Raises NotConfigured, ApiError."""
        if self._cluster is None:
            self._cluster = self.another_cluster()
        return self._cluster

    def another_cluster(self) -> "Cluster":
        """Return the API server once more, for a thread of its own. Raises NotConfigured."""
        return self._opened.enter_context(self.connect(self))

    def close(self) -> None:
        """Give back what was opened."""
        self._opened.close()
