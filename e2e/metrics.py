"""Reads what the controllers say about themselves at their metrics endpoint."""

import httpx
from prometheus_client.parser import text_string_to_metric_families


def total(url: str, sample: str, **labels: str) -> float:
    """Return the sum over all series of a sample (`controller_runtime_reconcile_total`) that have these labels."""
    text = httpx.get(f"{url}/metrics", trust_env=False).raise_for_status().text
    return sum(
        found.value
        for family in text_string_to_metric_families(text)
        for found in family.samples
        if found.name == sample and labels.items() <= found.labels.items()
    )


def buckets(url: str, name: str) -> dict[float, float]:
    """Return the buckets of a histogram without labels: how many observations were at most so much."""
    text = httpx.get(f"{url}/metrics", trust_env=False).raise_for_status().text
    return {
        float(found.labels["le"]): found.value
        for family in text_string_to_metric_families(text)
        for found in family.samples
        if found.name == f"{name}_bucket"
    }
