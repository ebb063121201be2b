"""`controllers.pullrequests`: on a real Gitea, from a pushed tag to the merge and the next tag."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.cluster import condition, eventually
from e2e.fleet import Fleet
from e2e.objects import automation, deployment, semver_policy
from testing.address import HOST

KIND = "ImageUpdateAutomation"


@dataclass(frozen=True, slots=True)
class Offers:
    """A fleet whose automation makes pull requests, and what people see and do at the forge."""

    fleet: Fleet

    @property
    def head(self) -> str:
        """The branch that an automation's pull request comes from by default."""
        return f"tagline/{self.fleet.space.name}-fleet"

    def begin(self, *, message: str = "", **pull_request: Any) -> None:
        """Apply the automation."""
        git_spec = {"commit": {"author": {"name": "Bot", "email": "bot@example.com"}}}
        if message:
            git_spec["commit"]["messageTemplate"] = message  # type: ignore[assignment]
        spec = {**git_spec, "pullRequest": {"forge": "gitea", **pull_request}}
        automation(self.fleet.space, "fleet", source="fleet", git=spec)

    def run(self) -> dict[str, Any]:
        """Ask for a run and wait for its end."""
        return self.fleet.space.request_and_wait(KIND, "fleet")

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.fleet.repository.host.call(method, f"/repos/{self.fleet.repository.path}{path}", body)

    def list(self, state: str = "open") -> list[dict[str, Any]]:
        """Return the pull requests in a state, newest first."""
        path = f"/repos/{self.fleet.repository.path}/pulls?state={state}&limit=50"
        answer = self.fleet.repository.host.send("GET", path)
        if answer.status_code == 404:  # Gitea says so while one is being made
            return []
        found: list[dict[str, Any]] = answer.json()
        return found

    def wait_open(self, title: str, *, count: int = 1) -> dict[str, Any]:
        """Return the pull request with a title, once there is exactly so many."""

        def probe() -> dict[str, Any] | None:
            found = self.list()
            named = [one for one in found if one["title"] == title]
            return named[0] if named and len(found) == count else None

        found = eventually(probe, what=f"pull request {title}")
        assert found is not None
        return found

    def merge(self, number: int, method: str = "merge", *, delete: bool = False) -> None:
        """Merge as a person does, once Gitea knows that it can."""
        path = f"/repos/{self.fleet.repository.path}/pulls/{number}/merge"
        body = {"Do": method, "delete_branch_after_merge": delete}

        def probe() -> bool:
            return self.fleet.repository.host.send("POST", path, body).status_code == 200

        eventually(probe, what=f"merge of #{number}")

    def close(self, number: int) -> None:
        """Close as a person does."""
        self.call("PATCH", f"/pulls/{number}", {"state": "closed"})

    def wait_status(self, number: int, state: str) -> dict[str, Any]:
        """Return what the status says of a pull request, once it is in a state."""

        def find(found: dict[str, Any]) -> dict[str, Any]:
            entries = found.get("status", {}).get("pullRequests", [])
            return next((one for one in entries if one["number"] == number and one["state"] == state), {})

        return find(self.fleet.space.wait(KIND, "fleet", lambda o: bool(find(o)), what=f"#{number} {state}"))


@pytest.fixture
def offers(fleet: Fleet) -> Offers:
    return Offers(fleet)


def test_life_of_a_pull_request_from_tag_to_tag(offers: Offers) -> None:
    fleet, main = offers.fleet, offers.fleet.repository.head()
    offers.begin(labels=["deps"])
    first = offers.wait_open("Update app to 1.0.1")
    assert (first["base"]["ref"], first["head"]["ref"], fleet.repository.head()) == ("main", offers.head, main)
    assert "app:1.0.1 #" in fleet.repository.file("app.yaml", offers.head)
    assert f"| `{fleet.image}` | `1.0.0` | `1.0.1` |" in first["body"]
    record = offers.wait_status(first["number"], "Open")
    assert (record["url"], record["branch"], record["policies"]) == (first["html_url"], offers.head, ["app"])
    assert record["head"] == fleet.repository.head(offers.head)
    fleet.space.wait_event(KIND, "fleet", type="Normal", reason="Succeeded", message=f"opened.*{first['html_url']}")

    fleet.push_tag("1.0.2")
    second = offers.wait_open("Update app to 1.0.2")
    assert second["number"] == first["number"]
    assert "app:1.0.2 #" in fleet.repository.file("app.yaml", offers.head)
    before = fleet.repository.head(offers.head)
    offers.run()
    assert (fleet.repository.head(offers.head), len(offers.list("all"))) == (before, 1)

    offers.merge(first["number"], "squash")
    offers.run()
    offers.wait_status(first["number"], "Merged")
    assert "app:1.0.2 #" in fleet.repository.file("app.yaml")
    assert offers.list() == []
    offers.run()
    assert len(offers.list("all")) == 1

    fleet.push_tag("1.0.3")
    third = offers.wait_open("Update app to 1.0.3")
    assert third["number"] != first["number"]
    offers.merge(third["number"], "rebase", delete=True)
    offers.run()
    offers.wait_status(third["number"], "Merged")
    found = fleet.space.wait_ready(KIND, "fleet", message="no pull request is open")
    assert [one["state"] for one in found["status"]["pullRequests"]] == ["Merged", "Merged"]


def test_human_commit_is_never_lost(offers: Offers) -> None:
    offers.begin()
    number = offers.wait_open("Update app to 1.0.1")["number"]
    theirs = offers.fleet.repository.commit({"human.md": "mine\n"}, "By hand", branch=offers.head)
    offers.fleet.push_tag("1.0.2")
    offers.fleet.space.wait_ready("ImagePolicy", "app", message="1.0.2")
    offers.run()
    record = offers.wait_status(number, "Open")
    assert offers.fleet.repository.head(offers.head) == theirs
    assert f"has commit {theirs[:8]} by A Person, and is left alone" in record["message"]
    offers.fleet.space.wait_event(KIND, "fleet", type="Warning", reason="ForeignCommit", message=theirs[:8])
    offers.merge(number)
    offers.run()
    offers.wait_open("Update app to 1.0.2")
    assert offers.fleet.repository.file("human.md") == "mine\n"


def test_closed_by_a_person_is_an_answer_until_there_is_a_newer_image(offers: Offers) -> None:
    offers.begin()
    number = offers.wait_open("Update app to 1.0.1")["number"]
    offers.close(number)
    for _ in range(2):
        offers.run()
        assert offers.list() == []
    offers.wait_status(number, "Closed")
    offers.fleet.push_tag("1.0.2")
    assert offers.wait_open("Update app to 1.0.2")["number"] != number


def test_what_the_base_has_already_is_closed_and_its_branch_goes(offers: Offers) -> None:
    offers.begin()
    number = offers.wait_open("Update app to 1.0.1")["number"]
    fleet = offers.fleet
    fleet.repository.commit({"app.yaml": deployment(f"{fleet.image}:1.0.1", fleet.marker)}, "By hand")
    offers.run()
    offers.wait_status(number, "Closed")
    assert (offers.list(), fleet.repository.head(offers.head)) == ([], "")
    assert len(offers.list("all")) == 1


def test_base_branch_is_protected_and_head_branch_is_not(offers: Offers) -> None:
    protection = {"rule_name": "main", "branch_name": "main", "enable_push": False, "required_approvals": 1}
    offers.call("POST", "/branch_protections", protection)
    offers.begin()
    offers.wait_open("Update app to 1.0.1")
    offers.fleet.space.wait_ready(KIND, "fleet", message="pull request")


def test_each_policy_has_its_own(offers: Offers) -> None:
    fleet = offers.fleet
    fleet.repository.commit({"old.yaml": deployment(f"{fleet.image}:0.1.0", f"{fleet.space.name}:old", "old")}, "Add")
    semver_policy(fleet.space, "old", "<=1.0.0", repository="app")
    offers.begin(groupBy="policy", titleTemplate="{{ .Policy }}", branch="up/{{ .Policy }}")
    eventually(lambda: sorted(one["title"] for one in offers.list()) == ["app", "old"], what="two pull requests")
    assert "app:0.1.0 #" in fleet.repository.file("old.yaml", "up/app")
    assert "app:1.0.0 #" in fleet.repository.file("app.yaml", "up/old")
    fleet.space.patch(KIND, "fleet", {"git": {"pullRequest": {"groupBy": "automation", "branch": "up/all"}}})
    eventually(lambda: [one["head"]["ref"] for one in offers.list()] == ["up/all"], what="one in place of two")
    eventually(lambda: not (fleet.repository.head("up/app") or fleet.repository.head("up/old")), what="no old branches")


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        pytest.param(("read:repository",), "token", id="may-not-write"),
        pytest.param(("write:package",), "token", id="may-not-read"),
    ],
)
def test_token_without_rights_is_a_condition_that_says_what_to_do(
    offers: Offers, scopes: tuple[str, ...], words: str
) -> None:
    token = offers.fleet.repository.host.create_token(f"{offers.fleet.space.name}-weak", scopes)
    offers.fleet.space.apply("Secret", "forge", stringData={"token": token})
    offers.begin(secretRef={"name": "forge"})
    found = offers.fleet.space.wait_not_ready(KIND, "fleet", reason="PullRequestFailed")
    message = condition(found, "Ready")["message"]
    assert message.startswith("Gitea (")
    assert "failed to " in message
    assert words in message
    assert token not in str(found)


def test_forge_that_is_down_loses_nothing(offers: Offers) -> None:
    offers.begin()
    number = offers.wait_open("Update app to 1.0.1")["number"]
    offers.wait_status(number, "Open")
    space = offers.fleet.space
    space.patch(KIND, "fleet", {"git": {"pullRequest": {"api": f"http://{HOST}:9/api/v1"}}})
    found = space.wait_not_ready(KIND, "fleet", reason="PullRequestFailed")
    assert [one["number"] for one in found["status"]["pullRequests"]] == [number]
    space.patch(KIND, "fleet", {"git": {"pullRequest": {"api": None}}})
    space.wait_ready(KIND, "fleet")
    assert [one["number"] for one in offers.list("all")] == [number]


def test_field_that_is_removed_leaves_the_open_one_and_says_so(offers: Offers) -> None:
    offers.begin()
    number = offers.wait_open("Update app to 1.0.1")["number"]
    offers.wait_status(number, "Open")
    offers.fleet.space.patch(KIND, "fleet", {"git": {"pullRequest": None}})
    offers.fleet.wait_commits(2)
    found = offers.fleet.space.wait_ready(KIND, "fleet", message=f"left open: #{number}")
    assert "pullRequests" not in found["status"]
    assert [one["number"] for one in offers.list()] == [number]


def test_rules_of_the_schema(offers: Offers) -> None:
    with _refused("cannot be combined with git.pullRequest"):
        automation(
            offers.fleet.space,
            "bad",
            source="fleet",
            git={"commit": {"author": {"email": "a@example.com"}}, "push": {"branch": "x"}, "pullRequest": {}},
        )
    with _refused("a draft is not merged"):
        offers.begin(draft=True, autoMerge={"method": "squash"})
    with _refused("holdReverted cannot be combined"):
        automation(
            offers.fleet.space,
            "bad",
            source="fleet",
            git={"commit": {"author": {"email": "a@example.com"}}, "pullRequest": {}},
            update={"holdReverted": True},
        )


@contextmanager
def _refused(words: str) -> Iterator[None]:
    with pytest.raises(Exception, match=words):
        yield
