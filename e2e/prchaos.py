"""`python -m e2e.prchaos`: pull requests while people do what they like and the process is killed again and again.

`tagline automate` works on a real Gitea, one automation an image. Meanwhile images are pushed, and people merge, close,
push to head branches and to the base, and delete branches, all at random. Then: there were never two open ones of one
automation, no commit of a person is lost, and everything ends up to date. Every version of every object, every choice
and every commit is judged by the rules that all end-to-end tests have.
"""

import argparse
import base64
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.commits import read_commits
from hack.automations import Automations
from hack.env import gitea, process
from hack.githost import GitHost, Repository
from testing.commit_rules import check_commit
from testing.invariants import Version, check_choices, check_versions, choices_of
from testing.loopback_registry import LoopbackRegistry, loopback_registry
from testing.registry_server import RegistryHandler
from testing.state_history import record_versions, recorded_versions

PATIENCE_SECONDS = 180.0
"""For a few automations; each of many takes its time of the machine."""
BOT = "bot@example.com"
PAGE = 50
"""The most that Gitea lists at once."""
ATTEMPTS = 10
"""At a listing: a Gitea at the limit of its machine may refuse one."""
METHODS = ("merge", "squash", "rebase")


class Broken(AssertionError):
    """Something that must never happen has happened."""


@dataclass
class Chaos:
    """The world, and what was done to it."""

    repository: Repository
    registry: LoopbackRegistry
    automations: Automations
    count: int
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    version: dict[int, int] = field(default_factory=dict)
    human: dict[str, str] = field(default_factory=dict)
    """Path of a file that a person has committed to a head branch → the branch."""
    number: int = 0

    def begin(self) -> None:
        """Make a file for each automation, and start the process."""
        files = {f"apps/a{i}/web.yaml": self._content(i) for i in range(self.count)}
        self.repository.commit({**files, "README.md": "# fleet\n"}, "Start")
        self.version = dict.fromkeys(range(self.count), 0)
        self.automations.start(manifests(self.registry.host, self.repository, self.count))

    def _content(self, i: int) -> str:
        return f'image: {self.registry.host}/org/a{i}:1.0.0 # {{"$imagepolicy": "apps:a{i}"}}\n'

    def step(self) -> None:
        """Do something at random."""
        acts: tuple[tuple[Callable[[], None], int], ...] = (
            (self.push_image, 8),
            (self.merge, 5),
            (self.close, 3),
            (self.commit_to_head, 3),
            (self.delete_branch, 1),
            (self.commit_to_base, 2),
            (self.kill, 1),
        )
        act = self.rng.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
        act()
        self.check()

    def push_image(self, i: int | None = None) -> None:
        i = self.rng.randrange(self.count) if i is None else i
        self.version[i] += 1
        self.registry.handler.repos[f"org/a{i}"].append(f"1.{self.version[i]}.0")
        self.done["images"] += 1

    def merge(self) -> None:
        if entry := self._any():
            body = {"Do": self.rng.choice(METHODS), "delete_branch_after_merge": self.rng.random() < 0.5}
            if self._send("POST", f"/pulls/{entry['number']}/merge", body) == 200:
                self.done["merges"] += 1

    def close(self) -> None:
        if (entry := self._any()) and self._send("PATCH", f"/pulls/{entry['number']}", {"state": "closed"}) == 201:
            self.done["closes"] += 1

    def commit_to_head(self) -> None:
        entry = self._any()
        self.number += 1
        path = f"human/{self.number}.md"
        if entry and self._commit(path, entry["head"]["ref"]):
            self.human[path] = entry["head"]["ref"]
            self.done["commits of people on heads"] += 1

    def commit_to_base(self) -> None:
        self.number += 1
        if self._commit(f"base/{self.number}.md", "main"):
            self.done["commits of people on the base"] += 1

    def delete_branch(self) -> None:
        if entry := self._any():
            self._delete(entry["head"]["ref"])

    def _delete(self, branch: str) -> None:
        if self._send("DELETE", f"/branches/{branch.replace('/', '%2F')}") == 204:
            self.human = {path: head for path, head in self.human.items() if head != branch}
            self.done["deleted branches"] += 1

    def kill(self) -> None:
        self.automations.kill()
        self.done["kills"] += 1

    def check(self) -> None:
        """Raise Broken for two open pull requests of one automation."""
        heads = Counter(entry["head"]["ref"] for entry in self.list_open())
        if twice := [head for head, count in heads.items() if count > 1]:
            raise Broken(f"two open pull requests from {twice}")

    def finish(self) -> float:
        """Push a last image of each, wait until all is up to date, and return how long that took. Raises Broken."""
        self.automations.ensure()
        for i in range(self.count):
            self.push_image(i)
        started = time.monotonic()
        patience = patience_of(self.count)
        late: list[str] = []
        while time.monotonic() < started + patience:
            self.check()
            late = [f"a{i}" for i in range(self.count) if not self._is_settled(i)]
            if not late:
                break
            time.sleep(0.5)
        if late:
            raise Broken(f"not up to date after {patience:.0f} s: {', '.join(late)}")
        self._check_people()
        return time.monotonic() - started

    def _is_settled(self, i: int) -> bool:
        """Report whether an automation is up to date, and let its people end what keeps it from that."""
        wanted = f":1.{self.version[i]}.0 #"
        head = f"tagline/apps-a{i}"
        if wanted in self._read(f"apps/a{i}/web.yaml", "main"):
            return True
        is_open = any(entry["head"]["ref"] == head for entry in self.list_open())
        if head in self.human.values() and not is_open:
            self._check_people()
            self._delete(head)  # what the message asks people to do
            return False
        return is_open and (wanted in self._read(f"apps/a{i}/web.yaml", head) or head in self.human.values())

    def _check_people(self) -> None:
        """Raise Broken where a commit of a person is neither on its branch nor on the base."""
        for path, head in self.human.items():
            if not (self._read(path, head) or self._read(path, "main")):
                raise Broken(f"{path}, which a person has committed to {head}, is lost")

    def list_open(self) -> list[dict[str, Any]]:
        """Return all that are open. Raises Broken where Gitea does not say: that is no proof that there are none."""
        found: list[dict[str, Any]] = []
        while len(found) % PAGE == 0:
            entries = self._list_page(len(found) // PAGE + 1)
            if not entries:
                break
            found += entries
        return found

    def _list_page(self, page: int) -> list[dict[str, Any]]:
        path = f"/repos/{self.repository.path}/pulls?state=open&limit={PAGE}&page={page}"
        for _ in range(ATTEMPTS):
            answer = self.repository.host.send("GET", path)
            if answer.status_code == 200:
                return list(answer.json())
            time.sleep(0.2)
        raise Broken(f"Gitea does not list pull requests: {answer.status_code}")

    def _any(self) -> dict[str, Any] | None:
        found = self.list_open()
        return self.rng.choice(found) if found else None

    def _commit(self, path: str, branch: str) -> bool:
        content = base64.b64encode(f"{path}\n".encode()).decode()
        body = {"content": content, "branch": branch, "message": "By hand"}
        return self._send("POST", f"/contents/{path}", body) == 201

    def _read(self, path: str, branch: str) -> str:
        answer = self.repository.host.send("GET", f"/repos/{self.repository.path}/raw/{path}?ref={branch}")
        return answer.text if answer.status_code == 200 else ""

    def _send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> int:
        return self.repository.host.send(method, f"/repos/{self.repository.path}{path}", body).status_code


def manifests(registry: str, repository: Repository, count: int) -> str:
    """Return the objects of all automations."""
    group, host = "image.toolkit.fluxcd.io/v1", repository.host
    documents = [
        (
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: fleet, namespace: apps}\n"
            f'spec: {{url: "{repository.url}", interval: 1m, ref: {{branch: main}}, secretRef: {{name: git}}}}\n'
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: git, namespace: apps}\n"
            f'stringData: {{username: "{host.user}", password: "{host.password}"}}\n'
        ),
    ]
    for i in range(count):
        documents += [
            (
                f"apiVersion: {group}\nkind: ImageRepository\nmetadata: {{name: a{i}, namespace: apps}}\n"
                f'spec: {{image: "{registry}/org/a{i}", interval: {max(2, count // 3)}s}}\n'
            ),
            (
                f"apiVersion: {group}\nkind: ImagePolicy\nmetadata: {{name: a{i}, namespace: apps}}\n"
                f"spec: {{imageRepositoryRef: {{name: a{i}}}, policy: {{semver: {{range: '>=1.0.0'}}}}}}\n"
            ),
            (
                f"apiVersion: {group}\nkind: ImageUpdateAutomation\nmetadata: {{name: a{i}, namespace: apps}}\n"
                f"spec:\n  interval: {max(3, count // 2)}s\n  sourceRef: {{kind: GitRepository, name: fleet}}\n"
                f"  update: {{path: ./apps/a{i}, strategy: Setters}}\n"
                f"  git:\n    commit: {{author: {{name: Bot, email: {BOT}}}}}\n    pullRequest: {{forge: gitea}}\n"
            ),
        ]
    return "---\n".join(documents)


def patience_of(count: int) -> float:
    """Return the seconds within which as many automations have to be up to date."""
    return PATIENCE_SECONDS * max(1.0, count / 10)


def run(host: GitHost, folder: Path, *, seconds: float, count: int, seed: int) -> dict[str, object]:
    """Let it go on for a while; return figures. Raises Broken."""
    name = f"prchaos-{time.time_ns() % 36**6:x}"
    repository = host.create_repository(name, {})
    tags = {f"org/a{i}": ["1.0.0"] for i in range(count)}
    automations = Automations(folder)
    record_versions(automations.state)
    with loopback_registry(RegistryHandler(tags)) as registry, automations.running():
        chaos = Chaos(repository, registry, automations, count, random.Random(seed))  # noqa: S311 - chaos, not a secret
        chaos.begin()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            chaos.step()
            time.sleep(chaos.rng.uniform(0.02, 0.3))
        settled = chaos.finish()
        made = host.call("GET", f"/repos/{repository.path}/pulls?state=all&limit=1")
        numbers = [entry["number"] for entry in made["items"]]
    judged = judge(recorded_versions(automations.state), repository, until=time.time(), within=patience_of(count))
    host.delete_repository(name)
    times = {"seconds until up to date": round(settled, 1)}
    return {**chaos.done, "pull requests": max(numbers, default=0), **judged, **times}


def judge(versions: Sequence[Version], repository: Repository, *, until: float, within: float) -> dict[str, int]:
    """Return how much was judged. Raises Broken for what violates a rule.

    until: when the process was ended, in Unix time: a choice that was made shortly before is not judged; Git had it.
    within: seconds after which a choice has to be offered, or a condition says why not
    """
    commits = [found.commit for found in read_commits(repository) if found.author == BOT]
    violations = check_versions(versions)
    choices = 0
    for name in sorted({version.name for version in versions}):  # of an image, its policy and its automation
        every = choices_of(version for version in versions if version.name == name)
        made = [choice for choice in every if choice.settled_at is not None or until - choice.at > within]
        choices += len(made)
        violations += check_choices(made, within=within)
    # Not that each value comes once: a branch is made anew on another base.
    violations += [violation for commit in commits for violation in check_commit(commit)]
    if violations:
        raise Broken("\n".join(map(str, violations)))
    return {"judged versions": len(versions), "judged choices": choices, "judged commits": len(commits)}


@contextmanager
def _gitea(folder: Path) -> Iterator[GitHost]:
    started = gitea.start(folder)
    host = GitHost(started.url, started.admin, started.password)
    try:
        yield host
    finally:
        host.close()
        process.stop(started.process)


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m e2e.prchaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--automations", type=int, default=30)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="tagline-prchaos-") as name, _gitea(Path(name) / "gitea") as host:
        figures = run(host, Path(name), seconds=options.seconds, count=options.automations, seed=options.seed)
    for what, figure in figures.items():
        print(f"{what}: {figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
