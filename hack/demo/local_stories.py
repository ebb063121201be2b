"""The two stories without a cluster: production from cron, a run at a time; staging by a process that stays."""

import json
import time
from pathlib import Path

from hack.demo import manifests
from hack.demo.local_environment import PASSWORD, USER, LocalEnvironment, git
from hack.demo.narration import require
from hack.oci import Pusher


def production(world: LocalEnvironment) -> None:
    """Play a private image, a pull secret, a semver range, one Helm values file."""
    narrator, host = world.narrator, world.registry.host
    image = f"{host}/cnych/devops-demo"
    narrator.title("Production: releases by semver, one run at a time, as cron or CI would")
    with Pusher(host, user=USER, password=PASSWORD) as registry:
        with narrator.step(f"CI has pushed {image}:1.0.0 to a private registry"):
            registry.push("cnych/devops-demo", "1.0.0")
        with narrator.step("the repository fleet has helm/my-values.yaml with markers behind name and tag"):
            before = manifests.VALUES.format(image=image)
            clone = world.create_repository("fleet", {"helm/my-values.yaml": before, "README.md": "# fleet\n"})
        with narrator.step("its policy and automation are in production/objects.yaml"):
            manifests.write(
                world.folder / "production" / "objects.yaml",
                manifests.pull_secret("dockerconfig", host, USER, PASSWORD),
                manifests.repository("k8s-demo", image, secretRef={"name": "dockerconfig"}),
                manifests.policy("k8s-demo", {"semver": {"range": ">=1.0.0"}}),
                *manifests.source("fleet", f"{world.git_server.url}/fleet.git", USER, PASSWORD),
                manifests.automation("k8s-demo", "fleet", "./helm/my-values.yaml"),
            )
        with narrator.step("a run finds Git as it should be"):
            head = world.head("fleet")
            world.tagline("automate", "production", "--once")
            require(world.head("fleet") == head, what="an unexpected commit", component="tagline automate")
        with narrator.step("CI pushes 1.0.1"):
            registry.push("cnych/devops-demo", "1.0.1")
    preview = ("preview", "fleet", "-f", "production")
    narrator.show(f"tagline {' '.join(preview)}", world.tagline(*preview))
    promised = json.loads(world.tagline(*preview, "-o", "json"))["automations"][0]
    began = time.monotonic()
    output = world.tagline("automate", "production", "--once")
    world.seconds.append(time.monotonic() - began)
    narrator.show("tagline automate production --once", output)
    with narrator.step("the commit in Git is what the preview has shown, diff and message"):
        git(clone, "pull", "-q", "--rebase", "origin", "main")
        git(clone, "diff", "--quiet", "HEAD")
        made = git(clone, "diff", "HEAD~1", "HEAD", "--no-ext-diff")
        _require_same_diff(made, promised["diff"])
        message = git(clone, "log", "-1", "--format=%B").strip()
        require(message == promised["message"].strip() == f"{image}:1.0.1", what=message, component="git log")


def staging(world: LocalEnvironment) -> None:
    """Play tags `main-<sha>-<unix time>`: the newest build of main, and of nothing else."""
    narrator, host = world.narrator, world.registry.host
    image = f"{host}/org/web"
    narrator.title("Staging: the newest build of main, by a process that stays")
    with Pusher(host, user=USER, password=PASSWORD) as registry:
        with narrator.step("CI has pushed main-2d3fcbd-1611906956"):
            registry.push("org/web", "main-2d3fcbd-1611906956")
        with narrator.step("the repository staging and its objects are there; tagline automate runs"):
            before = manifests.DEPLOYMENT.format(image=f"{image}:main-2d3fcbd-1611906956")
            clone = world.create_repository("staging", {"web.yaml": before})
            file = world.folder / "staging-objects" / "objects.yaml"
            objects = (
                manifests.pull_secret("dockerconfig", host, USER, PASSWORD),
                manifests.repository("staging", image, secretRef={"name": "dockerconfig"}),
                manifests.policy("staging", {"numerical": {"order": "asc"}}, filterTags=manifests.FILTER),
                *manifests.source("staging", f"{world.git_server.url}/staging.git", USER, PASSWORD),
                manifests.automation("staging", "staging", "."),
            )
            manifests.write(file, *objects)
            world.stay(file.parent.name)
        head = world.head("staging")
        with narrator.step("CI pushes main-25de3e1a-1695469144, and the commit is in Git"):
            registry.push("org/web", "main-25de3e1a-1695469144")
            head = _timed_commit(world, file, objects, head)
        with narrator.step("an older build of main and a newer one of another branch change nothing"):
            registry.push_tags("org/web", ["main-aaaaaaa-1600000000", "feature-bbbbbbb-1999999999"])
            world.ask_for_scan(file, *objects)
            registry.push("org/web", "main-ccccccc-1700000000")
            _timed_commit(world, file, objects, head)
            git(clone, "pull", "-q", "--rebase", "origin", "main")
            found = git(clone, "log", "--format=%s", "-3").splitlines()
            newest = [f"{image}:main-ccccccc-1700000000", f"{image}:main-25de3e1a-1695469144", "Start"]
            require(found == newest, what=f"other commits than expected: {found}", component="git log")


def _timed_commit(world: LocalEnvironment, file: Path, objects: tuple[manifests.Json, ...], head: str) -> str:
    """Ask for a scan, wait for the commit after `head`, and record how long it took."""
    began = time.monotonic()
    world.ask_for_scan(file, *objects)
    commit = world.wait_for_commit("staging", after=head)
    world.seconds.append(time.monotonic() - began)
    return commit


def _require_same_diff(made: str, promised: str) -> None:
    """Compare two diffs without what Git adds: object ids, and the line that a hunk is said to be below."""
    lines = [
        f"{line.rpartition(' @@')[0]} @@" if line.startswith("@@") else line
        for line in made.splitlines()
        if not line.startswith("index ")
    ]
    require(lines == promised.splitlines(), what=f"the commit is not what was shown:\n{made}", component="git diff")
