"""The two journeys of the project as test material: production follows releases, staging the newest build of main."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from e2e.cluster import Space, eventually
from e2e.objects import automation, docker_secret, git_repository, image_repository, semver_policy
from hack.githost import GitHost, Repository
from hack.oci import Pusher

VALUES = """# values of the chart
replicaCount: 2

image:
  repository: IMAGE # {"$imagepolicy": "POLICY:name"}
  tag: TAG # {"$imagepolicy": "POLICY:tag"}
  pullPolicy:   IfNotPresent   # untouched, blanks included
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          image: IMAGE:TAG # {"$imagepolicy": "POLICY"}
"""
MESSAGE = "{{range .Updated.Images}}{{println .}}{{end}}"
FILTER = {"pattern": "^main-[a-fA-F0-9]+-(?P<ts>.*)", "extract": "$ts"}
_COMMIT = re.compile(r"\0(?P<id>[0-9a-f]{40})\n(?P<message>.*?)\0(?P<diff>[^\0]*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the automation and what it changed, line by line."""

    id: str
    message: str
    files: tuple[str, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Journey:
    """One image, its objects (all named `name`), and a Git repository with one marked file."""

    space: Space
    name: str
    image: str
    pusher: Pusher
    repository: Repository
    path: str
    template: str

    def content(self, tag: str) -> str:
        """Return the marked file as it must be when `tag` is the latest."""
        text = self.template.replace("IMAGE", self.image).replace("TAG", tag)
        return text.replace("POLICY", f"{self.space.name}:{self.name}")

    def push(self, *tags: str) -> None:
        """Push images as CI does."""
        self.pusher.push_tags(f"{self.space.name}/{self.name}", tags)

    def scan(self) -> str:
        """Ask for a scan; return the token."""
        return self.space.request("ImageRepository", self.name)

    def settle(self, tag: str) -> None:
        """Wait until Git has `tag` and all objects are at rest."""
        eventually(self.repository_has(tag), what=f"{tag} in {self.repository.name}")
        self.space.wait_ready("ImageRepository", self.name)
        self.space.wait_ready("ImagePolicy", self.name, message=f"resolved to {tag}")
        # The commit is in Git before the status says so, and Ready was True before it, too.
        self.space.wait("ImageUpdateAutomation", self.name, self._has_recorded(tag), what=f"{tag} in its status")
        self.space.wait_ready("ImageUpdateAutomation", self.name)

    def _has_recorded(self, tag: str) -> Callable[[dict[str, Any]], bool]:
        expected = {"name": self.image, "tag": tag}
        return lambda automation: automation.get("status", {}).get("observedPolicies", {}).get(self.name) == expected

    def repository_has(self, tag: str) -> "_HasTag":
        """Return a check that the file at the tip of main is as it must be for `tag`."""
        return _HasTag(self, tag)

    def commits(self) -> list[Commit]:
        """Return the commits after the first, oldest first."""
        log = self.repository.log("--reverse", "-p", "-U0", "--format=%x00%H%n%B%x00")
        return [_commit(match) for match in _COMMIT.finditer(log)][1:]

    def require_exact(self, commits: list[Commit], tags: list[str]) -> None:
        """Assert that the commits went through just these tags, each changing exactly the marked scalar."""
        for commit, (before, after) in zip(commits, pairwise(tags), strict=True):
            (old, new) = (set(self.content(tag).splitlines()) for tag in (before, after))
            assert commit.files == (self.path,)
            assert set(commit.removed) == old - new
            assert set(commit.added) == new - old
            assert len(commit.removed) == len(commit.added) == 1
            assert commit.message == f"{self.image}:{after}"


@dataclass(slots=True)
class _HasTag:
    """Reads the file only when the branch has moved: a clone costs more than a look at the refs."""

    journey: Journey
    tag: str
    head: str = ""

    def __call__(self) -> bool:
        head = self.journey.repository.head()
        if head == self.head:
            return False
        self.head = head
        return self.journey.repository.file(self.journey.path) == self.journey.content(self.tag)


def build(number: int) -> str:
    """Return the tag of one of staging's images, which CI has built from main; higher numbers are newer."""
    return f"main-{number:07x}-{1611906956 + number}"


def production(space: Space, git: GitHost, pusher: Pusher, *, host: str, user: str, password: str) -> Journey:
    """Set up a private image, a pull secret, releases by semver, one Helm values file; 1.0.0 is deployed."""
    name = "production"
    image = f"{host}/{space.name}/{name}"
    repository = git.create_repository(f"{space.name}-{name}", {})
    journey = Journey(space, name, image, pusher, repository, "helm/my-values.yaml", VALUES)
    journey.push("1.0.0")
    docker_secret(space, "dockerconfig", host, user, password)
    image_repository(space, name, image, secretRef={"name": "dockerconfig"})
    semver_policy(space, name)
    _deploy(journey, "1.0.0", path="./helm/my-values.yaml")
    return journey


def staging(space: Space, git: GitHost, pusher: Pusher, *, host: str, tag: str) -> Journey:
    """Set up an open image with tags `main-<sha>-<unix time>`, filtered and numerical; `tag` is deployed."""
    name = "staging"
    image = f"{host}/{space.name}/{name}"
    repository = git.create_repository(f"{space.name}-{name}", {})
    journey = Journey(space, name, image, pusher, repository, "web.yaml", DEPLOYMENT)
    journey.push(tag)
    image_repository(space, name, image)
    policy = {"policy": {"numerical": {"order": "asc"}}, "filterTags": FILTER}
    space.apply("ImagePolicy", name, {"imageRepositoryRef": {"name": name}, **policy})
    _deploy(journey, tag, path=".")
    return journey


def _deploy(journey: Journey, tag: str, *, path: str) -> None:
    """Create the file in Git, the GitRepository and the automation."""
    journey.repository.commit({journey.path: journey.content(tag), "README.md": "# fleet\n"}, "Start")
    git_repository(journey.space, journey.name, journey.repository)
    automation(journey.space, journey.name, source=journey.name, path=path, message=MESSAGE)
    journey.settle(tag)


def _commit(match: re.Match[str]) -> Commit:
    lines = match["diff"].splitlines()
    return Commit(
        match["id"],
        match["message"].strip("\n"),
        tuple(line.removeprefix("+++ b/") for line in lines if line.startswith("+++ ")),
        tuple(line[1:] for line in lines if line.startswith("-") and not line.startswith("--- ")),
        tuple(line[1:] for line in lines if line.startswith("+") and not line.startswith("+++ ")),
    )
