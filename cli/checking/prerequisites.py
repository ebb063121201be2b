"""What a cluster has to be before anything is installed."""

import re
from typing import TYPE_CHECKING, Final

from cli.grammar.session import Reporter

if TYPE_CHECKING:
    from cli.kube.client import Cluster

OLDEST: Final = (1, 33)
_RANGE: Final = ">=1.33.0-0"
"""As the reference's command line writes it."""
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.\S*")


def check_version(cluster: "Cluster", report: Reporter) -> bool:
    """Say whether the API server is new enough. Raises ApiError."""
    said = str(cluster.server_version().get("gitVersion", ""))
    found = _VERSION.fullmatch(said)
    if found is None:
        report.failure(f"Kubernetes version can't be determined: the API server says {said!r}")
        return False
    shown = said.removeprefix("v")
    if (int(found[1]), int(found[2])) < OLDEST:
        report.failure(f"Kubernetes version {shown} does not match {_RANGE}")
        return False
    report.success(f"Kubernetes {shown} {_RANGE}")
    return True
