"""Metrics of registries: what is counted, and that users cannot make endless labels."""

from prometheus_client import CollectorRegistry

from controllers.imageaccess.observer import MAX_HOSTS, RegistryMetrics


def test_everything_is_counted_by_host() -> None:
    registry = CollectorRegistry()
    metrics = RegistryMetrics(registry)
    for status in (200, 200, 429, 0):
        metrics.record_response("ghcr.io", status)
    metrics.record_throttled("ghcr.io")
    metrics.record_rejected("ghcr.io")
    metrics.set_circuit("ghcr.io", is_open=True)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"tagline_registry_{name}", {"host": "ghcr.io", **labels})

    assert [value("requests_total", code=code) for code in ("200", "429", "<error>")] == [2, 1, 1]
    assert (value("throttled_total"), value("held_back_total"), value("circuit_open")) == (1, 1, 1)
    metrics.set_circuit("ghcr.io", is_open=False)
    assert value("circuit_open") == 0


def test_hosts_beyond_the_first_hundred_are_one() -> None:
    registry = CollectorRegistry()
    metrics = RegistryMetrics(registry)
    for number in range(MAX_HOSTS + 50):
        metrics.record_response(f"host-{number}", 200)
    labels = {s.labels["host"] for family in registry.collect() for s in family.samples if "requests" in s.name}
    assert len(labels) == MAX_HOSTS + 1
    assert registry.get_sample_value("tagline_registry_requests_total", {"host": "other", "code": "200"}) == 50
