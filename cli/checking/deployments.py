"""Whether Deployments are ready, each with the images that it runs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cli.grammar.session import Reporter
from cli.installing import readiness

if TYPE_CHECKING:
    from cli.kube.client import Cluster

RESERVED_SECONDS: Final = 10.0
"""Left of the command's time for what is looked at afterwards; of a short time, half."""


def check_deployments(cluster: "Cluster", deployments: Sequence[Mapping[str, Any]], report: Reporter) -> bool:
    """Wait for each and say whether it is ready, or what it waits for. Raises ApiError."""
    left = cluster.deadline.remaining()
    until = cluster.deadline.within(None if left is None else max(left - RESERVED_SECONDS, left / 2))
    is_good = True
    for deployment in deployments:
        name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
        reasons = readiness.wait_for(cluster, namespace, [name], report, until)
        if reasons:
            report.failure(f"{name}: deployment not ready: {reasons[name]}")
            is_good = False
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            report.action(container["image"])
    return is_good
