"""`controllers`: one trace from a webhook to a merge, though kinds meet only in status."""

from typing import Any

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.imagepolicy import ImagePolicy, ImageRef, SelectionStatus
from api.names import PUSHED_TAGS, REQUESTED_AT
from api.pullrequest import PullRequestSpec
from api.pushedtags import PushedTag, encode_pushed_tags
from controllers.runtime.key import Key
from controllers.runtime.process.otel import OtelTracer
from testing.automation_harness import INTERVAL, NEW_WEB, WEB, AutomationHarness
from testing.builders import git_spec, image_policy, image_repository
from testing.policy_harness import APP, V10, V11, PolicyHarness
from testing.repository_harness import MINUTE, RepositoryHarness

WEBHOOK = f"00-{'a' * 32}-{'b' * 16}-01"
TRACE = int("a" * 32, 16)


class Traces:
    """A tracer that all kinds share, as processes share a collector."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer = OtelTracer(SimpleSpanProcessor(self.exporter), service="tagline-test", version="1")

    def take(self) -> list[ReadableSpan]:
        """Return the spans since the last call."""
        spans = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return spans

    def names_in(self, trace: int) -> list[str]:
        return [span.name for span in self.take() if span.context is not None and span.context.trace_id == trace]


@pytest.fixture
def traces() -> Traces:
    return Traces()


@pytest.fixture
def harness() -> AutomationHarness:
    return AutomationHarness()


def announce(harness: RepositoryHarness, tag: str, trace: str) -> None:
    pushed = encode_pushed_tags([PushedTag(tag=tag, at="t1", trace=trace)])
    metadata = replace(harness.repository.metadata, annotations={PUSHED_TAGS: pushed, REQUESTED_AT: "t1"})
    harness.repository = replace(harness.repository, metadata=metadata)


async def scan_announced(traces: Traces, **facts: Any) -> RepositoryHarness:
    """Return a repository after a tag was announced and found."""
    harness = RepositoryHarness()
    await harness.reconcile(tracer=traces.tracer)
    traces.take()
    harness.registry.tags.append("3.0")
    announce(harness, "3.0", WEBHOOK)
    await harness.reconcile(after=MINUTE, requested=True, tracer=traces.tracer, **facts)
    return harness


def trace_of(harness: RepositoryHarness) -> str:
    result = harness.repository.status.last_scan_result
    assert result
    return result.trace_parent


async def test_scan_goes_on_with_the_trace_of_the_webhook_and_hands_it_on(traces: Traces) -> None:
    harness = await scan_announced(traces)
    (span,) = traces.take()
    assert span.context
    assert (span.name, span.context.trace_id) == ("look up announced tags", TRACE)
    assert trace_of(harness) == f"00-{'a' * 32}-{span.context.span_id:016x}-01"


async def test_scan_that_finds_nothing_new_leaves_the_trace_in_the_status(traces: Traces) -> None:
    harness = await scan_announced(traces)
    before = trace_of(harness)
    await harness.reconcile(after=INTERVAL * 10, tracer=traces.tracer)
    assert trace_of(harness) == before


async def test_without_tracing_new_tags_take_the_trace_out_of_the_status(traces: Traces) -> None:
    harness = await scan_announced(traces)
    harness.registry.tags.append("4.0")
    await harness.reconcile(after=INTERVAL * 10)
    assert trace_of(harness) == ""


def scanned_policy(harness: PolicyHarness, trace: str) -> None:
    repository = harness.repositories[APP]
    result = repository.status.last_scan_result
    assert result
    status = replace(repository.status, last_scan_result=replace(result, trace_parent=trace))
    harness.put(replace(image_repository(), status=status))


async def test_choice_goes_on_with_the_trace_of_the_scan_once(traces: Traces) -> None:
    harness = PolicyHarness("1.0.0", "1.1.0")
    scanned_policy(harness, WEBHOOK)
    await harness.reconcile(image_policy(latest=V10), tracer=traces.tracer)
    assert harness.run.status.latest_ref == V11
    assert harness.run.status.selection
    assert harness.run.status.selection.trace_parent.startswith(f"00-{'a' * 32}-")
    assert traces.names_in(TRACE) == ["choose"]
    status = harness.run.status
    await harness.reconcile(replace(image_policy(), status=status), tracer=traces.tracer)
    assert (traces.names_in(TRACE), harness.run.status) == ([], status)


def choose(harness: AutomationHarness, ref: ImageRef, trace: str) -> None:
    harness.choose("web", ref)
    policy: ImagePolicy = harness.policies[Key("apps", "web")]
    selection = SelectionStatus(tag=ref.tag, trace_parent=trace)
    harness.policies[Key("apps", "web")] = replace(policy, status=replace(policy.status, selection=selection))


async def test_commit_goes_on_with_the_trace_of_the_choice_and_quiet_runs_do_not(
    harness: AutomationHarness, traces: Traces
) -> None:
    await harness.reconcile(new_generation=True)
    choose(harness, NEW_WEB, WEBHOOK)
    await harness.reconcile(after=INTERVAL, tracer=traces.tracer)
    spans = {span.name: span for span in traces.take()}
    assert spans.keys() == {"update", "push"}
    update = spans["update"]
    assert update.context
    assert update.attributes
    assert (update.context.trace_id, update.attributes["vcs.ref.head.revision"]) == (TRACE, harness.tip())
    await harness.reconcile(after=2 * INTERVAL, tracer=traces.tracer)
    assert traces.names_in(TRACE) == []


async def test_commit_of_two_choices_is_linked_to_the_second(harness: AutomationHarness, traces: Traces) -> None:
    await harness.reconcile(new_generation=True)
    choose(harness, NEW_WEB, WEBHOOK)
    other = f"00-{'c' * 32}-{'d' * 16}-01"
    api = image_policy("api", latest=ImageRef(name="x/api", tag="2.0.0"))
    selection = SelectionStatus(tag="2.0.0", trace_parent=other)
    harness.policies[Key("apps", "api")] = replace(api, status=replace(api.status, selection=selection))
    await harness.reconcile(after=INTERVAL, tracer=traces.tracer)
    update = next(span for span in traces.take() if span.name == "update")
    assert update.context
    joined = {f"{update.context.trace_id:032x}", *(f"{link.context.trace_id:032x}" for link in update.links)}
    assert joined == {"a" * 32, "c" * 32}


async def test_pull_request_and_its_merge_belong_to_the_trace(harness: AutomationHarness, traces: Traces) -> None:
    harness.spec(git=replace(git_spec(), pull_request=PullRequestSpec(forge="gitea")))
    harness.allow_token()
    choose(harness, replace(WEB, tag="1.0.0"), "")
    await harness.reconcile(new_generation=True, tracer=traces.tracer)
    traces.take()
    choose(harness, NEW_WEB, WEBHOOK)
    await harness.reconcile(after=INTERVAL, tracer=traces.tracer)
    assert traces.names_in(TRACE) == ["pull request", "update"]
    harness.forge.merge(1)
    await harness.reconcile(after=2 * INTERVAL, tracer=traces.tracer)
    assert traces.names_in(TRACE) == ["merge"]
    await harness.reconcile(after=3 * INTERVAL, tracer=traces.tracer)
    assert traces.names_in(TRACE) == []
