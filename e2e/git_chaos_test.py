"""`controllers.imageupdateautomation`: many automations and two other writers on one branch lose and repeat nothing.

CHAOS_AUTOMATIONS and CHAOS_SECONDS make it longer: 50 automations for some minutes is what we claim.
"""

import os
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from e2e.cluster import Space, eventually
from e2e.conftest import Parts
from e2e.objects import automation, deployment, git_repository, image_repository, semver_policy
from hack.githost import GitHost, Repository, git
from hack.oci import Pusher

AUTOMATIONS = int(os.environ.get("CHAOS_AUTOMATIONS", "20"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "40"))
PAUSE_SECONDS = 2.0
PUSHES_AT_LEAST = 3
MESSAGE = "{{ .AutomationObject }}{{ range .Changed.Changes }} {{ .OldValue }} -> {{ .NewValue }}{{ end }}"


@dataclass
class Writer:
    """Somebody who commits to files of their own as fast as possible, and tries again when others were faster."""

    repository: Repository
    name: str
    stop: threading.Event
    pushed: list[str] = field(default_factory=list)
    lost: int = 0

    def run(self) -> None:
        with self.repository.clone() as clone:
            while not self.stop.is_set() or len(self.pushed) < PUSHES_AT_LEAST:
                git(clone, "fetch", "-q", "origin")
                git(clone, "checkout", "-q", "-B", "main", "origin/main")
                (clone / f"{self.name}.txt").write_text(f"{len(self.pushed)}\n")
                git(clone, "add", "-A")
                git(clone, "commit", "-q", "-m", f"{self.name} {len(self.pushed)}")
                try:
                    git(clone, "push", "-q", "origin", "HEAD:refs/heads/main")
                except RuntimeError:
                    self.lost += 1
                    continue
                self.pushed.append(git(clone, "rev-parse", "HEAD").strip())
                self.stop.wait(0.3)


def setting(space: Space, parts: Parts, pusher: Pusher, git_host: GitHost) -> Repository:
    """Set up one image with a series of tags a policy, and one automation a folder of one repository."""
    image = f"{parts.open_registry}/{space.name}/app"
    pusher.push_tags(f"{space.name}/app", [f"{n}.0.0" for n in range(AUTOMATIONS)])
    image_repository(space, "app", image)
    files = {f"d{n}/app.yaml": deployment(f"{image}:none", f"{space.name}:p{n}", f"app{n}") for n in range(AUTOMATIONS)}
    repository = git_host.create_repository(space.name, files)
    git_repository(space, "fleet", repository)
    for n in range(AUTOMATIONS):
        semver_policy(space, f"p{n}", f">={n}.0.0 <{n + 1}.0.0", repository="app")
        automation(space, f"a{n}", source="fleet", path=f"d{n}", message=MESSAGE)
    return repository


def lags_behind(repository: Repository, last: int) -> list[str]:
    """Return the folders that do not have the last tag."""
    with repository.clone() as clone:
        git(clone, "checkout", "-q", "origin/main")
        texts = {n: (clone / f"d{n}" / "app.yaml").read_text() for n in range(AUTOMATIONS)}
    return [f"d{n}" for n, text in texts.items() if f":{n}.{last}.0 #" not in text]


def test_nothing_is_lost_and_nothing_is_done_twice(
    space: Space, parts: Parts, open_registry: Pusher, git_host: GitHost
) -> None:
    repository = setting(space, parts, open_registry, git_host)
    stop = threading.Event()
    writers = [Writer(repository, name, stop) for name in ("ann", "bob")]
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    last, end = 0, time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            last += 1
            open_registry.push_tags(f"{space.name}/app", [f"{n}.{last}.0" for n in range(AUTOMATIONS)])
            space.request("ImageRepository", "app")
            time.sleep(PAUSE_SECONDS)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    eventually(lambda: not lags_behind(repository, last), what=f"tag {last} in every folder", seconds=120)
    with repository.clone() as clone:
        kept = set(git(clone, "rev-list", "origin/main").split())
        subjects = Counter(git(clone, "log", "--format=%s", "origin/main").splitlines())
        git(clone, "fsck", "--strict")
        linear = git(clone, "rev-list", "--min-parents=2", "origin/main")
    for writer in writers:
        assert len(writer.pushed) >= PUSHES_AT_LEAST
        assert set(writer.pushed) <= kept
    assert {subject: count for subject, count in subjects.items() if count > 1} == {}
    assert linear == ""
    for n in range(AUTOMATIONS):
        found = space.wait_ready("ImageUpdateAutomation", f"a{n}")
        assert found["status"]["lastPushCommit"] in kept
    ours = sum(subject.startswith(f"{space.name}/") for subject in subjects)
    races = sum(writer.lost for writer in writers)
    print(f"\n{ours} commits of {AUTOMATIONS} automations, {sum(len(w.pushed) for w in writers)} of others, "
          f"who lost {races} races; {last} rounds")  # fmt: skip
