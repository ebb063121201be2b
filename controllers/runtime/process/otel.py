"""Traces by OpenTelemetry: the only module that imports it, loaded where `--otlp-endpoint` asks for it.

Sampling, limits and headers are those of the SDK's own variables (`OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`
and so on): https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. Spans are sent in batches
by a thread of the SDK; a collector that is away or slow costs spans, and delays nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from controllers.runtime.tracing import NOTHING, Value

PATH: Final = "/v1/traces"
"""https://opentelemetry.io/docs/specs/otlp/#otlphttp-request"""
MAX_LINKS: Final = 32
_TRACE_PARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


class OtelSpan:
    """A `tracing.Span`."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def trace_parent(self) -> str:
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}" if self.trace_id else ""

    @property
    def trace_id(self) -> str:
        context = self._span.get_span_context()
        return f"{context.trace_id:032x}" if context.trace_flags.sampled else ""

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)


class OtelTracer:
    """A `tracing.Tracer`. `close` it at the end."""

    def __init__(self, processor: SpanProcessor, *, service: str, version: str) -> None:
        """processor: gets the spans; the tracer closes it."""
        resource = Resource.create({"service.name": service, "service.version": version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("tagline", version)

    @contextmanager
    def span(
        self, name: str, *, parents: Sequence[str] = (), attributes: Mapping[str, Value] = NOTHING
    ) -> Iterator[OtelSpan]:
        named = [one for text in parents if (one := parse_trace_parent(text))]
        context = trace.set_span_in_context(trace.NonRecordingSpan(named[0])) if named else None
        with self._tracer.start_as_current_span(
            name,
            context=context,
            links=[Link(one) for one in named[1 : MAX_LINKS + 1]],
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield OtelSpan(span)
            except BaseException as error:
                # The class alone: texts of errors may quote what they were given.
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                span.set_attribute("error.type", type(error).__name__)
                raise

    def close(self) -> None:
        """Send what has not been sent yet; in a thread, since a collector may be slow."""
        self._provider.shutdown()


def connect(endpoint: str, *, service: str, version: str) -> OtelTracer:
    """Return a tracer that sends to a collector; service: names the process in its traces."""
    url = endpoint.rstrip("/")
    exporter = OTLPSpanExporter(endpoint=url if url.endswith(PATH) else url + PATH)
    return OtelTracer(BatchSpanProcessor(exporter), service=service, version=version)


def parse_trace_parent(text: str) -> SpanContext | None:
    """Return the span that a traceparent names; None for any other text, which anybody may have written."""
    found = _TRACE_PARENT.fullmatch(text)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None
