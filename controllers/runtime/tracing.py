"""Traces, as far as reconcilers know them: a span around a step, and the text by which another process goes on with it.

Without tracing a span is one object that all share and that does nothing. With `--otlp-endpoint` it is OpenTelemetry's;
see `process.otel`. The text is a traceparent of W3C Trace Context: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol

Value = str | int | bool
NOTHING: Final[Mapping[str, Value]] = {}


class Span(Protocol):
    """A step that is under way."""

    @property
    def trace_parent(self) -> str:
        """What others need to go on with the trace; empty where it is not recorded."""
        ...

    @property
    def trace_id(self) -> str:
        """The trace in 32 hexadecimal digits; empty where it is not recorded."""
        ...

    def set(self, name: str, value: Value) -> None:
        """Set an attribute: never a secret or a message."""
        ...


class Tracer(Protocol):
    """What makes spans."""

    def span(
        self, name: str, *, parents: Sequence[str] = (), attributes: Mapping[str, Value] = NOTHING
    ) -> AbstractContextManager[Span]:
        """Return a span around what is done inside; an exception that leaves it makes it a failed one.

        parents: texts of other spans, empty or invalid ones as well. The first is gone on with, the others are linked;
            without any it is a child of the span that it is made in, or the root of a new trace
        """
        ...


class _NoSpan:
    __slots__ = ()
    trace_parent = trace_id = ""

    def set(self, name: str, value: Value) -> None:
        pass

    def __enter__(self) -> "_NoSpan":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


class _NoTracer:
    __slots__ = ()

    def span(
        self, name: str, *, parents: Sequence[str] = (), attributes: Mapping[str, Value] = NOTHING
    ) -> AbstractContextManager[Span]:
        return _NO_SPAN


_NO_SPAN: Final = _NoSpan()
NO_TRACER: Final[Tracer] = _NoTracer()
"""For processes that trace nothing."""
