from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cligolden.bootstrap import flag, namespace_of
from hack.cligolden.bootstrap_result import commits_of, files_differences
from hack.cligolden.cases import Case, StoredFile
from hack.cligolden.compare import Places
from hack.cligolden.outcome import NotPlayed
from hack.cligolden.repository import Repository
from hack.cligolden.statuses import ready_status, statuses_of
from hack.githttp import GitHttpServer


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Yield a repository with one file on branch main."""
    with GitHttpServer(tmp_path) as server:
        made = Repository(server, tmp_path)
        made.renew({"clusters/a.yaml": "a: ${b}\n"})
        yield made


def test_commits_are_told_from_a_head_on(repository: Repository) -> None:
    [commit] = commits_of(repository, "main", "")
    assert commit == {
        "author": "someone <someone@example.com>",
        "committer": "someone <someone@example.com>",
        "message": "begin",
        "files": ["A clusters/a.yaml"],
        "signed": False,
    }
    assert commits_of(repository, "main", repository.head("main")) == []
    assert commits_of(repository, "other", "") == []


def test_files_are_compared_whole(repository: Repository) -> None:
    files = repository.files("main")
    assert files_differences({"clusters/a.yaml": StoredFile(content="a: ${b}\n")}, files, Places()) == []
    assert files_differences({"clusters/a.yaml": StoredFile(content="a: ${b}")}, files, Places())
    assert files_differences({}, files, Places())
    assert files_differences({"b.yaml": StoredFile(content="")}, {}, Places())
    assert repository.files("other") == {}


@pytest.mark.parametrize(
    ("words", "namespace"), [("-n gitops", "gitops"), ("--namespace=ops --path=x", "ops"), ("--path x", "flux-system")]
)
def test_the_namespace_is_read_from_the_command_line(words: str, namespace: str) -> None:
    case = Case("x", tuple(words.split()), 0, "")
    assert namespace_of(case) == namespace


def test_the_last_value_of_a_flag_counts() -> None:
    assert flag(["--branch=a", "--branch", "b"], "--branch", "main") == "b"
    assert flag(["--branch"], "--branch", "main") == "main"


def test_the_script_is_told_whose_statuses_it_sets() -> None:
    assert statuses_of("statuses set ready by a script: GitRepository, Deployments") == ("GitRepository", "Deployment")
    assert statuses_of("") == ()
    with pytest.raises(NotPlayed):
        statuses_of("statuses set ready by a script: HelmRelease")
    with pytest.raises(NotPlayed):
        statuses_of("real ones")


def test_statuses_are_of_the_objects_generation() -> None:
    item = {"metadata": {"generation": 2}, "spec": {"replicas": 3}}
    assert ready_status("Deployment", item, "")["availableReplicas"] == 3
    assert ready_status("GitRepository", item, "main@sha1:1")["artifact"]["revision"] == "main@sha1:1"
    kustomization = ready_status("Kustomization", item, "main@sha1:1")
    assert (kustomization["observedGeneration"], kustomization["lastAppliedRevision"]) == (2, "main@sha1:1")
