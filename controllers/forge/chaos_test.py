"""`controllers.forge`: runs that crash anywhere while people merge, close, commit and delete.

Played here is the order that runs keep: list, find, decide, push, and only then write to the forge. Never are two open
for one branch, never is a person's commit lost, and in the end everything is up to date.
"""

import random
from collections.abc import Callable

import pytest

from controllers.forge.conftest import BASE, World, desired
from controllers.forge.decision import (
    Action,
    Decision,
    ForeignCommit,
    HeadBranch,
    Memory,
    Reason,
    Rebase,
    Rules,
    decide,
    digest,
)
from controllers.forge.model import Desired, ForgeKind, PullRequest, State

HEADS = tuple(f"tagline/{name}" for name in "abcdef")
STEPS = 250


class Crash(Exception):
    """The process ends here."""


class Play:
    """A world with several automations' branches, what people do to them, and runs."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.branches, self.stand_in = world.branches, world.stand_in
        self.forge = world.connect()
        self.newest = dict.fromkeys(HEADS, 1)
        self.merged = dict.fromkeys(HEADS, 0)
        self.offered: dict[str, int] = {}
        """Version by commit of ours."""
        self.persons: dict[str, set[str]] = {head: set() for head in HEADS}
        """Commits of people that must not be lost, by branch."""
        self.memory = Memory()
        self.may_crash = True
        self.reasons: dict[Reason, int] = {}

    # What people do.

    def release(self, head: str) -> None:
        self.newest[head] += 1

    def merge(self, head: str) -> None:
        pull = self.stand_in.existing(head, BASE)
        if pull and self.branches.head(head):
            self.stand_in.merge(pull.number)
            mine = [self.offered[commit] for commit in self.branches.commits[head] if commit in self.offered]
            self.merged[head] = max(mine, default=self.merged[head])
            self.branches.push(BASE)
            self.persons[head].clear()
            if self.dice.random() < 0.7:
                self.branches.delete(head)

    def close(self, head: str) -> None:
        if pull := self.stand_in.existing(head, BASE):
            self.stand_in.decline(pull.number)

    def commit(self, head: str) -> None:
        if self.branches.head(head):
            self.persons[head].add(self.branches.push(head, base=head))

    def delete(self, head: str) -> None:
        self.branches.delete(head)
        self.persons[head].clear()
        self.stand_in.close_if_stale()

    def open_by_hand(self, head: str) -> None:
        if self.branches.head(head) and not self.stand_in.existing(head, BASE):
            self.stand_in.add(head)

    def write_into_base(self, head: str) -> None:
        """Do by hand what the pull request offers."""
        self.merged[head] = self.newest[head]
        self.branches.push(BASE)

    def forget(self, _: str) -> None:
        self.memory = Memory()

    # A run.

    def crash_perhaps(self) -> None:
        if self.may_crash and self.dice.random() < 0.08:
            raise Crash

    def look(self, head: str) -> HeadBranch:
        commits = self.branches.commits.get(head, [])
        base = set(self.branches.commits[BASE])
        ahead = [commit for commit in commits if commit not in base]
        theirs = [commit for commit in ahead if commit not in self.offered]
        mine = [self.offered[commit] for commit in ahead if commit in self.offered]
        return HeadBranch(
            self.branches.head(head),
            digest([(head, str(mine[-1]))]) if mine else "",
            ForeignCommit(theirs[-1], "alice") if theirs else None,
            base_moved=bool(base - set(commits)),
            conflicted=self.dice.random() < 0.3,
        )

    async def run(self) -> int:
        """Play a run; return how many writes there were."""
        writes = 0
        listed = await self.forge.list_open("tagline/")
        for head in HEADS:
            self.crash_perhaps()
            found: tuple[PullRequest, ...] = tuple(entry for entry in listed if entry.head == head)
            version = self.newest[head]
            wanted = desired(head=head, content=digest([(head, str(version))]), title=f"Update to {version}")
            offer = wanted if version > self.merged[head] else None
            if not found:
                found = await self.forge.find(head, BASE)
            branch = self.look(head)
            decision = decide(
                offer,
                found,
                branch,
                automation=wanted.automation,
                rules=Rules(Rebase.CONFLICTED),
                memory=self.memory,
                open_count=len(listed),
            )
            self.reasons[decision.reason] = self.reasons.get(decision.reason, 0) + 1
            writes += await self.act(decision, wanted, version, branch)
        return writes

    async def act(self, decision: Decision, wanted: Desired, version: int, branch: HeadBranch) -> int:
        head = wanted.head
        if decision.push:
            assert self.branches.head(head) == branch.commit
            self.offered[self.branches.push(head)] = version
            self.crash_perhaps()
        pull = decision.pull_request
        match decision.action:
            case Action.NONE:
                return 0
            case Action.CREATE:
                pull = (await self.forge.create(wanted)).pull_request
            case Action.ADOPT | Action.UPDATE:
                assert pull
                await self.forge.update(pull, wanted, decorate=decision.action is Action.ADOPT)
            case Action.CLOSE:
                assert pull
                await self.forge.close(pull, decision.message)
                self.crash_perhaps()
                if decision.delete_branch:
                    self.branches.delete(head)
                return 1
        self.crash_perhaps()
        self.memory = Memory({**self.memory.contents, pull.number: wanted.content})
        return 1

    # What must hold.

    def check(self) -> None:
        for head in HEADS:
            assert sum(pull.head == head for pull in self.stand_in.open_pulls()) <= 1
            assert self.persons[head] <= set(self.branches.commits.get(head, ()))

    async def check_end(self) -> None:
        for head in HEADS:
            content = digest([(head, str(self.newest[head]))])
            branch, found = self.look(head), await self.forge.find(head, BASE)
            current = next((entry for entry in found if entry.state is State.OPEN), None)
            if self.newest[head] <= self.merged[head]:
                assert current is None or branch.foreign or current.author == "alice"
            elif branch.foreign is None and current:
                assert branch.content == content
                assert current.stamp
                assert current.stamp.content == content
            else:
                declined = any(entry.stamp and entry.stamp.content == content for entry in found)
                assert branch.foreign or declined


@pytest.mark.parametrize(
    "world_of", [ForgeKind.GITHUB, ForgeKind.GITEA, ForgeKind.BITBUCKET_SERVER], indirect=True, ids=str
)
async def test_people_and_crashes(world_of: World) -> None:
    dice = random.Random(str(world_of.kind))  # noqa: S311 -- for a test
    play = Play(world_of, dice)
    deeds: tuple[Callable[[str], None], ...] = (
        play.release,
        play.merge,
        play.close,
        play.commit,
        play.delete,
        play.open_by_hand,
        play.write_into_base,
        play.forget,
    )
    crashes = 0
    for _ in range(STEPS):
        deed = dice.choices(deeds, weights=(6, 4, 1, 1, 1, 1, 1, 1))[0]
        deed(dice.choice(HEADS))
        if dice.random() < 0.5:
            try:
                await play.run()
            except Crash:
                crashes += 1
        play.check()
    assert crashes
    rare = {Reason.LIMIT, Reason.SUPERSEDED, Reason.RETRIED, Reason.TAKEN}
    if world_of.kind is not ForgeKind.BITBUCKET_SERVER:  # the others close one whose branch is deleted
        rare.add(Reason.BRANCH_GONE)
    assert set(play.reasons) == set(Reason) - rare
    play.may_crash = False
    for _ in range(5):
        await play.run()
    play.check()
    await play.check_end()
