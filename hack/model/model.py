"""What the three controllers should do to an abstract registry, policies and a branch. Pure; no code of the product.

Follows docs/tags.md and docs/git.md. `settle` is the whole of it: each object is brought to where its last run leaves
it. What a run remembers of earlier ones (a kept choice, what was first seen when, what was written) is state here, too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from hack.model.choosing import Rules, choose, without

READY = ("True", "Succeeded")
UNSEEN = ("", "")
"""Ready of an object that no run has reached."""
NAMESPACE = "apps"
DEFAULT_EXCLUSION = r"^.*\.sig$"
Result = tuple[str, str]
"""Status and reason of the condition Ready."""


def not_ready(reason: str) -> Result:
    return "False", reason


@dataclass
class Repository:
    """An ImageRepository."""

    image: str
    exclusion: str = ""
    suspended: bool = False
    result: Result = UNSEEN
    tags: dict[str, int | None] | None = None
    """Of the last scan: when each was found first, None in a first scan."""
    scanned: tuple[str, str] = ("", "")
    """Image and exclusion of the last scan."""
    failed: bool = False
    """The last scan failed."""
    due: bool = True

    @property
    def is_valid(self) -> bool:
        return self.image == self.image.lower()


@dataclass
class Policy:
    """An ImagePolicy."""

    repository: str
    rules: Rules = field(default_factory=Rules)
    team: str = "a"
    suspended: bool = False
    result: Result = UNSEEN
    latest: tuple[str, str] | None = None
    """Image and tag."""

    @property
    def pause(self) -> str:
        """Why its choice is not written, if so."""
        if self.suspended:
            return "PolicySuspended"
        return "PolicyNotReady" if self.result[0] == "False" else ""


@dataclass
class Automation:
    """An ImageUpdateAutomation on the branch."""

    path: str
    team: str = ""
    """Of the policies that it takes; empty: all. "?" is a selector that nobody can read."""
    hold: bool = False
    suspended: bool = False
    result: Result = UNSEEN
    findings: list[tuple[str, str]] = field(default_factory=list)
    """(file, reason), sorted."""
    written: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """(file, marker) → the value before, and what was written."""


@dataclass(frozen=True)
class Line:
    """A line with a marker."""

    key: str
    value: str
    policy: str
    part: str = ""
    """Empty, `name` or `tag`."""

    @property
    def marker(self) -> str:
        return f"{NAMESPACE}:{self.policy}{f':{self.part}' if self.part else ''}"

    def render(self) -> str:
        quote = '"' if self.part == "tag" else ""
        return f'{self.key}: {quote}{self.value}{quote} # {{"$imagepolicy": "{self.marker}"}}\n'


File = tuple[Line | str, ...]
"""Lines with markers, and texts."""
BROKEN = "broken: [\n"
"""A text that makes a file something else than YAML."""


@dataclass
class Model:
    """Everything there is. `settle` after each change."""

    registry: dict[str, set[str]]
    repositories: dict[str, Repository] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    automations: dict[str, Automation] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    registry_fails: bool = False
    git_fails: str = ""
    """`push`: nothing can be pushed; anything else: nothing can be read either; empty: it works."""
    now: int = 0
    """In seconds."""
    previous: dict[tuple[str, str], str] = field(default_factory=dict)
    """(path, key of the line) → its value before it was written last."""
    writes: int = 0
    """How many values were written."""

    def scan_all(self) -> None:
        """Make a scan of everything due, as time does, and people who ask for it."""
        for repository in self.repositories.values():
            repository.due = True

    def settle(self) -> None:
        """Let all objects run to their ends: each kind reads what the one before has written."""
        for repository in self.repositories.values():
            if not repository.suspended:
                self._scan(repository)
        for policy in self.policies.values():
            if not policy.suspended:
                policy.result = self._choose(policy)
        for automation in self.automations.values():
            if not automation.suspended:
                automation.result = self._update(automation)

    def _scan(self, repository: Repository) -> None:
        if not repository.is_valid:
            repository.result, repository.failed = not_ready("ImageURLInvalid"), False
            return
        wanted = (repository.image, repository.exclusion)
        has_failed = repository.failed or repository.result[0] == "False"
        if not (repository.due or has_failed or repository.tags is None or repository.scanned != wanted):
            repository.result = READY
            return
        found = self.registry.get(repository.image)
        if self.registry_fails or found is None or repository.exclusion == "(":
            repository.result, repository.failed = not_ready("ReadOperationFailed"), True
            return
        before = repository.tags
        new = self.now if before is not None else None
        left = without(found, [repository.exclusion or DEFAULT_EXCLUSION])
        repository.tags = {tag: (before or {}).get(tag, new) for tag in left}
        repository.result, repository.failed, repository.due = READY, False, False
        repository.scanned = wanted

    def _choose(self, policy: Policy) -> Result:
        repository = self.repositories.get(policy.repository)
        if repository is None:
            return not_ready("DependencyNotReady")
        if not repository.is_valid:
            return not_ready("ImageURLInvalid")
        if policy.rules.is_invalid:
            return not_ready("InvalidPolicy")
        if repository.tags is None or repository.scanned[0] != repository.image or not repository.tags:
            return not_ready("DependencyNotReady")
        before = policy.latest
        current = before[1] if before and before[0] == repository.image else ""
        tag = choose(repository.tags, policy.rules, now=self.now, current=current)
        if tag is None:
            return not_ready("Failure")
        policy.latest = (repository.image, tag)
        return READY

    def _update(self, automation: Automation) -> Result:
        if automation.team == "?":
            return not_ready("InvalidPolicySelector")
        if automation.path.startswith(".."):
            return not_ready("InvalidUpdatePath")
        if self.git_fails not in ("", "push"):
            return not_ready("GitOperationFailed")
        folder = automation.path.removeprefix("./").strip("/") + "/"
        inside = {path: lines for path, lines in self.files.items() if path.startswith(folder)}
        if not inside:
            return not_ready("UpdateFailed")
        findings: list[tuple[str, str]] = []
        changed: dict[tuple[str, str], tuple[str, str]] = {}
        edited = dict(self.files)
        for path, lines in inside.items():
            file = path.removeprefix(folder)
            if BROKEN in lines:
                findings += [(file, "NotYAML")] if any(isinstance(line, Line) for line in lines) else []
                continue
            edited[path] = tuple(self._write(automation, file, line, findings, changed) for line in lines)
        if changed and self.git_fails:
            return not_ready("GitOperationFailed")
        self._record(edited)
        automation.findings = sorted(findings)
        chosen = {name: policy.latest for name, policy in self.policies.items() if self._takes(automation, policy)}
        kept = {
            place: values for place, values in automation.written.items() if _is_chosen(place[1], values[1], chosen)
        }
        automation.written = {**kept, **changed} if automation.hold else {}
        return READY

    def _write(
        self,
        automation: Automation,
        file: str,
        line: Line | str,
        findings: list[tuple[str, str]],
        changed: dict[tuple[str, str], tuple[str, str]],
    ) -> Line | str:
        if isinstance(line, str):
            return line
        policy = self.policies.get(line.policy)
        reason = "UnknownPolicy" if policy is None else "PolicyWithoutImage" if policy.latest is None else ""
        if policy is not None and not reason and self._takes(automation, policy):
            reason = policy.pause
        if reason:
            findings.append((file, reason))
            return line
        if policy is None or policy.latest is None or not self._takes(automation, policy):
            return line
        value = _part(policy.latest, line.part)
        if value == line.value:
            return line
        if automation.hold and automation.written.get((file, line.marker)) == (line.value, value):
            findings.append((file, "HeldBack"))
            return line
        changed[file, line.marker] = (line.value, value)
        return replace(line, value=value)

    def _record(self, edited: dict[str, File]) -> None:
        for path, lines in edited.items():
            for before, after in zip(self.files[path], lines, strict=True):
                if isinstance(before, Line) and before != after:
                    self.previous[path, before.key] = before.value
                    self.writes += 1
        self.files = edited

    def _takes(self, automation: Automation, policy: Policy) -> bool:
        return automation.team in ("", policy.team)

    def render(self) -> dict[str, str]:
        """Return the files of the branch as they are in Git."""
        return {
            path: "".join(line if isinstance(line, str) else line.render() for line in lines)
            for path, lines in self.files.items()
        }

    def marked(self) -> Iterator[tuple[str, int, Line]]:
        """Yield all lines with markers: file, index, line."""
        for path, lines in sorted(self.files.items()):
            for index, line in enumerate(lines):
                if isinstance(line, Line):
                    yield path, index, line


def _part(image: tuple[str, str], part: str) -> str:
    return {"": f"{image[0]}:{image[1]}", "name": image[0], "tag": image[1]}[part]


def _is_chosen(marker: str, value: str, chosen: Mapping[str, tuple[str, str] | None]) -> bool:
    """Return whether a value that was written is still what its policy chose last."""
    _, name, *part = marker.split(":")
    image = chosen.get(name)
    return image is not None and _part(image, part[0] if part else "") == value
