"""Prometheus metrics under the names that dashboards for Flux and controller-runtime already use.

Every label value known at start exists from the start, so that rates have a zero. Durations by object are kept in
a compact form: one small array an object instead of a dozen metric objects, since there may be thousands.
`controller_runtime_reconcile_timeouts_total` and the `go_*` family have no counterpart here and are left out.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.openmetrics.exposition import generate_latest as untyped_openmetrics
from prometheus_client.registry import Collector

from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import Key
from controllers.runtime.queue.workqueue import Lane, WorkQueue

# All names are plain ones; to escape what is not UTF-8 costs a third of the time, character by character.
_generate_openmetrics: Callable[[Collector], bytes] = partial(untyped_openmetrics, escaping=ALLOWUTF8)
RESULTS = ("success", "error", "requeue", "requeue_after")
_METHODS = ("GET", "POST", "PATCH", "DELETE")
_OBJECT_BUCKETS = tuple(0.01 * 180000 ** (step / 9) for step in range(10))  # 0.01 s … 1800 s, as in Flux
_RUN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_QUEUE_BUCKETS = (0.001, 0.01, 0.1, 1, 10, 100, 1000)
_LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)


class ObjectDurations(Collector):
    """`gotk_reconcile_duration_seconds`: a histogram for each object, dropped when the object is gone."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, Key], array[float]] = {}  # bucket counts, their overflow, then the sum

    def of(self, kind: str) -> "KindDurations":
        """Return the view that the lifecycle of one kind uses."""
        return KindDurations(self._series, kind)

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(
            "gotk_reconcile_duration_seconds",
            "Duration of a reconciliation of an object.",
            labels=("kind", "name", "namespace"),
        )
        bounds = [f"{bound:.6g}" for bound in _OBJECT_BUCKETS] + ["+Inf"]
        for (kind, key), series in tuple(self._series.items()):
            total, buckets = 0.0, []
            for bound, count in zip(bounds, series, strict=False):
                total += count
                buckets.append((bound, total))
            family.add_metric((kind, key.name, key.namespace), buckets, sum_value=series[-1])
        yield family


class KindDurations:
    """A `lifecycle.Durations`."""

    def __init__(self, series: dict[tuple[str, Key], "array[float]"], kind: str) -> None:
        self._series = series
        self._kind = kind

    def observe(self, key: Key, seconds: float) -> None:
        series = self._series.get((self._kind, key))
        if series is None:
            series = self._series[self._kind, key] = array("d", [0.0] * (len(_OBJECT_BUCKETS) + 2))
        series[bisect_left(_OBJECT_BUCKETS, seconds)] += 1
        series[-1] += seconds

    def forget(self, key: Key) -> None:
        self._series.pop((self._kind, key), None)


class InformerCounts(Collector):
    """Reads at each scrape what the informers count, added up by kind."""

    def __init__(self) -> None:
        self._informers: list[Informer[Any]] = []

    def watch(self, informer: Informer[Any]) -> None:
        """Export what `informer` counts."""
        self._informers.append(informer)

    def collect(self) -> Iterable[Metric]:
        lists = CounterMetricFamily("tagline_informer_lists", "Complete lists of a kind.", labels=("kind",))
        errors = CounterMetricFamily(
            "tagline_informer_handler_errors", "Changes of a kind that a watch handler failed on.", labels=("kind",)
        )
        unreadable = CounterMetricFamily(
            "tagline_informer_unreadable_objects", "Objects of a kind that could not be read.", labels=("kind",)
        )
        staleness = GaugeMetricFamily(
            "tagline_watch_staleness_seconds",
            "Time since the API server last confirmed what is known of a kind.",
            labels=("kind",),
        )
        for kind in sorted({informer.kind for informer in self._informers}):
            informers = [informer for informer in self._informers if informer.kind == kind]
            lists.add_metric((kind,), sum(informer.lists for informer in informers))
            errors.add_metric((kind,), sum(informer.handler_errors for informer in informers))
            unreadable.add_metric((kind,), sum(informer.unreadable_objects for informer in informers))
            staleness.add_metric((kind,), max(informer.staleness_seconds for informer in informers))
        return lists, errors, unreadable, staleness


class ControllerSeries:
    """A `controller.ControllerMetrics`."""

    def __init__(self, families: "Metrics", name: str, workers: int) -> None:
        self._results = {result: families.reconciles.labels(name, result) for result in RESULTS}
        self._errors = families.reconcile_errors.labels(name)
        self._terminal = families.terminal_errors.labels(name)
        self._crashes = families.crashes.labels(name)
        self._seconds = families.reconcile_seconds.labels(name)
        self._active = families.active_workers.labels(name)
        families.max_workers.labels(name).set(workers)

    def record_start(self) -> None:
        self._active.inc()

    def record_result(self, result: str, *, seconds: float) -> None:
        self._active.dec()
        self._results[result].inc()
        self._seconds.observe(seconds)
        if result == "error":
            self._errors.inc()

    def record_terminal_error(self) -> None:
        self._terminal.inc()

    def record_crash(self) -> None:
        self._crashes.inc()


class QueueSeries:
    """A `workqueue.QueueMetrics`."""

    def __init__(self, families: "Metrics", name: str) -> None:
        self._depth = {lane: families.queue_depth.labels(name, name, lane.name.lower()) for lane in Lane}
        self._adds = families.queue_adds.labels(name, name)
        self._retries = families.queue_retries.labels(name, name)
        self._waited = families.queue_seconds.labels(name, name)
        self._worked = families.work_seconds.labels(name, name)
        self._unfinished = families.unfinished_seconds.labels(name, name)
        self._longest = families.longest_seconds.labels(name, name)

    def count_add(self) -> None:
        self._adds.inc()

    def count_retry(self) -> None:
        self._retries.inc()

    def set_depth(self, lane: Lane, count: int) -> None:
        self._depth[lane].set(count)

    def observe_wait(self, seconds: float) -> None:
        self._waited.observe(seconds)

    def observe_work(self, seconds: float) -> None:
        self._worked.observe(seconds)

    def watch(self, queue: WorkQueue) -> None:
        """Show at each scrape what the running keys of `queue` have taken so far."""
        self._unfinished.set_function(lambda: sum(queue.running_durations()))
        self._longest.set_function(lambda: max(queue.running_durations(), default=0.0))


class Metrics:
    """All families of one process, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.durations = ObjectDurations()
        registry.register(self.durations)
        self.informers = InformerCounts()
        registry.register(self.informers)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        def seconds(name: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(name, text, labels, registry=registry, buckets=buckets)

        run, queue = "controller_runtime", ("name", "controller")
        self.reconciles = counter(f"{run}_reconcile", "Reconciliations by result.", "controller", "result")
        self.reconcile_errors = counter(f"{run}_reconcile_errors", "Failed reconciliations.", "controller")
        self.terminal_errors = counter(
            f"{run}_terminal_reconcile_errors", "Failed reconciliations that are not repeated.", "controller"
        )
        self.crashes = counter(f"{run}_reconcile_panics", "Crashed reconciliations.", "controller")
        self.reconcile_seconds = seconds(
            f"{run}_reconcile_time_seconds", "Length of reconciliations.", "controller", buckets=_RUN_BUCKETS
        )
        self.max_workers = gauge(f"{run}_max_concurrent_reconciles", "Workers of a controller.", "controller")
        self.active_workers = gauge(f"{run}_active_workers", "Workers that are busy.", "controller")
        self.queue_depth = gauge("workqueue_depth", "Keys that wait for a worker.", *queue, "priority")
        self.queue_adds = counter("workqueue_adds", "Keys added.", *queue)
        self.queue_retries = counter("workqueue_retries", "Keys added again after a failure.", *queue)
        self.queue_seconds = seconds(
            "workqueue_queue_duration_seconds", "How long keys waited.", *queue, buckets=_QUEUE_BUCKETS
        )
        self.work_seconds = seconds(
            "workqueue_work_duration_seconds", "How long keys were worked on.", *queue, buckets=_QUEUE_BUCKETS
        )
        self.unfinished_seconds = gauge("workqueue_unfinished_work_seconds", "Time spent on running keys.", *queue)
        self.longest_seconds = gauge(
            "workqueue_longest_running_processor_seconds", "Time spent on the longest running key.", *queue
        )
        self.leader = gauge("leader_election_master_status", "1 while this process is the leader.", "name")
        self.requests = counter(
            "rest_client_requests", "Requests to the API server by status.", "code", "method", "host"
        )
        self.loop_lag = seconds(
            "event_loop_lag_seconds", "How late the event loop runs what is due.", buckets=_LAG_BUCKETS
        )

    def controller(self, name: str, *, workers: int) -> ControllerSeries:
        """Return the series of one controller."""
        return ControllerSeries(self, name, workers)

    def queue(self, name: str) -> QueueSeries:
        """Return the series of one queue."""
        return QueueSeries(self, name)

    def observe_requests(self, host: str) -> Callable[[str, int], None]:
        """Return the hook that counts the API client's requests; status 0 (no answer) is `<error>`, as in Go."""
        for method in _METHODS:
            self.requests.labels("200", method, host)

        def observe(method: str, status: int) -> None:
            self.requests.labels(str(status) if status else "<error>", method, host).inc()

        return observe

    def observe_leadership(self, lease: str) -> Callable[[bool], None]:
        """Return the hook of `leader.LeaderElector`."""
        return self.leader.labels(lease).set

    def render(self, openmetrics: bool = False) -> bytes:
        """Return the text exposition. Up to a second of CPU with thousands of objects: call it in a thread.

        openmetrics: in the form of OpenMetrics 1.0, which is the only one that has exemplars
        """
        return _generate_openmetrics(self.registry) if openmetrics else generate_latest(self.registry)
