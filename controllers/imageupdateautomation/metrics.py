"""What the process of ImageUpdateAutomations counts and shows of its own."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from api.imageupdateautomation import ImageUpdateAutomation
from api.pullrequest import CLOSED, OPEN, PullRequestStatus
from controllers.forge.decision import Reason
from controllers.runtime.key import key_of
from controllers.telemetry.exemplars import DELAY_BUCKETS, make_exemplar
from controllers.telemetry.objects import ObjectGauge, Sample
from controllers.update.findings import HELD_REASONS
from controllers.update.origins import Origin

FINDINGS: Final = ObjectGauge(
    "tagline_findings",
    "Files and markers that the last run of an ImageUpdateAutomation left alone, by reason.",
    ("namespace", "name", "reason"),
)
HELD_PULL_REQUESTS: Final = frozenset({Reason.FOREIGN_COMMIT, Reason.DECLINED, Reason.LIMIT, Reason.TAKEN})


class PushMetrics:
    """Counts commits that were pushed, and how long it took until they were."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.commits = Counter("tagline_pushed_commits", "Commits that were pushed to a branch.", registry=registry)
        self.retries = Counter(
            "tagline_push_retries",
            "Pushes that somebody else was faster than, and that were made anew.",
            registry=registry,
        )
        delay = Histogram(
            "tagline_first_seen_to_pushed_seconds",
            "Time from the scan that found a tag to the push of a commit that writes it, by whether its policy has a "
            "minAge.",
            ("min_age",),
            buckets=DELAY_BUCKETS,
            registry=registry,
        )
        self._delays = {False: delay.labels("false"), True: delay.labels("true")}

    def record_push(self, origins: Iterable[Origin], *, now: datetime, trace_id: str) -> None:
        """Count a commit, and for each choice that it writes how long that took; origins: those that are known."""
        self.commits.inc()
        for origin in origins:
            exemplar = make_exemplar(trace_id=trace_id, policy=origin.policy, tag=origin.tag)
            self._delays[origin.has_min_age].observe(max(0.0, (now - origin.first_seen).total_seconds()), exemplar)


def findings(automation: ImageUpdateAutomation) -> Iterator[Sample]:
    """Yield how many findings an automation has for each reason; nothing while it is suspended."""
    if automation.spec.suspend:
        return
    counts = Tally(finding.reason for finding in automation.status.findings)
    yield from (((*key_of(automation), reason), count) for reason, count in counts.items())


def held_updates(automation: ImageUpdateAutomation) -> Iterator[Sample]:
    """Yield how many values and pull requests an automation holds back for each reason."""
    if automation.spec.suspend:
        return
    reasons = [finding.reason for finding in automation.status.findings if finding.reason in HELD_REASONS]
    reasons += [one.reason for one in _latest(automation.status.pull_requests) if one.reason in HELD_PULL_REQUESTS]
    labels = (automation.kind, *key_of(automation))
    yield from (((*labels, reason), count) for reason, count in Tally(reasons).items())


def _latest(pull_requests: Iterable[PullRequestStatus]) -> Iterable[PullRequestStatus]:
    """Return the last pull request of each branch: what a person has closed is outdated by one that came later."""
    latest: dict[str, PullRequestStatus] = {}
    for one in sorted(pull_requests, key=lambda one: one.number):
        if one.state in (OPEN, CLOSED):
            latest[one.branch] = one
        else:
            latest.pop(one.branch, None)
    return latest.values()
