"""The demo's surroundings: an environment, the installed manifests, three running controllers, short words for both."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.controllers import KINDS, Controllers, Kubectl, install_and_start
from hack.demo.narration import Narrator, wait_for
from hack.env import environment
from hack.githost import GitHost, Repository

NAMESPACE = "default"


@dataclass(slots=True)
class DemoEnvironment:
    """Everything a journey needs."""

    narrator: Narrator
    env: environment.Environment
    kubectl: Kubectl
    controllers: Controllers
    git: GitHost
    seconds: list[float]
    """From pushed tag to pushed commit, one entry a push."""

    def apply(self, *documents: dict[str, Any]) -> None:
        """Apply manifests and show their kinds and names."""
        text = "\n---\n".join(json.dumps(d) for d in documents)
        self.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=text)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object as it is."""
        document: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-n", NAMESPACE, "-o", "json").stdout)
        return document

    def wait_ready(self, kind: str, name: str, *, message: str = "") -> dict[str, Any]:
        """Return the object once it is Ready for its generation and its message contains a text."""
        component = f"{self.controllers.log(kind.lower())}"

        def probe() -> dict[str, Any] | None:
            found = self.get(kind, name)
            conditions = {c["type"]: c for c in found["status"].get("conditions", [])}
            ready = conditions.get("Ready", {})
            current = found["status"].get("observedGeneration") == found["metadata"]["generation"]
            return found if ready.get("status") == "True" and current and message in ready["message"] else None

        found = wait_for(probe, what=f"{kind} {name} to be ready ({message})", component=component)
        assert found is not None
        return found

    def scan_now(self, name: str) -> None:
        """Ask for a scan, as a registry's webhook would through a receiver."""
        token = f"reconcile.fluxcd.io/requestedAt={time.time_ns()}"
        self.kubectl("annotate", "imagerepository", name, "-n", NAMESPACE, "--overwrite", token)

    def timed_commit(self, repository: Repository, name: str, *, pushed_at: float, head: str) -> str:
        """Wait for a commit after `head` and record the seconds since the tag was pushed; return its hash."""
        log = f"{self.controllers.log('imageupdateautomation')}"
        self.scan_now(name)
        new = wait_for(lambda: (now := repository.head()) != head and now, what="a commit", component=log)
        self.seconds.append(time.monotonic() - pushed_at)
        return str(new)

    def close(self, *, keep: bool) -> None:
        """Stop everything by process id, or leave it running."""
        self.git.close()
        if keep:
            return
        self.controllers.stop()
        environment.down(self.env)


def build(narrator: Narrator, folder: Path) -> DemoEnvironment:
    """Start everything; what was started is stopped when a part fails."""
    with narrator.step("etcd, kube-apiserver, kube-controller-manager, two registries and Gitea are up"):
        env = environment.up(folder)
    try:
        with narrator.step("kubectl apply -k manifests; three controllers run with their ServiceAccounts' rights"):
            controllers = install_and_start(env, folder / "controllers", ("--enable-leader-election",))
    except BaseException:
        environment.down(env, keep_folder=True)
        raise
    assert set(controllers.processes) == set(KINDS)
    git = GitHost(env.git_url, env.git_user, env.git_password)
    return DemoEnvironment(narrator, env, Kubectl(env.kubectl, env.kubeconfig), controllers, git, [])
