"""`controllers.forge`: a real Gitea; what it accepts, refuses, does by itself, and where its API surprises."""

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from controllers.clock import SYSTEM_CLOCK
from controllers.forge import gitea
from controllers.forge.decision import digest
from controllers.forge.errors import (
    Archived,
    AuthenticationFailed,
    BranchMissing,
    Forbidden,
    ForgeError,
    Moved,
    NotFound,
)
from controllers.forge.forges import Forges
from controllers.forge.location import locate
from controllers.forge.model import Desired, Forge, ForgeKind, MergeMethod, State
from controllers.git.remote import Basic, Bearer, Remote
from controllers.net.destinations import Destinations
from hack.env import gitea as gitea_part
from hack.env import process
from hack.githost import GitHost, Repository, git

pytestmark = pytest.mark.e2e

BOT, PASSWORD = "tagline-bot", "correct-h0rse"
HEAD = "tagline/web"
ONE, TWO = digest([("web", "1.1.0")]), digest([("web", "1.2.0")])
SCOPES = ("write:repository", "write:issue", "read:user", "read:organization")
PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    """Yield a Gitea as its administrator sees it: the session's, or one of our own."""
    started = None
    if url := os.environ.get("E2E_GIT_URL"):
        host = GitHost(url, os.environ["E2E_GIT_USER"], os.environ["E2E_GIT_PASSWORD"])
    else:
        started = gitea_part.start(tmp_path_factory.mktemp("gitea"))
        host = GitHost(started.url, started.admin, started.password)
    yield host
    host.close()
    if started:
        process.stop(started.process)


@dataclass(frozen=True, slots=True)
class World:
    """A repository of an organisation, in which the bot and alice may write."""

    host: GitHost
    repository: Repository
    token: str
    forges: Forges

    @property
    def api(self) -> str:
        """Path of the repository in the API."""
        return f"/repos/{self.repository.path}"

    def connect(self, login: Basic | Bearer | None = None, url: str = "") -> Forge:
        url = url or self.repository.url
        return self.forges.connect(locate(ForgeKind.GITEA, url), login or Bearer(self.token), Remote(url))

    def offer(self, version: str = "1.1.0", branch: str = HEAD) -> str:
        """Move the head branch to a new commit on the current base, as a run does."""
        with self.repository.clone() as clone:
            git(clone, "checkout", "-q", "-B", branch, "origin/main")
            (clone / "app.yaml").write_text(f"image: web:{version}\n")
            git(clone, "commit", "-q", "-am", f"Update web to {version}")
            git(clone, "push", "-q", "--force", "origin", f"HEAD:refs/heads/{branch}")
            return git(clone, "rev-parse", "HEAD").strip()

    def merge(self, number: int, method: str) -> None:
        """Merge as a person does."""

        def attempt() -> bool:
            answer = self.host.send("POST", f"{self.api}/pulls/{number}/merge", {"Do": method})
            assert answer.status_code in (200, 405), answer.text  # 405: it does not know yet whether it can be merged
            return answer.status_code == 200

        eventually(attempt, f"the merge of pull request {number}")

    def comments(self, number: int) -> list[str]:
        found = self.host.call("GET", f"{self.api}/issues/{number}/comments")["items"]
        return [comment["body"] for comment in found]

    def pull(self, number: int) -> dict[str, Any]:
        return self.host.call("GET", f"{self.api}/pulls/{number}")

    def ask_as_alice(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        auth = ("alice", PASSWORD)
        with httpx.Client(base_url=f"{self.host.url}/api/v1", auth=auth, trust_env=False, timeout=30) as client:
            return client.request(method, path, json=body)

    def token_of(self, user: str, *scopes: str) -> str:
        """Return a new token of somebody."""
        name = f"t{time.time_ns()}"
        with httpx.Client(base_url=f"{self.host.url}/api/v1", auth=(user, PASSWORD), trust_env=False) as client:
            answer = client.post(f"/users/{user}/tokens", json={"name": name, "scopes": list(scopes)})
            answer.raise_for_status()
            return str(answer.json()["sha1"])


def eventually(check: Callable[[], object], what: str) -> None:
    """Wait until a check is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not check():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.1)


def desired(**changes: Any) -> Desired:
    """Return what the tests offer unless they say something else."""
    fields: dict[str, Any] = {
        "head": HEAD,
        "base": "main",
        "title": "Update web",
        "body": "web: 1.0.0 to 1.1.0\n",
        "automation": "apps/web",
        "content": ONE,
    }
    return Desired(**(fields | changes))


@pytest.fixture(scope="module")
def people(host: GitHost) -> None:
    """Make the users."""
    for name in (BOT, "alice", "reader"):
        body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "must_change_password": False}
        assert host.send("POST", "/admin/users", body).status_code in (201, 422)  # 422: it is there


@pytest.fixture
async def world(host: GitHost, people: None) -> AsyncIterator[World]:
    org = f"org{time.time_ns() % 36**8:x}"
    host.call("POST", "/orgs", {"username": org})
    made = {"name": "fleet", "private": True, "auto_init": False, "default_branch": "main"}
    host.call("POST", f"/orgs/{org}/repos", made)
    repository = Repository(host, "fleet", owner=org)
    repository.commit({"app.yaml": "image: web:1.0.0\n"}, "Start")
    forges = Forges(destinations=Destinations(), clock=SYSTEM_CLOCK)
    built = World(host, repository, "", forges)
    for name, right in ((BOT, "write"), ("alice", "write"), ("reader", "read")):
        host.send("PUT", f"{built.api}/collaborators/{name}", {"permission": right})
    yield replace(built, token=built.token_of(BOT, *SCOPES))
    forges.close()
    host.send("DELETE", built.api)
    host.send("DELETE", f"/orgs/{org}")


async def test_life_from_one_tag_to_the_next(world: World) -> None:
    forge = world.connect()
    first = world.offer("1.1.0")
    assert await forge.find(HEAD, "main") == ()
    made = (await forge.create(desired())).pull_request
    assert (made.number, made.author, made.head_commit, made.state) == (1, BOT, first, State.OPEN)
    assert made.url == f"{world.host.url}/{world.repository.path}/pulls/1"
    second = world.offer("1.2.0")
    (listed,) = await forge.list_open("tagline/")
    eventually(lambda: world.pull(1)["head"]["sha"] == second, "the pushed commit")
    changed = (await forge.update(listed, desired(title="Update web to 1.2.0", content=TWO))).pull_request
    assert (changed.number, changed.title, changed.head_commit) == (1, "Update web to 1.2.0", second)
    world.merge(1, "squash")
    (found,) = await forge.find(HEAD, "main")
    assert (found.state, found.head_commit) == (State.MERGED, second)
    assert found.stamp
    assert found.stamp.content == TWO
    assert world.repository.head("main") != second  # the commit of the branch never came into the base
    world.offer("1.3.0")
    again = await forge.create(desired(content="3" * 16))
    assert (again.pull_request.number, again.adopted) == (2, False)
    assert [(entry.number, entry.state) for entry in await forge.find(HEAD, "main")] == [
        (2, State.OPEN),
        (1, State.MERGED),
    ]


@pytest.mark.parametrize("method", ["merge", "rebase", "squash"])
async def test_merged_is_merged_whatever_became_of_the_commits(world: World, method: str) -> None:
    forge = world.connect()
    head = world.offer()
    await forge.create(desired())
    world.merge(1, method)
    (found,) = await forge.find(HEAD, "main")
    assert (found.state, found.head_commit, bool(found.ended)) == (State.MERGED, head, True)


async def test_one_that_a_person_opened_is_adopted(world: World) -> None:
    world.offer()
    world.host.call("POST", f"{world.api}/pulls", {"head": HEAD, "base": "main", "title": "By hand", "body": "mine"})
    outcome = await world.connect().create(desired())
    assert (outcome.adopted, outcome.pull_request.number, outcome.pull_request.author) == (True, 1, world.host.user)
    assert outcome.pull_request.stamp
    assert len(await world.connect().list_open("")) == 1


async def test_the_open_one_is_found_behind_an_older_one(world: World) -> None:
    # GET pulls/BASE/HEAD answers with the oldest.
    forge = world.connect()
    world.offer("1.1.0")
    await forge.create(desired())
    world.host.call("PATCH", f"{world.api}/pulls/1", {"state": "closed"})
    world.offer("1.2.0")
    await forge.create(desired(content=TWO))
    assert world.host.call("GET", f"{world.api}/pulls/main/tagline%2Fweb")["number"] == 1
    states = [(entry.number, entry.state) for entry in await forge.find(HEAD, "main")]
    assert states == [(2, State.OPEN), (1, State.CLOSED)]


async def test_closed_by_a_person_is_told_from_closed_by_us(world: World) -> None:
    forge = world.connect()
    world.offer()
    made = (await forge.create(desired())).pull_request
    world.host.call("PATCH", f"{world.api}/pulls/1", {"state": "closed"})
    (found,) = await forge.find(HEAD, "main")
    assert found.stamp
    assert (found.state, found.stamp.closed, found.stamp.content) == (State.CLOSED, False, ONE)
    world.host.call("PATCH", f"{world.api}/pulls/1", {"state": "open"})
    await forge.close(made, "Nothing is left to offer.")
    (found,) = await forge.find(HEAD, "main")
    assert found.stamp
    assert (found.state, found.stamp.closed) == (State.CLOSED, True)
    assert world.comments(1) == ["Nothing is left to offer."]


async def test_a_person_pushes_to_our_branch(world: World) -> None:
    forge = world.connect()
    world.offer()
    await forge.create(desired())
    theirs = world.repository.commit({"README.md": "mine\n"}, "By hand", branch=HEAD)
    eventually(lambda: world.pull(1)["head"]["sha"] == theirs, "the pushed commit")
    (found,) = await forge.list_open("tagline/")
    assert found.head_commit == theirs


async def test_deleted_branch(world: World) -> None:
    forge = world.connect()
    world.offer()
    await forge.create(desired())
    world.host.send("DELETE", f"{world.api}/branches/{HEAD}")
    eventually(lambda: world.pull(1)["state"] == "closed", "Gitea to close it by itself")
    (found,) = await forge.find(HEAD, "main")
    assert found.stamp
    assert (found.state, found.stamp.content) == (State.CLOSED, ONE)
    with pytest.raises(BranchMissing):
        await forge.create(desired(content=TWO))
    world.offer("1.2.0")
    assert (await forge.create(desired(content=TWO))).pull_request.number == 2


async def test_without_a_difference(world: World) -> None:
    with world.repository.clone() as clone:
        git(clone, "push", "-q", "origin", f"origin/main:refs/heads/{HEAD}")
    outcome = await world.connect().create(desired())
    assert outcome.pull_request.state is State.OPEN  # Gitea takes it: not to open it is up to us


async def test_labels_of_repository_and_organisation(world: World) -> None:
    world.host.call("POST", f"{world.api}/labels", {"name": "automation", "color": "#00aabb"})
    world.host.call("POST", f"/orgs/{world.repository.owner}/labels", {"name": "images", "color": "#00aabb"})
    world.offer()
    outcome = await world.connect().create(desired(labels=("automation", "images", "missing")))
    assert {label["name"] for label in world.pull(1)["labels"]} == {"automation", "images"}
    assert [(warning.what, warning.message) for warning in outcome.warnings] == [
        ("labels", "there is no label missing; make it first")
    ]


async def test_reviewers_and_assignees(world: World) -> None:
    forge = world.connect()
    world.offer()
    outcome = await forge.create(desired(reviewers=("alice", "nobody", BOT), assignees=("alice", "nobody")))
    pull = world.pull(1)
    assert [user["login"] for user in pull["requested_reviewers"]] == ["alice"]
    assert [user["login"] for user in pull["assignees"]] == ["alice"]
    assert [(warning.what, warning.message.split()[0]) for warning in outcome.warnings] == [
        ("reviewers", "nobody"),
        ("reviewers", BOT),
        ("assignees", "nobody"),
    ]


async def test_team_as_reviewer(world: World) -> None:
    team = {"name": "owners-of-web", "permission": "write", "units_map": {"repo.code": "write", "repo.pulls": "write"}}
    made = world.host.call("POST", f"/orgs/{world.repository.owner}/teams", team)
    world.host.send("PUT", f"/teams/{made['id']}/repos/{world.repository.path}")
    world.offer()
    outcome = await world.connect().create(desired(reviewers=("team/owners-of-web", "team/none")))
    assert [entry["name"] for entry in world.pull(1)["requested_reviewers_teams"]] == ["owners-of-web"]
    assert [warning.message.split()[0] for warning in outcome.warnings] == ["team/none"]


async def test_draft_stays_what_people_make_of_it(world: World) -> None:
    forge = world.connect()
    world.offer()
    made = (await forge.create(desired(draft=True))).pull_request
    assert (made.draft, made.title) == (True, "WIP: Update web")
    assert (await forge.update(made, desired(draft=True, content=TWO))).pull_request.draft
    world.host.call("PATCH", f"{world.api}/pulls/1", {"title": "Update web"})
    (found,) = await forge.find(HEAD, "main")
    assert not found.draft
    assert not (await forge.update(found, desired(draft=True))).pull_request.draft


async def test_auto_merge_waits_for_the_review_of_a_protected_branch(world: World) -> None:
    rule = {"rule_name": "main", "enable_push": False, "required_approvals": 1}
    world.host.call("POST", f"{world.api}/branch_protections", rule)
    forge = world.connect()
    world.offer()
    outcome = await forge.create(desired(auto_merge=MergeMethod.SQUASH))
    assert outcome.warnings == ()
    assert world.pull(1)["state"] == "open"
    again = await forge.update(outcome.pull_request, desired(auto_merge=MergeMethod.SQUASH))
    assert again.warnings == ()
    assert (
        world.ask_as_alice("POST", f"{world.api}/pulls/1/reviews", {"event": "APPROVED", "body": "fine"}).status_code
        == 200
    )
    eventually(lambda: world.pull(1)["merged"], "the merge by Gitea itself")
    eventually(lambda: not world.repository.head(HEAD), "the removal of the branch")


async def test_auto_merge_without_requirements_is_at_once(world: World) -> None:
    world.offer()
    asked = desired(auto_merge=MergeMethod.MERGE)
    outcome = await world.connect().create(asked)
    while outcome.warnings:  # Gitea finds out first whether it can be merged
        assert [warning.again for warning in outcome.warnings] == [True]
        outcome = await world.connect().update(outcome.pull_request, asked)
    eventually(lambda: world.pull(1)["merged"], "the merge by Gitea itself")


async def test_auto_merge_of_a_draft_is_left_out(world: World) -> None:
    world.offer()
    outcome = await world.connect().create(desired(draft=True, auto_merge=MergeMethod.SQUASH))
    assert (outcome.warnings, world.pull(1)["merged"]) == ((), False)


async def test_protected_branch_against_whoever_may_not_merge(world: World) -> None:
    rule = {
        "rule_name": "main",
        "enable_push": False,
        "enable_merge_whitelist": True,
        "merge_whitelist_usernames": ["alice"],
    }
    world.host.call("POST", f"{world.api}/branch_protections", rule)
    world.offer()
    outcome = await world.connect().create(desired(auto_merge=MergeMethod.MERGE))
    assert [warning.what for warning in outcome.warnings] == ["auto-merge"]
    assert world.pull(1)["state"] == "open"


async def test_archived(world: World) -> None:
    world.offer()
    world.host.call("PATCH", world.api, {"archived": True})
    forge = world.connect()
    assert await forge.list_open("") == ()
    with pytest.raises(Archived, match=r"is archived.*unarchive it, or suspend the automation"):
        await forge.create(desired())


async def test_moved(world: World) -> None:
    world.offer()
    world.host.call("PATCH", world.api, {"name": "fleet2"})
    with pytest.raises(Moved, match="set the URL of the GitRepository") as caught:
        await world.connect().list_open("")
    assert "fleet2" in caught.value.location or "/repositories/" in caught.value.location
    world.host.send("DELETE", f"{world.api}2")


@pytest.mark.parametrize(
    ("user", "scopes", "error"),
    [
        pytest.param(BOT, ("read:repository",), Forbidden, id="scope"),
        pytest.param(BOT, ("write:package",), Forbidden, id="other-scope"),
        pytest.param("reader", SCOPES, ForgeError, id="reader"),
    ],
)
async def test_token_without_the_right_to_open(
    world: World, user: str, scopes: tuple[str, ...], error: type[ForgeError]
) -> None:
    world.offer()
    forge = world.connect(Bearer(world.token_of(user, *scopes)))
    if user == "reader":  # who may read may open, and that is all
        outcome = await forge.create(desired(labels=("x",), auto_merge=MergeMethod.MERGE))
        assert {warning.what for warning in outcome.warnings} == {"labels", "auto-merge"}
        return
    with pytest.raises(error) as caught:
        await forge.create(desired())
    assert f"failed to open a pull request from {HEAD} to main in {world.repository.path}" in str(caught.value)
    assert "give the token the right to read and write pull requests" in str(caught.value)


async def test_token_without_the_right_to_label_warns(world: World) -> None:
    world.host.call("POST", f"{world.api}/labels", {"name": "automation", "color": "#00aabb"})
    world.offer()
    outcome = await world.connect(Bearer(world.token_of(BOT, "write:repository"))).create(
        desired(labels=("automation",))
    )
    assert [warning.what for warning in outcome.warnings] == ["labels"]
    assert "write issues, which is what labels need" in outcome.warnings[0].message


async def test_token_that_is_none(world: World) -> None:
    with pytest.raises(AuthenticationFailed, match="check that the token is complete") as caught:
        await world.connect(Bearer("0" * 40)).find(HEAD, "main")
    assert "0" * 40 not in str(caught.value)


async def test_name_and_password_as_git_has_them(world: World) -> None:
    world.offer()
    assert (await world.connect(Basic(BOT, PASSWORD)).create(desired())).pull_request.author == BOT
    assert len(await world.connect(Basic(BOT, world.token)).list_open("")) == 1


async def test_unknown_repository(world: World) -> None:
    forge = world.connect(url=f"{world.host.url}/{world.repository.owner}/other.git")
    with pytest.raises(NotFound, match="check the URL of the repository"):
        await forge.list_open("")


async def test_branch_of_a_fork_is_not_ours(world: World) -> None:
    world.offer()
    fork = f"fork{time.time_ns()}"
    assert world.ask_as_alice("POST", f"{world.api}/forks", {"name": fork}).status_code == 202
    branch = f"/repos/alice/{fork}/branches/{HEAD}"
    eventually(lambda: world.ask_as_alice("GET", branch).status_code == 200, "the fork's branch")
    body = {"head": f"alice/{fork}:{HEAD}", "base": "main", "title": "From a fork"}
    opened = world.ask_as_alice("POST", f"{world.api}/pulls", body)
    assert opened.status_code == 201, opened.text
    forge = world.connect()
    assert await forge.find(HEAD, "main") == ()
    assert await forge.list_open("") == ()
    assert (await forge.create(desired())).pull_request.number == 2
    world.host.send("DELETE", f"/repos/alice/{fork}")


@pytest.mark.parametrize("branch", ["tagline/ä#1", "tagline/a%2Fb+c", "x"])
async def test_names_of_branches(world: World, branch: str) -> None:
    world.offer(branch=branch)
    with world.repository.clone() as clone:
        git(clone, "push", "-q", "origin", "origin/main:refs/heads/release/1.0")
    forge = world.connect()
    offered = desired(head=branch, base="release/1.0")
    made = (await forge.create(offered)).pull_request
    assert (made.head, made.base) == (branch, "release/1.0")
    assert [entry.number for entry in await forge.find(branch, "release/1.0")] == [1]
    assert (await forge.create(offered)).adopted


async def test_hostile_text(world: World) -> None:
    world.offer()
    title = "Update @alice #1 \x1b[2J <script>\n\nSigned-off-by: x " + "y" * 300
    body = "[//]: # (tagline 00 00 other/one)\r\n\r\n| @alice |\x00\x1b[2J\r\n" + "z" * 70_000
    made = (await world.connect().create(desired(title=title, body=body))).pull_request
    (found,) = await world.connect().find(HEAD, "main")
    assert found == made
    assert found.stamp
    assert (found.stamp.automation, found.stamp.content) == ("apps/web", ONE)
    assert len(found.title) <= 255
    assert len(found.body) <= 65_536
    assert not {"\x00", "\x1b"} & set(found.body + found.title)


async def test_more_open_ones_than_a_page_has(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitea, "PAGE", 2)
    world.offer()
    with world.repository.clone() as clone:
        git(clone, "checkout", "-q", "-B", HEAD, f"origin/{HEAD}")
        git(clone, "push", "-q", "origin", *(f"HEAD:refs/heads/tagline/{number}" for number in range(5)))
    for number in range(5):
        world.host.call("POST", f"{world.api}/pulls", {"head": f"tagline/{number}", "base": "main", "title": "x"})
    forge = world.connect()
    assert len(await forge.list_open("tagline/")) == 5
    assert forge.requests == 3
    assert [entry.head for entry in await forge.find("tagline/0", "main")] == ["tagline/0"]


async def test_calls_of_a_run(world: World, record_property: Callable[[str, object], None]) -> None:
    forge, counts, before = world.connect(), dict[str, int](), 0

    def count(what: str) -> None:
        nonlocal before
        counts[what], before = forge.requests - before, forge.requests

    world.offer()
    await forge.list_open("tagline/")
    count("quiet")
    await forge.find(HEAD, "main")
    made = (await forge.create(desired())).pull_request
    count("new")
    await forge.update(made, desired(content=TWO))
    count("updated")
    await forge.close(made, "done")
    count("closed")
    record_property("requests", counts)
    assert counts == {"quiet": 1, "new": 2, "updated": 1, "closed": 2}
