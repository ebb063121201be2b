"""What the story looks at in a cluster and in Git, as probes for `legs.follow`."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from hack.cligolden.kube import Api
from hack.githost import Repository
from hack.story.fleet import APP
from hack.story.legs import Legs, follow

Probes = dict[str, Callable[[], bool]]


@dataclass(frozen=True, slots=True)
class Watch:
    """One application of the story, in one namespace."""

    api: Api
    repository: Repository
    namespace: str

    def release(
        self,
        push: Callable[[], object],
        tag: str,
        *,
        image: str,
        more: Probes | None = None,
        timeout_seconds: float = 60,
    ) -> Legs:
        """Push a tag, wait until it has gone all the way, and return when it came where.

        push: pushes it. more: moments after the engine has applied it. Raises NeverReached.
        """
        before, count = self.repository.head(), self.tag_count()
        push()
        since = time.monotonic()
        probes: Probes = {
            "seen": lambda: self.tag_count() > count,
            "chosen": lambda: self.chosen() == tag,
            "committed": lambda: self.repository.head() != before,
            "applied": lambda: self.applied() == f"{image}:{tag}",
            **(more or {}),
        }
        return follow(probes, since=since, timeout_seconds=timeout_seconds, what=f"{tag} in {self.namespace}")

    def tag_count(self) -> int:
        """Return how many tags the last scan has found; of the tags themselves the status shows ten only."""
        found = self.api.get("ImageRepository", self.namespace, APP) or {}
        return int(found.get("status", {}).get("lastScanResult", {}).get("tagCount", 0))

    def chosen(self) -> str:
        """Return the tag that the policy has chosen."""
        found = self.api.get("ImagePolicy", self.namespace, APP) or {}
        return str(found.get("status", {}).get("latestRef", {}).get("tag", ""))

    def applied(self) -> str:
        """Return the image of the Deployment in the cluster; empty while there is none."""
        found = self.api.get("Deployment", self.namespace, APP)
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"]) if found else ""
