"""Metrics of pull requests."""

from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from api.pullrequest import PullRequestStatus
from controllers.runtime.key import Key
from controllers.telemetry.exemplars import DELAY_BUCKETS, make_exemplar

EVENTS: Final = ("opened", "adopted", "updated", "closed", "merged", "declined")
BUCKETS: Final = (60, 300, 1800, 3600, 4 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600)


class PullRequestMetrics:
    """Counts what happens to pull requests; the label is a bounded set."""

    def __init__(self, registry: CollectorRegistry) -> None:
        events = Counter(
            "tagline_pull_request_events",
            "What happened to pull requests; declined: closed by a person without being merged.",
            ("event",),
            registry=registry,
        )
        self._events = {event: events.labels(event) for event in EVENTS}
        self._merge_seconds = Histogram(
            "tagline_pull_request_merge_seconds",
            "Time from opening a pull request to its merge.",
            buckets=BUCKETS,
            registry=registry,
        )

        self._first_seen_to_open = Histogram(
            "tagline_first_seen_to_pull_request_seconds",
            "Time from the scan that found a tag to the opening of its pull request; of several, the oldest.",
            buckets=DELAY_BUCKETS,
            registry=registry,
        )
        self._first_seen_to_merge = Histogram(
            "tagline_first_seen_to_merged_seconds",
            "Time from the scan that found a tag to the merge of its pull request; of several, the oldest.",
            buckets=DELAY_BUCKETS,
            registry=registry,
        )

        self._open: dict[Key, int] = {}
        gauge = Gauge("tagline_pull_requests_open", "Pull requests that are open now.", registry=registry)
        gauge.set_function(lambda: sum(self._open.values()))

    def set_open(self, automation: Key, count: int) -> None:
        """Take up how many pull requests of an automation are open."""
        self._open[automation] = count

    def forget(self, automation: Key) -> None:
        """Drop an automation that is gone."""
        self._open.pop(automation, None)

    def count(self, event: str) -> None:
        """Count one event, out of EVENTS."""
        self._events[event].inc()

    def opened(self, record: PullRequestStatus, *, trace_id: str) -> None:
        """Count how long it took until a pull request was opened."""
        _observe(self._first_seen_to_open, record.first_seen, record.opened, url=record.url, trace_id=trace_id)

    def merged(self, record: PullRequestStatus, merged: datetime, *, trace_id: str) -> None:
        """Count a merge, and how long it took."""
        self.count("merged")
        _observe(self._merge_seconds, record.opened, merged, url=record.url, trace_id=trace_id)
        _observe(self._first_seen_to_merge, record.first_seen, merged, url=record.url, trace_id=trace_id)


def _observe(histogram: Histogram, begin: datetime | None, end: datetime | None, *, url: str, trace_id: str) -> None:
    if begin is not None and end is not None:
        exemplar = make_exemplar(trace_id=trace_id, url=url)
        histogram.observe(max(0.0, (end - begin).total_seconds()), exemplar)
