"""Metrics of choices."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from api.imagepolicy import ImagePolicy
from controllers.policy import Tally
from controllers.policy.policies import REASONS
from controllers.policy.reasons import DOWNGRADE, TOO_YOUNG
from controllers.runtime.key import key_of
from controllers.telemetry.exemplars import DELAY_BUCKETS, make_exemplar
from controllers.telemetry.objects import Sample

OUTCOMES: Final = ("chosen", "kept", "none")


class ChoiceMetrics:
    """Counts choices and refused tags, and how long it took to choose one; all labels are bounded sets."""

    def __init__(self, registry: CollectorRegistry) -> None:
        choices = Counter("tagline_policy_choices", "Choices by what came of them.", ("outcome",), registry=registry)
        tags = Counter(
            "tagline_policy_refused_tags", "Tags that choices passed over, by reason.", ("reason",), registry=registry
        )
        self._choices = {outcome: choices.labels(outcome) for outcome in OUTCOMES}
        self._tags = {reason: tags.labels(reason.word) for reason in REASONS}
        delay = Histogram(
            "tagline_first_seen_to_chosen_seconds",
            "Time from the scan that found a tag to its choice, by whether the policy has a minAge.",
            ("min_age",),
            buckets=DELAY_BUCKETS,
            registry=registry,
        )
        self._delays = {False: delay.labels("false"), True: delay.labels("true")}

    def record(self, outcome: str, tally: Tally) -> None:
        """Count one choice; outcome: one of OUTCOMES."""
        self._choices[outcome].inc()
        for reason, count in tally.counts.items():
            self._tags[reason].inc(count)

    def record_delay(self, policy: ImagePolicy, delay: timedelta, *, tag: str, trace_id: str) -> None:
        """Count how long it took from the scan that found a tag until a policy chose it."""
        seconds = max(0.0, delay.total_seconds())
        exemplar = make_exemplar(trace_id=trace_id, policy=str(key_of(policy)), tag=tag)
        self._delays[bool(policy.spec.policy.min_age)].observe(seconds, exemplar)


def held_updates(policy: ImagePolicy) -> Iterator[Sample]:
    """Yield what keeps a policy from a tag that it would choose otherwise: minAge, or that it is a downgrade."""
    selection = policy.status.selection
    if selection is None or policy.spec.suspend:
        return
    labels = (policy.kind, *key_of(policy))
    if selection.next_candidate_at is not None:
        yield (*labels, TOO_YOUNG.word), 1
    if any(refused.reason == DOWNGRADE.word for refused in selection.refused):
        yield (*labels, DOWNGRADE.word), 1
