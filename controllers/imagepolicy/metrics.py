"""Metrics of choices."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from controllers.policy import Tally
from controllers.policy.policies import REASONS

OUTCOMES: Final = ("chosen", "kept", "none")


class ChoiceMetrics:
    """Counts choices and refused tags; both labels are bounded sets."""

    def __init__(self, registry: CollectorRegistry) -> None:
        choices = Counter("tagline_policy_choices", "Choices by what came of them.", ("outcome",), registry=registry)
        tags = Counter(
            "tagline_policy_refused_tags", "Tags that choices passed over, by reason.", ("reason",), registry=registry
        )
        self._choices = {outcome: choices.labels(outcome) for outcome in OUTCOMES}
        self._tags = {reason: tags.labels(reason.word) for reason in REASONS}

    def record(self, outcome: str, tally: Tally) -> None:
        """Count one choice; outcome: one of OUTCOMES."""
        self._choices[outcome].inc()
        for reason, count in tally.counts.items():
            self._tags[reason].inc(count)
