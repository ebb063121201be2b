"""Metrics of the cache of cloud tokens, under the names that Flux gives them.

Left out: `gotk_token_cache_events_total`, which has a series for each object.
"""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controllers.cloud.logins import CloudLogins


class TokenCacheMetrics(Collector):
    """Reads at each scrape what the logins of a process count, added up."""

    def __init__(self, *logins: CloudLogins[Any]) -> None:
        self._logins = list(logins)

    def watch(self, logins: CloudLogins[Any]) -> None:
        """Export the counts of `logins` as well."""
        self._logins.append(logins)

    def collect(self) -> Iterator[Metric]:
        counts = [logins.counts for logins in self._logins]
        requests = CounterMetricFamily(
            "gotk_token_cache_requests", "Requests for cloud credentials by outcome.", labels=("status",)
        )
        requests.add_metric(("success",), sum(count.succeeded for count in counts))
        requests.add_metric(("failure",), sum(count.failed for count in counts))
        yield requests
        cached = sum(count.cached for count in counts)
        yield GaugeMetricFamily("gotk_token_cached_items", "Cloud credentials in memory.", cached)
        yield CounterMetricFamily(
            "gotk_token_cache_evictions",
            "Cloud credentials given up for want of room.",
            sum(count.evicted for count in counts),
        )
