import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.bootstrap import credentials
from cli.bootstrap.repository import Repository
from cli.grammar.session import Failed, Reporter
from controllers.git.remote import Basic, Remote
from testing.bootstrap_flags import wishes
from testing.certificates import create_authority, issue_server_key_pair
from testing.gitserver import GitServer, git_server

NOW = datetime(2026, 1, 5, 11, tzinfo=UTC)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path) as running:
        yield running


class Desk:
    """A repository of a server, opened for a bootstrap."""

    def __init__(self, server: GitServer, *, branch: str = "main") -> None:
        self.said = io.StringIO()
        self.pauses: list[float] = []
        url = f"{server.url}/fleet.git"
        asked = wishes(url=url, allow_insecure_http=True, branch=branch, commit_message_appendix="[skip ci]")
        remote = Remote(url, credentials=Basic("git", "hunter2"))
        self.opened = Repository(remote, asked, Reporter(self.said), sleep=self.pauses.append, now=lambda: NOW)


def commit(repository: Repository, files: Mapping[str, bytes]) -> bool:
    return repository.commit("manifests", "Add it", files, lambda _: files)


def test_an_empty_repository_gets_the_branch(server: GitServer) -> None:
    bare = server.repository("fleet")
    desk = Desk(server)
    with desk.opened as repository:
        repository.clone()
        repository.check_push()
        assert repository.read(["a"]) == {}
        assert commit(repository, {"a": b"1"})
        assert not commit(repository, {"a": b"1"})
        assert repository.read(["a"]) == {"a": b"1"}
        assert repository.revision == f"main@sha1:{bare.head()}"
    assert bare.git("log", "-1", "--format=%an <%ae>, %cI%n%B") == (
        "Flux <>, 2026-01-05T11:00:00+00:00\nAdd it\n\n[skip ci]"
    )
    assert desk.said.getvalue().splitlines()[0].startswith('✔ committed manifests to "main" ("')


def test_a_missing_branch_of_a_filled_repository_is_refused_after_one_more_look(server: GitServer) -> None:
    server.repository("fleet").commit({"README.md": "hello"})
    desk = Desk(server, branch="flux")
    with desk.opened as repository, pytest.raises(Failed, match=r'couldn\'t find remote ref "refs/heads/flux"'):
        repository.clone()
    assert desk.said.getvalue().count("clone failure") == 2
    assert desk.pauses == [2.0]


def test_a_wrong_password_is_not_tried_twice(server: GitServer) -> None:
    server.repository("fleet")
    server.login = ("git", "another")
    desk = Desk(server)
    with desk.opened as repository, pytest.raises(Failed, match="--username and --password") as caught:
        repository.clone()
    assert desk.pauses == []
    assert "hunter2" not in str(caught.value)


def test_when_somebody_else_was_faster_it_is_done_again_on_top(server: GitServer) -> None:
    bare = server.repository("fleet")
    bare.commit({"kustomization.yaml": "old", "other": "1"})
    seen: list[bytes] = []
    desk = Desk(server)

    def make(existing: Mapping[str, bytes]) -> Mapping[str, bytes]:
        seen.append(existing["kustomization.yaml"])
        if len(seen) == 1:
            bare.commit({"kustomization.yaml": "new", "other": "2"})
        return {"kustomization.yaml": existing["kustomization.yaml"] + b"+line"}

    with desk.opened as repository:
        repository.clone()
        assert repository.commit("manifests", "Add it", ["kustomization.yaml"], make)
    assert seen == [b"old", b"new"]
    assert (bare.read("kustomization.yaml"), bare.read("other")) == (b"new+line", b"2")
    assert '"main" has moved meanwhile' in desk.said.getvalue()


def test_what_the_server_says_of_a_refused_push_is_told(server: GitServer) -> None:
    bare = server.repository("fleet")
    bare.commit({"a": "1"})
    bare.hook("pre-receive", "echo 'change freeze until Monday' >&2\nexit 1\n")
    with Desk(server).opened as repository:
        repository.clone()
        with pytest.raises(Failed, match=r"failed to push manifests: .*change freeze until Monday"):
            commit(repository, {"a": b"2"})
    assert bare.read("a") == b"1"


def test_a_file_where_a_folder_is_to_be_is_refused_before_the_push(server: GitServer) -> None:
    server.repository("fleet").commit({"a": "1"})
    with Desk(server).opened as repository:
        repository.clone()
        with pytest.raises(Failed, match="a: is there already"):
            commit(repository, {"a/b": b"2"})


def test_a_host_of_an_own_authority_is_believed_with_its_file(tmp_path: Path) -> None:
    authority = create_authority("git")
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    tls = issue_server_key_pair(authority, "127.0.0.1").server_context()
    with GitServer(tmp_path, tls=tls) as server:
        server.repository("fleet").commit({"a": "1"})
        url = f"https://127.0.0.1:{server.port}/fleet.git"
        for ca_file in ("", str(tmp_path / "ca.pem")):
            asked = wishes(url=url, ca_file=ca_file)
            remote = credentials.remote_of(asked, None, seconds=10)
            with Repository(remote, asked, Reporter(io.StringIO()), sleep=lambda _: None) as repository:
                if not ca_file:
                    with pytest.raises(Failed, match="certificate"):
                        repository.clone()
                    continue
                repository.clone()
                assert repository.read(["a"]) == {"a": b"1"}
