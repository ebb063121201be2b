"""What the process of ImageRepositories counts of its own."""

from prometheus_client import CollectorRegistry, Counter

from controllers.runtime.key import Key


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
