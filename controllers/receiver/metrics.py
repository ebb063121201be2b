"""Metrics of hooks. Labels are words of ours: types, status codes and reasons, nothing of a request."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from controllers.receiver.answers import NO_TYPE
from controllers.webhooks.senders.table import SENDERS

BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class HookMetrics:
    """The families of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "tagline_webhook_requests",
            "Requests to hooks, by type of the sender, status code and reason of the answer.",
            ("type", "code", "reason"),
            registry=registry,
        )
        self.seconds = Histogram(
            "tagline_webhook_request_duration_seconds",
            "Time from the first byte of a request to its answer.",
            ("type",),
            registry=registry,
            buckets=BUCKETS,
        )
        self.woken = Counter("tagline_webhook_wakeups", "Patches that woke an object.", registry=registry)
        self.coalesced = Counter(
            "tagline_webhook_coalesced_wakeups", "Wake-ups that needed no patch of their own.", registry=registry
        )
        self.failed = Counter(
            "tagline_webhook_failed_wakeups", "Patches that the API server did not take.", registry=registry
        )
        for sender in SENDERS:
            self.requests.labels(sender.type, "200", "Woken")
            self.seconds.labels(sender.type)
        self.requests.labels(NO_TYPE, "404", "NotFound")
