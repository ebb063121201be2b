"""Metrics of the cache of cloud tokens, under the names that Flux gives them.

Left out: `gotk_token_cache_events_total`, which has a series for each object.
"""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controllers.cloud.logins import CloudLogins


class TokenCacheMetrics(Collector):
    """Reads what the logins count, at each scrape."""

    def __init__(self, logins: CloudLogins[Any]) -> None:
        self._logins = logins

    def collect(self) -> Iterator[Metric]:
        counts = self._logins.counts
        requests = CounterMetricFamily(
            "gotk_token_cache_requests", "Requests for cloud credentials by outcome.", labels=("status",)
        )
        requests.add_metric(("success",), counts.succeeded)
        requests.add_metric(("failure",), counts.failed)
        yield requests
        yield GaugeMetricFamily("gotk_token_cached_items", "Cloud credentials in memory.", counts.cached)
        yield CounterMetricFamily(
            "gotk_token_cache_evictions", "Cloud credentials given up for want of room.", counts.evicted
        )
