"""Lets a history happen to the model and to a world at the same time, and compares the two after each step."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from hack.model import steps
from hack.model.choosing import Rules
from hack.model.manifests import (
    AUTOMATION,
    INTERVAL_SECONDS,
    POLICY,
    REPOSITORY,
    Json,
    automation_spec,
    expected,
    find_lies,
    observed,
    policy_spec,
    repository_spec,
)
from hack.model.model import BROKEN, Automation, File, Line, Model, Policy, Repository
from hack.model.outside import Outside
from hack.model.steps import Step

STEP_SECONDS = 6
"""More than a failing object waits after a change of another one before it tries again."""
TICK_SECONDS = INTERVAL_SECONDS + 30
MONTH_SECONDS = 60 * 24 * 3600
STEPS_A_TICK = 80
"""Steps take time: no interval may be over before there was a tick."""
FIRST_TAGS = {"org/web": ["1.0.0", "1.0.1", "7"], "org/api": ["1.0.0", "v1.1.0", "main-7"]}


class World(Protocol):
    """Where the real controllers are."""

    @property
    def outside(self) -> Outside: ...

    async def put(self, kind: str, name: str, spec: Json, labels: dict[str, str]) -> bool:
        """Make an object, or give it another spec; False: it is refused."""

    async def delete(self, kind: str, name: str) -> None: ...

    async def request(self, kind: str, name: str) -> None:
        """Ask for a run by annotation."""

    async def read(self, kind: str, name: str) -> Json: ...

    async def advance(self, seconds: float) -> None:
        """Let time pass, if it is the world's own."""

    async def settle(self, is_expected: Callable[[], Awaitable[str]]) -> str:
        """Return what is still not as expected once all is at rest; empty: nothing."""

    async def stop(self, *, for_seconds: float = 0) -> None: ...

    async def start(self) -> None: ...

    def arm(self, write: int, *, is_written: bool) -> None:
        """Cut the processes off at one of the next writes, before it or after it."""

    async def survive(self) -> None:
        """Start again what was cut off since `arm`, if it was."""


class Different(AssertionError):
    """The world does not end where the model does."""


class Player:
    """Plays a history step by step."""

    def __init__(self, world: World) -> None:
        self.world = world
        host = world.outside.host
        self.model = Model({f"{host}/{image}": set(tags) for image, tags in FIRST_TAGS.items()})
        self.played: list[Step] = []
        self._since_tick = 0
        self._names = {
            REPOSITORY: [f"r{number}" for number in range(steps.REPOSITORIES)],
            POLICY: [f"p{number}" for number in range(steps.POLICIES)],
            AUTOMATION: [f"u{number}" for number in range(steps.AUTOMATIONS)],
        }

    async def begin(self) -> None:
        """Make what there is at first."""
        host = self.world.outside.host
        self.model.files = {
            "a/web.yaml": (
                Line("image", f"{host}/org/web:0.9.0", "p0"),
                "# not to be touched: 0.9.0\n",
                Line("tag", "0.9.0", "p0", "tag"),
            ),
            "a/two.yaml": (Line("one", f"{host}/org/api:0.9.0", "p1"), Line("two", f"{host}/org/web:0.9.0", "p2")),
            "b/api.yaml": (
                Line("image", f"{host}/org/api:0.9.0", "p1"),
                Line("name", f"{host}/org/old", "p1", "name"),
                Line("other", f"{host}/org/web:0.9.0", "p2"),
            ),
            "b/ghost.yaml": (Line("image", f"{host}/org/api:0.9.0", "ghost"),),
            "README.md": ("# fleet\n",),
        }
        self.world.outside.commit(self.model.render(), "Begin")
        for kind, names in self._names.items():
            for number in range(len(names)):
                await self._create(kind, number)
        await self._compare()

    async def play(self, step: Step) -> None:
        """Play one step. Raises Different."""
        self.played.append(step)
        self._since_tick += 1
        if self._since_tick > STEPS_A_TICK:
            await self._do(steps.Tick())
        await self._do(step)
        await self._compare()

    async def _compare(self) -> None:
        self.model.settle()
        self.model.now += STEP_SECONDS
        problem = await self.world.settle(self._find_difference)
        if problem:
            raise Different(f"{problem}\nafter this history, which `python -m hack.model --play FILE` plays again:\n"
                            f"{steps.to_json(self.played)}")  # fmt: skip
        commits, writes = self.world.outside.take_commits(), self.model.writes
        self.model.writes = 0
        if commits > writes or (writes and not commits):
            raise Different(f"{commits} commits for {writes} values\n{steps.to_json(self.played)}")

    async def _find_difference(self) -> str:
        """Return how the world differs from the model, or what it says that cannot be; empty: all is well."""
        found = []
        for name, want in expected(self.model).items():
            kind, _, own_name = name.partition(" ")
            obj = await self.world.read(kind, own_name)
            if obj:
                found += [f"{name}: {lie}" for lie in find_lies(obj)]
            have = observed(kind, obj)
            if have != want:
                found.append(f"{name}\n  model: {want}\n  world: {have}\n  {json.dumps(obj.get('status', {}))}")
        files, want_files = self.world.outside.files(), self.model.render()
        for path in sorted({*files, *want_files}):
            if files.get(path) != want_files.get(path):
                found.append(f"{path}\n  model: {want_files.get(path)!r}\n  world: {files.get(path)!r}")
        return "\n".join(found)

    async def _do(self, step: Step) -> None:
        """Let a step happen to both."""
        match step:
            case steps.Push() | steps.DeleteTag() | steps.DeleteChosen():
                await self._change_tags(step)
            case steps.Scan(number):
                await self._scan(f"r{number}")
            case steps.EditRepository() | steps.EditPolicy() | steps.EditAutomation():
                await self._edit(step)
            case steps.Delete(kind, number):
                await self._delete(kind, f"{self._names[kind][number]}")
            case steps.Create(kind, number):
                await self._create(kind, number)
            case steps.FailRegistry(how):
                await self._fail_registry(how)
            case steps.FailGit(how):
                await self._fail_git(how)
            case steps.Tick():
                await self._tick()
            case steps.Month() | steps.Restart() | steps.Crash():
                await self._interrupt(step)
            case _:
                await self._commit(step)

    async def _interrupt(self, step: steps.Month | steps.Restart | steps.Crash) -> None:
        """End the processes, and start them again."""
        match step:
            case steps.Month():
                await self._tick()
                await self._compare()
                await self.world.stop(for_seconds=MONTH_SECONDS)
                self.model.now += MONTH_SECONDS
                self.model.scan_all()
                await self.world.start()
            case steps.Restart(meanwhile):
                await self.world.stop()
                for one in meanwhile:
                    await self._do(one)
                await self.world.start()
            case steps.Crash(inner, write, is_written):
                self.world.arm(write, is_written=is_written)
                await self._do(inner)
                await self.world.survive()

    async def _change_tags(self, step: steps.Push | steps.DeleteTag | steps.DeleteChosen) -> None:
        host = self.world.outside.host
        match step:
            case steps.Push(image, tag, is_scanned) | steps.DeleteTag(image, tag, is_scanned):
                name = f"{host}/{steps.IMAGES[image]}"
            case steps.DeleteChosen(number):
                policy = self.model.policies.get(f"p{number}")
                if policy is None or policy.latest is None:
                    return
                (name, tag), is_scanned = policy.latest, True
        own_name = name.removeprefix(f"{host}/")
        if isinstance(step, steps.Push):
            self.world.outside.push(own_name, tag)
            self.model.registry[name].add(tag)
        else:
            self.world.outside.delete(own_name, tag)
            self.model.registry[name].discard(tag)
        for repository in self.model.repositories if is_scanned else ():
            if self.model.repositories[repository].image == name:
                await self._scan(repository)

    async def _scan(self, name: str) -> None:
        if repository := self.model.repositories.get(name):
            repository.due = True
            await self.world.request(REPOSITORY, name)

    async def _edit(self, step: steps.EditRepository | steps.EditPolicy | steps.EditAutomation) -> None:
        model, host = self.model, self.world.outside.host
        match step:
            case steps.EditRepository(number):
                if repository := model.repositories.get(f"r{number}"):
                    image = None if step.image is None else f"{host}/{steps.IMAGES[step.image]}"
                    _set(repository, image=image, exclusion=step.exclusion, suspended=step.suspended)
                    await self._put(REPOSITORY, f"r{number}")
            case steps.EditPolicy(number):
                if policy := model.policies.get(f"p{number}"):
                    before = replace(policy)
                    ref = None if step.repository is None else f"r{step.repository}"
                    _set(policy, repository=ref, team=step.team, suspended=step.suspended)
                    policy.rules = replace(policy.rules, **step.rules)
                    await self._put(POLICY, f"p{number}")
                    if policy.rules.is_refused:
                        model.policies[f"p{number}"] = before
            case steps.EditAutomation(number):
                if automation := model.automations.get(f"u{number}"):
                    path = None if step.path is None else steps.PATHS[number][step.path]
                    _set(automation, path=path, team=step.team, hold=step.hold, suspended=step.suspended)
                    await self._put(AUTOMATION, f"u{number}")

    async def _put(self, kind: str, name: str) -> None:
        if kind == REPOSITORY:
            spec, labels, is_refused = repository_spec(self.model.repositories[name]), {}, False
        elif kind == POLICY:
            policy = self.model.policies[name]
            spec, labels, is_refused = policy_spec(policy), {"team": policy.team}, policy.rules.is_refused
        else:
            spec, labels, is_refused = automation_spec(self.model.automations[name]), {}, False
        taken = await self.world.put(kind, name, spec, labels)
        assert taken is not is_refused, f"{kind} {name} was {'taken' if taken else 'refused'}: {spec}"

    async def _create(self, kind: str, number: int) -> None:
        name, host = self._names[kind][number], self.world.outside.host
        objects = self._objects(kind)
        if name in objects:
            return
        if kind == REPOSITORY:
            self.model.repositories[name] = Repository(f"{host}/{steps.IMAGES[number]}")
        elif kind == POLICY:
            self.model.policies[name] = Policy(f"r{number % 2}", Rules(), "ab"[number % 2])
        else:
            self.model.automations[name] = Automation(steps.PATHS[number][0])
        await self._put(kind, name)
        await self.world.request(kind, name)

    async def _delete(self, kind: str, name: str) -> None:
        if self._objects(kind).pop(name, None) is not None:
            await self.world.delete(kind, name)

    def _objects(self, kind: str) -> dict[str, Any]:
        if kind == REPOSITORY:
            return self.model.repositories
        return self.model.policies if kind == POLICY else self.model.automations

    async def _request_all(self, *kinds: str) -> None:
        for kind in kinds:
            for name in self._objects(kind):
                await self.world.request(kind, name)

    async def _fail_registry(self, how: str) -> None:
        was_failing, self.model.registry_fails = self.model.registry_fails, bool(how)
        self.world.outside.registry.fault = how
        if how or was_failing:
            self.model.scan_all()
            await self._request_all(REPOSITORY)
        if was_failing and not how:
            await self._tick()

    async def _fail_git(self, how: str) -> None:
        was_failing, self.model.git_fails = bool(self.model.git_fails), how
        self.world.outside.git_fault = how
        if how or was_failing:
            await self._request_all(AUTOMATION)
        if was_failing and not how:
            await self._tick()

    async def _tick(self) -> None:
        """Let the intervals pass, then have all done at the same time again."""
        self._since_tick = 0
        await self.world.advance(TICK_SECONDS)
        self.model.scan_all()
        self.model.now += TICK_SECONDS
        self.model.settle()
        self.model.scan_all()
        await self._request_all(REPOSITORY, AUTOMATION)

    async def _commit(self, step: Step) -> None:
        """Commit as a person does, and say so to the automations."""
        before = self.model.render()
        self._edit_files(step)
        after = self.model.render()
        changed = {path: after.get(path) for path in {*before, *after} if before.get(path) != after.get(path)}
        if changed:
            self.world.outside.commit(changed, type(step).__name__)
            await self._request_all(AUTOMATION)

    def _edit_files(self, step: Step) -> None:
        files, marked = self.model.files, list(self.model.marked())
        match step:
            case steps.AddMarker(folder, number, part):
                line = Line(f"k{number}{part}", "0.9.0", f"p{number}", part)
                path = f"{folder}/extra.yaml"
                if line.marker not in {one.marker for one in files.get(path, ()) if isinstance(one, Line)}:
                    files[path] = (*files.get(path, ("# more\n",)), line)
            case steps.Break(number):
                path = sorted(files)[number % len(files)]
                files[path] = _toggle(files[path])
            case steps.SetValue(number, _) | steps.Revert(number) | steps.DropMarker(number) if marked:
                path, index, line = marked[number % len(marked)]
                new = self._new_line(step, path, line)
                lines = files[path]
                files[path] = (*lines[:index], *([new] if new else []), *lines[index + 1 :])

    def _new_line(self, step: Step, path: str, line: Line) -> Line | str | None:
        match step:
            case steps.SetValue(_, tag):
                name = line.value.rpartition(":")[0] or "some/image"
                value = {"name": line.value, "tag": tag}.get(line.part, f"{name}:{tag}")
                return replace(line, value=value)
            case steps.Revert():
                return replace(line, value=self.model.previous.get((path, line.key), line.value))
            case _:
                return "# gone\n"


def _set(obj: Repository | Policy | Automation, **fields: object) -> None:
    for name, value in fields.items():
        if value is not None:
            setattr(obj, name, value)


def _toggle(lines: File) -> File:
    return tuple(line for line in lines if line != BROKEN) if BROKEN in lines else (*lines, BROKEN)


async def play(world: World, history: Sequence[Step]) -> None:
    """Play a whole history on a world that is new. Raises Different."""
    player = Player(world)
    await player.begin()
    for step in history:
        await player.play(step)
