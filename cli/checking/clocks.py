"""Clocks: this machine's beside the API server's, and the leases that controllers hold for some time."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from api.resource import Resource
from cli.checking.installed import Installation, argument
from cli.grammar.session import Reporter
from cli.installing.readiness import is_ready
from cli.installing.resources import LEASES

if TYPE_CHECKING:
    from cli.kube.client import Cluster

MAX_SKEW_SECONDS: Final = 5.0
"""Beyond it, tokens and signatures of clouds and forges begin to be refused, and times in statuses mislead."""
_REVIEWS: Final = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False)
"""The one kind that everybody may create, that is stored nowhere, and that says when it was made."""


def utc_now() -> datetime:
    """Return this machine's time."""
    return datetime.now(UTC)


def skew(cluster: "Cluster", now: Callable[[], datetime] = utc_now) -> float:
    """Return how many seconds this machine's clock is ahead of the API server's, which tells full seconds.

    Raises ApiError.
    """
    before = now()
    told = parse_time(cluster.create(_REVIEWS, "", {})["metadata"]["creationTimestamp"])
    after = now()
    early, late = (before - told).total_seconds() - 1, (after - told).total_seconds()
    return 0.0 if early <= 0 <= late else early if early > 0 else late


def check_clock(ahead: float, report: Reporter) -> bool:
    """Say whether the clocks agree. ahead: of `skew`."""
    if abs(ahead) <= MAX_SKEW_SECONDS:
        report.success("this machine's clock and the API server's agree")
        return True
    which = "ahead of" if ahead > 0 else "behind"
    report.failure(
        f"this machine's clock is {abs(ahead):.0f} s {which} the API server's: set both by NTP; until then, ages that "
        "are printed are wrong, and tokens may be refused"
    )
    return False


def check_leases(cluster: "Cluster", installation: Installation, report: Reporter, *, now: datetime) -> bool:
    """Say of each ready controller who holds its lease, and whether it was renewed lately. Raises ApiError.

    now: by the cluster's clock
    """
    results = [
        _check_lease(cluster, one, report, now=now)
        for one in installation.deployments
        if is_ready(one) and one["spec"].get("replicas", 1) > 0 and _elects_as_usual(one)
    ]
    return all(results)


def _elects_as_usual(deployment: Mapping[str, Any]) -> bool:
    arguments = deployment["spec"]["template"]["spec"]["containers"][0].get("args") or ()
    is_on = "--enable-leader-election" in arguments or argument(deployment, "--enable-leader-election") == "true"
    return is_on and not argument(deployment, "--watch-label-selector")  # which has leases of other names


def _check_lease(cluster: "Cluster", deployment: Mapping[str, Any], report: Reporter, *, now: datetime) -> bool:
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    lease = f"{name}-leader-election"
    look = f"`kubectl logs -n {namespace} deploy/{name}` says why"
    try:
        spec = cluster.get(LEASES, namespace, lease).get("spec") or {}
    except NotFound:
        report.failure(f"{name}: nobody ever took the lease {lease}, so it does nothing: {look}")
        return False
    if not spec.get("holderIdentity"):
        report.failure(f"{name}: nobody holds the lease {lease}, so it does nothing: {look}")
        return False
    age = (now - parse_time(spec["renewTime"])).total_seconds() if "renewTime" in spec else None
    if age is None or age > spec.get("leaseDurationSeconds", 0) + MAX_SKEW_SECONDS:
        since = "never" if age is None else f"last {age:.0f} s ago"
        report.failure(f"{name}: {spec['holderIdentity']} holds the lease {lease} and renewed it {since}: {look}")
        return False
    report.success(f"{name}: {spec['holderIdentity']} leads, lease renewed {max(age, 0):.0f} s ago")
    return True


def parse_time(text: str) -> datetime:
    """Return a time of the API: RFC 3339, with or without a fraction."""
    return datetime.fromisoformat(text)
