"""Metrics of requests to registries: answers, operations that were not begun, and hosts that are left alone.

The host is a label, and users choose the hosts: all after the first hundred share one label.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge

MAX_HOSTS = 100
OTHER_HOSTS = "other"


class RegistryMetrics:
    """A `registry.budget.Observer`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hosts: set[str] = set()
        self._requests = Counter(
            "tagline_registry_requests", "Requests to registries by status.", ("host", "code"), registry=registry
        )
        self._throttled = Counter(
            "tagline_registry_throttled",
            "Times that a registry asked to be left alone for a while.",
            ("host",),
            registry=registry,
        )
        self._refused = Counter(
            "tagline_registry_held_back",
            "Operations that were not begun, because their registry is left alone.",
            ("host",),
            registry=registry,
        )
        self._open = Gauge(
            "tagline_registry_circuit_open",
            "1 while a registry is left alone because it could not be reached.",
            ("host",),
            registry=registry,
        )

    def record_response(self, host: str, status: int) -> None:
        self._requests.labels(self._bounded(host), str(status) if status else "<error>").inc()

    def record_throttled(self, host: str) -> None:
        self._throttled.labels(self._bounded(host)).inc()

    def record_rejected(self, host: str) -> None:
        self._refused.labels(self._bounded(host)).inc()

    def set_circuit(self, host: str, *, is_open: bool) -> None:
        if is_open or host in self._hosts:
            self._open.labels(self._bounded(host)).set(is_open)

    def _bounded(self, host: str) -> str:
        if host not in self._hosts and len(self._hosts) < MAX_HOSTS:
            self._hosts.add(host)
        return host if host in self._hosts else OTHER_HOSTS
