"""What the process of ImageRepositories counts and shows of its own."""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from api.imagerepository import ImageRepository
from controllers.golang.duration import BadDuration
from controllers.runtime.key import Key, key_of
from controllers.runtime.reconcile.bounds import read_interval
from controllers.telemetry.objects import ObjectGauge, Sample

LAST_SCAN: Final = ObjectGauge(
    "tagline_last_scan_timestamp_seconds",
    "When the last successful scan of an ImageRepository was made, in Unix seconds.",
    ("namespace", "name"),
)
INTERVAL: Final = ObjectGauge(
    "tagline_scan_interval_seconds", "How often an ImageRepository is to be scanned.", ("namespace", "name")
)


def last_scan(repository: ImageRepository) -> Iterator[Sample]:
    """Yield when a repository was scanned; nothing before its first scan, and while it is suspended."""
    result = repository.status.last_scan_result
    if result is not None and not repository.spec.suspend:
        yield key_of(repository), result.scan_time.timestamp()


def scan_interval(repository: ImageRepository) -> Iterable[Sample]:
    """Return how often a repository is to be scanned; nothing while it is suspended, or says what is no duration."""
    if repository.spec.suspend:
        return ()
    try:
        return ((key_of(repository), read_interval(repository.spec.interval).total_seconds()),)
    except BadDuration:
        return ()


class MissedHooks:
    """Tags that a scan had to find, of repositories whose tags are announced otherwise: webhooks that were lost.

    One series a repository, from its first announcement until it is deleted. A scan that is faster than the webhook of
    the same push counts, too, so that single ones mean nothing.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tags = Counter(
            "tagline_webhook_missed_tags",
            "Tags that a scan at the interval found and no webhook had announced, of repositories that have webhooks.",
            ("namespace", "name"),
            registry=registry,
        )
        self._shown: set[Key] = set()

    def record(self, key: Key, count: int) -> None:
        """Count tags of a repository, also none: then its series begins."""
        self._shown.add(key)
        self._tags.labels(key.namespace, key.name).inc(count)

    def forget(self, key: Key) -> None:
        """Drop the series of a repository that is gone."""
        if key in self._shown:
            self._shown.remove(key)
            self._tags.remove(key.namespace, key.name)
