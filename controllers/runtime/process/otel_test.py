"""Traces by OpenTelemetry, and that nothing of it is there without a collector."""

import json
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from controllers.runtime.process.flags import BadFlag, parse
from controllers.runtime.process.otel import MAX_LINKS, OtelTracer, parse_trace_parent
from controllers.runtime.tracing import NO_TRACER

OTHER = f"00-{'a' * 32}-{'b' * 16}-01"
LOADED = """
import importlib, json, sys
for kind in ("imagerepository", "imagepolicy", "imageupdateautomation", "receiver"):
    importlib.import_module(f"controllers.{kind}.__main__")
from controllers.runtime.process.flags import parse
from controllers.runtime.process.process import Process
from controllers.runtime.kube.config import ClusterConfig
Process(parse(["--metrics-addr=", "--health-addr="]), name="x", config=ClusterConfig(server="http://127.0.0.1:1"))
print(json.dumps([name for name in sys.modules if name.partition(".")[0] in ("opentelemetry", "google")]))
"""


class Traced:
    """A tracer, and what it has exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer = OtelTracer(SimpleSpanProcessor(self.exporter), service="tagline-test", version="1")

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.exporter.get_finished_spans()]


@pytest.fixture
def traced() -> Traced:
    return Traced()


def test_a_trace_goes_on_from_its_text(traced: Traced) -> None:
    with traced.tracer.span("scan") as scan:
        text = scan.trace_parent
    with traced.tracer.span("choose", parents=[text], attributes={"tagline.name": "app"}) as choose:
        assert (choose.trace_id, choose.trace_id in text) == (scan.trace_id, True)
    first, second = traced.exporter.get_finished_spans()
    assert second.parent
    assert first.context
    assert (second.parent.span_id, second.parent.is_remote) == (first.context.span_id, True)
    assert second.attributes == {"tagline.name": "app"}
    assert second.resource.attributes["service.name"] == "tagline-test"


def test_a_step_within_a_step_is_its_child(traced: Traced) -> None:
    with traced.tracer.span("update"), traced.tracer.span("push"):
        pass
    push, update = traced.exporter.get_finished_spans()
    assert push.parent
    assert update.context
    assert push.parent.span_id == update.context.span_id


def test_further_parents_are_links(traced: Traced) -> None:
    more = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 100)]
    with traced.tracer.span("update", parents=["", "nonsense", OTHER, *more]) as span:
        assert span.trace_id == "a" * 32
    (update,) = traced.exporter.get_finished_spans()
    assert [link.context.trace_id for link in update.links] == list(range(1, MAX_LINKS + 1))


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", OTHER.upper(), OTHER + "-x", f"01{OTHER[2:]}", f"00-{'0' * 32}-{'b' * 16}-01", OTHER + "\n"],
)
def test_what_is_no_trace_parent_begins_a_new_trace(text: str, traced: Traced) -> None:
    assert parse_trace_parent(text) is None
    with traced.tracer.span("scan", parents=[text]):
        pass
    (span,) = traced.exporter.get_finished_spans()
    assert span.parent is None


def test_a_trace_that_is_not_recorded_is_not_handed_on(traced: Traced) -> None:
    with traced.tracer.span("scan", parents=[OTHER[:-1] + "0"]) as span:
        assert (span.trace_parent, span.trace_id) == ("", "")
    assert traced.names == []


def test_a_failed_step_names_the_class_of_its_error_and_no_text(traced: Traced) -> None:
    with pytest.raises(ValueError, match="s3cret"), traced.tracer.span("scan"):
        raise ValueError("s3cret")
    (span,) = traced.exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "s3cret" not in span.to_json()


def test_without_tracing_a_span_is_nothing() -> None:
    with NO_TRACER.span("scan", parents=[OTHER]) as span:
        span.set("tagline.tag", "1.0.0")
        assert (span.trace_parent, span.trace_id) == ("", "")


def test_without_a_collector_nothing_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("url", ["collector:4318", "ftp://collector", "http://user:pw@collector", "http://c?token=x"])
def test_what_is_no_collector(url: str) -> None:
    with pytest.raises(BadFlag, match="want http://host:port"):
        parse([f"--otlp-endpoint={url}"])
