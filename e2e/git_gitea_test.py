"""`controllers.git`: a real Git host over HTTP, what it refuses, and what becomes of its branches."""

import pytest

from e2e.cluster import eventually
from e2e.fleet import Fleet
from e2e.git_fixtures import forget_push, move_to
from e2e.objects import automation, deployment
from hack.githost import GitHost, git


def refused(fleet: Fleet, message: str) -> None:
    fleet.space.wait_not_ready("ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message=message)


def test_protected_branch_is_refused_in_the_hosts_words(fleet: Fleet, git_host: GitHost) -> None:
    rules = f"/repos/{git_host.user}/{fleet.repository.name}/branch_protections"
    git_host.call("POST", rules, {"branch_name": "main", "rule_name": "main", "enable_push": False})
    automation(fleet.space, "fleet", source="fleet")
    refused(fleet, "refs/heads/main: .*[Nn]ot allowed to push to protected branch main")
    assert len(fleet.repository.messages()) == 1
    git_host.call("PATCH", f"{rules}/main", {"enable_push": True})
    fleet.space.request("ImageUpdateAutomation", "fleet")
    fleet.wait_commits(2)


def test_hook_that_refuses_is_quoted(fleet: Fleet, git_host: GitHost) -> None:
    hook = f"/repos/{git_host.user}/{fleet.repository.name}/hooks/git/pre-receive"
    git_host.call("PATCH", hook, {"content": "#!/bin/sh\necho 'change freeze until Monday' >&2\nexit 1\n"})
    automation(fleet.space, "fleet", source="fleet")
    refused(fleet, "pre-receive hook declined: .*change freeze until Monday")
    git_host.call("PATCH", hook, {"content": ""})
    fleet.space.request("ImageUpdateAutomation", "fleet")
    fleet.wait_commits(2)


def test_login_that_is_wrong_and_then_right(fleet: Fleet, git_host: GitHost) -> None:
    move_to(fleet, fleet.repository.url, secret={"username": git_host.user, "password": "guessed"})
    automation(fleet.space, "fleet", source="fleet")
    found = fleet.space.wait_not_ready(
        "ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message="authentication|authorization"
    )
    assert "guessed" not in str(found["status"])
    fleet.space.apply("Secret", "elsewhere", stringData={"username": git_host.user, "password": git_host.password})
    fleet.space.request("ImageUpdateAutomation", "fleet")
    fleet.wait_commits(2)


def test_empty_repository_is_reported_and_filled_later(fleet: Fleet, git_host: GitHost) -> None:
    empty = git_host.create_repository(f"{fleet.space.name}-empty", {})
    fleet.space.patch("GitRepository", "fleet", {"url": empty.url})
    automation(fleet.space, "fleet", source="fleet")
    refused(fleet, "remote repository is empty")
    empty.commit({"app.yaml": deployment(f"{fleet.image}:1.0.0", fleet.marker)}, "Start")
    fleet.space.request("ImageUpdateAutomation", "fleet")
    eventually(lambda: len(empty.messages()) == 2, what="the update of the repository that was empty")
    git_host.delete_repository(empty.name)


@pytest.mark.parametrize(
    "branch",
    [
        pytest.param("trunk", id="not-main"),
        pytest.param("teams/red/next", id="slashes"),
        pytest.param("größe/分支", id="not-ascii"),
    ],
)
def test_branch_of_any_name(fleet: Fleet, branch: str) -> None:
    fleet.repository.commit({}, "Branch off", branch=branch, base="main")
    fleet.space.patch("GitRepository", "fleet", {"ref": {"branch": branch}})
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(3, branch)
    found = fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
    assert found["status"]["observedSourceRevision"] == f"{branch}@sha1:{fleet.repository.head(branch)}"
    assert len(fleet.repository.messages()) == 1


def test_push_branch_of_any_name_is_created(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet", push={"branch": "bilder/größe"})
    fleet.wait_commits(2, "bilder/größe")


def test_rewritten_history_is_followed(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    with fleet.repository.clone() as clone:
        git(clone, "checkout", "-q", "--orphan", "new", "origin/main")
        (clone / "app.yaml").write_text(deployment(f"{fleet.image}:1.0.0", fleet.marker))
        git(clone, "add", "-A")
        git(clone, "commit", "-q", "-m", "Another past")
        git(clone, "push", "-q", "--force", "origin", "HEAD:refs/heads/main")
    fleet.space.request("ImageUpdateAutomation", "fleet")
    messages = fleet.wait_commits(2)
    assert messages == ["Update images", "Another past"]
    assert "app:1.0.1 #" in fleet.repository.file("app.yaml")


def test_repository_that_moved_is_followed(fleet: Fleet, git_host: GitHost) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    files = {"app.yaml": deployment(f"{fleet.image}:1.0.0", fleet.marker)}
    other = git_host.create_repository(f"{fleet.space.name}-moved", files)
    fleet.space.patch("GitRepository", "fleet", {"url": other.url})
    eventually(lambda: len(other.messages()) == 2, what="the update of the new place")
    assert len(fleet.repository.messages()) == 2
    git_host.delete_repository(other.name)


def test_push_options_reach_the_host(fleet: Fleet) -> None:
    """Gitea makes a repository private for `repo.private=true`."""
    options = {"repo.private": "false"}
    automation(fleet.space, "fleet", source="fleet", push={"options": options})
    fleet.wait_commits(2)
    host = fleet.repository.host
    eventually(
        lambda: not host.call("GET", f"/repos/{host.user}/{fleet.repository.name}")["private"],
        what="the repository to become public",
    )


def test_refspec_opens_a_pull_request(fleet: Fleet) -> None:
    """Expect a pull request for a push to `refs/for/<branch>`; such a ref never shows up in the host's lists."""
    push = {"branch": "auto", "refspec": "refs/heads/auto:refs/for/main", "options": {"topic": "images"}}
    automation(fleet.space, "fleet", source="fleet", push=push)
    fleet.wait_commits(2, "auto")
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message="and refspecs")
    host = fleet.repository.host
    (pull,) = host.call("GET", f"/repos/{host.user}/{fleet.repository.name}/pulls")["items"]
    assert pull["head"]["sha"] == fleet.repository.head("auto")
    assert len(fleet.repository.messages()) == 1


def test_push_that_no_status_mentions_is_found_below_commits_of_others(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
    ours = fleet.repository.head()
    for number in range(3):
        fleet.repository.commit({"notes.md": f"{number}\n"}, f"Note {number}")
    forget_push(fleet)
    found = fleet.space.request_and_wait("ImageUpdateAutomation", "fleet")
    assert len(fleet.repository.messages()) == 5
    assert found["status"]["lastPushCommit"] == ours
    assert found["status"]["observedSourceRevision"] == f"main@sha1:{fleet.repository.head()}"


def test_push_that_no_status_mentions_is_recorded_and_not_repeated(fleet: Fleet) -> None:
    """The status is what it was before the run, as after a crash between push and status."""
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
    forget_push(fleet)
    found = fleet.space.request_and_wait("ImageUpdateAutomation", "fleet")
    assert len(fleet.repository.messages()) == 2
    head = fleet.repository.head()
    assert found["status"]["lastPushCommit"] == head
    assert found["status"]["observedSourceRevision"] == f"main@sha1:{head}"
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message=f"pushed commit '{head}'")
