"""`controllers.git`: repositories with SHA-256 object names, served by `git http-backend` and by the Git host.

The Git host makes such repositories when its machine has Git 2.42 or newer; its tests are left out elsewhere.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.fleet import Fleet
from e2e.git_fixtures import (
    forget_push,
    git_host_address,
    gitea_ssh_port,
    known_hosts,
    move_to,
    needs_keyscan,
    ssh_identity,
    start,
    wait_image,
)
from e2e.objects import automation, deployment
from hack.githost import GitHost, UnsupportedObjectFormat, git
from testing.gitserver import BareRepository, GitServer, Request

AUTHOR = {"name": "Image Bot", "email": "bot@example.com"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as serving:
        yield serving


@pytest.fixture
def bare(server: GitServer) -> BareRepository:
    return server.repository("org/fleet", object_format="sha256")


@pytest.fixture
def served(fleet: Fleet, server: GitServer, bare: BareRepository) -> Iterator[Fleet]:
    """Yield a fleet whose repository is served by `git http-backend`."""
    start(bare, fleet)
    host = GitHost(server.url, "org", "")
    repository = host.repository("fleet", object_format="sha256")
    move_to(fleet, repository.url)
    yield Fleet(fleet.space, repository, fleet.image, fleet.pusher)
    host.close()


@pytest.fixture
def hosted(fleet: Fleet, git_host: GitHost) -> Iterator[Fleet]:
    """Yield a fleet whose repository is one of the Git host's."""
    name = f"{fleet.space.name}-sha256"
    files = {"app.yaml": deployment(f"{fleet.image}:1.0.0", fleet.marker)}
    try:
        repository = git_host.create_repository(name, files, object_format="sha256")
    except UnsupportedObjectFormat as e:
        pytest.skip(f"the Git host needs Git 2.42 or newer for this: {e}")
    fleet.space.patch("GitRepository", "fleet", {"url": repository.url})
    yield Fleet(fleet.space, repository, fleet.image, fleet.pusher)
    git_host.delete_repository(name)


def check(fleet: Fleet, tag: str, commits: int) -> None:
    """Assert that the tag is in Git, that Git finds nothing wrong, and that the status agrees with Git."""
    fleet.wait_commits(commits)
    assert f":{tag} #" in fleet.repository.file("app.yaml")
    with fleet.repository.clone() as clone:
        git(clone, "fsck", "--strict")
    head = fleet.repository.head()
    assert len(head) == 64
    status = fleet.space.request_and_wait("ImageUpdateAutomation", "fleet")["status"]
    assert status["lastPushCommit"] == head
    assert status["observedSourceRevision"] == f"main@sha256:{head}"
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message=head[:7])


def check_updates(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet")
    check(fleet, "1.0.1", 2)
    fleet.push_tag("1.0.2")
    check(fleet, "1.0.2", 3)


def test_updates_over_http(served: Fleet) -> None:
    check_updates(served)


def test_updates_on_the_git_host(hosted: Fleet) -> None:
    check_updates(hosted)


@needs_keyscan
def test_updates_on_the_git_host_over_ssh(hosted: Fleet, git_host: GitHost) -> None:
    identity, path = ssh_identity(), f"{git_host.user}/{hosted.repository.name}"
    git_host.call("POST", f"/repos/{path}/keys", {"title": "bot", "key": identity.public, "read_only": False})
    host, port = git_host_address(git_host), gitea_ssh_port()
    secret = {"identity": identity.private, "known_hosts": known_hosts(port, host)}
    move_to(hosted, f"ssh://git@{host}:{port}/{path}.git", secret=secret)
    check_updates(hosted)


def test_one_commit_is_checked_out(served: Fleet, bare: BareRepository) -> None:
    commit = bare.head()
    bare.commit({"other.txt": "later\n"})
    served.space.patch("GitRepository", "fleet", {"ref": {"branch": None, "commit": commit}})
    automation(served.space, "fleet", source="fleet", push={"branch": "auto"})
    served.wait_commits(2, "auto")
    found = served.space.wait_ready("ImageUpdateAutomation", "fleet")
    assert found["status"]["observedSourceRevision"] == f"sha256:{commit}"
    assert found["status"]["lastPushCommit"] == bare.head("auto")


def test_somebody_else_is_faster(served: Fleet, server: GitServer, bare: BareRepository) -> None:
    def push_first(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("git-receive-pack"):
            server.respond = lambda _: None
            bare.commit({"other.txt": "theirs\n"}, message="Theirs")

    server.respond = push_first
    automation(served.space, "fleet", source="fleet")
    check(served, "1.0.1", 3)
    assert served.repository.messages()[1] == "Theirs"


def test_repository_made_anew_with_sha1_is_followed(served: Fleet, server: GitServer, bare: BareRepository) -> None:
    automation(served.space, "fleet", source="fleet")
    check(served, "1.0.1", 2)
    bare.path.rename(bare.path.with_name("former"))
    replaced = server.repository("org/fleet")
    start(replaced, served)
    status = served.space.request_and_wait("ImageUpdateAutomation", "fleet")["status"]
    wait_image(replaced, served, "1.0.1")
    replaced.git("fsck", "--strict")
    assert status["lastPushCommit"] == replaced.head()
    assert status["observedSourceRevision"] == f"main@sha1:{replaced.head()}"


def test_signature_is_verified_by_git(served: Fleet) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("git verifies SSH signatures with ssh-keygen")
    identity = ssh_identity()
    served.space.apply("Secret", "signing", stringData={"identity": identity.private})
    key = {"secretRef": {"name": "signing"}, "type": "ssh"}
    commit = {"author": AUTHOR, "messageTemplate": "Update images", "signingKey": key}
    automation(served.space, "fleet", source="fleet", git={"commit": commit})
    check(served, "1.0.1", 2)
    with served.repository.clone() as clone:
        (clone / "allowed").write_text(f'{AUTHOR["email"]} namespaces="git" {identity.public}\n')
        options = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={clone}/allowed")
        git(clone, *options, "verify-commit", "origin/main")


def test_push_that_no_status_mentions_is_recorded_and_not_repeated(served: Fleet) -> None:
    automation(served.space, "fleet", source="fleet")
    served.wait_commits(2)
    served.space.wait_ready("ImageUpdateAutomation", "fleet")
    forget_push(served)
    check(served, "1.0.1", 2)


def test_value_that_was_put_back_is_held(served: Fleet) -> None:
    automation(served.space, "fleet", source="fleet", update={"holdReverted": True})
    served.wait_commits(2)
    served.space.wait_ready("ImageUpdateAutomation", "fleet")
    with served.repository.clone() as clone:
        git(clone, "checkout", "-q", "-B", "main", "origin/main")
        git(clone, "revert", "--no-edit", "HEAD")
        git(clone, "push", "-q", "origin", "HEAD:refs/heads/main")
    found = served.space.request_and_wait("ImageUpdateAutomation", "fleet")
    assert [finding["reason"] for finding in found["status"]["findings"]] == ["HeldBack"]
    served.push_tag("1.0.2")
    check(served, "1.0.2", 4)
