"""`testing.history`: what judges every test at real servers, commits included, finds what a test breaks."""

import json

import pytest

from e2e.cluster import Space
from e2e.commits import JudgedHost
from e2e.conftest import Parts
from e2e.kubeapi import KubeApi
from e2e.objects import deployment, image_repository
from hack.controllers import Kubectl
from hack.githost import Repository, git
from testing.history import History, Part
from testing.observer import Observer


def write_status(space: Space, name: str, observed: int) -> None:
    patch = json.dumps({"status": {"observedGeneration": observed}})
    space.kubectl(
        "patch", "imagerepository", name, "-n", space.name, "--subresource=status", "--type=merge", "-p", patch
    )


@pytest.mark.unobserved("it writes a status by hand that is wrong")
def test_a_wrong_status_is_found_also_of_an_object_that_is_gone(
    kubectl: Kubectl, kube_api: KubeApi, namespace: str, history: History, request: pytest.FixtureRequest
) -> None:
    assert "_observed" in request.fixturenames  # as in any test
    space = Space(kubectl, kube_api, namespace)
    mine = History(lambda: Observer(kube_api.url))
    try:
        mine.begin(Part("this test"))
        image_repository(space, "app", "127.0.0.1:1/app", suspend=True)
        image_repository(space, "gone", "127.0.0.1:1/app", suspend=True)
        assert mine.check() == []
        write_status(space, "app", 7)
        write_status(space, "gone", 8)
        space.delete("ImageRepository", "gone")
        found = [text for text in mine.check() if not text.startswith(" ")]
    finally:
        mine.close()
    assert len(found) == 2
    assert any(f"{space.name}/app: 7 is ahead of generation 1" in text for text in found)
    assert any(f"{space.name}/gone: 8 is ahead of generation 1" in text for text in found)
    assert history.check() == []  # they are exempt in the session's history


def test_objects_of_other_tests_are_judged(space: Space, history: History) -> None:
    before = history.judged
    image_repository(space, "app", "127.0.0.1:1/app", suspend=True)
    history.require()
    assert history.judged > before


def test_a_commit_that_changes_more_than_marked_scalars_is_found(parts: Parts, namespace: str) -> None:
    host = JudgedHost(parts.git_url, parts.git_user, parts.git_password)
    try:
        marked = deployment("reg/app:1.0.0", "ns:app")
        repository = host.create_repository(namespace, {"app.yaml": marked, "notes.md": "as they were\n"})
        host.require()
        repository.commit({"notes.md": "by a person\n"}, "By hand")
        commit_as_automation(repository, {"app.yaml": marked.replace("1.0.0", "1.0.1")})
        host.require()
        commit_as_automation(repository, {"app.yaml": marked.replace("1.0.0", "1.0.2"), "notes.md": "by nobody\n"})
        with pytest.raises(AssertionError, match=r"notes\.md differs in more than marked scalars"):
            host.require()
    finally:
        host.delete_repository(namespace)
        host.close()


def commit_as_automation(repository: Repository, files: dict[str, str]) -> None:
    with repository.clone() as clone:
        git(clone, "checkout", "-q", "-B", "main", "origin/main")
        for path, content in files.items():
            (clone / path).write_text(content)
        git(clone, "commit", "-q", "-a", "-m", "Update", "--author=Bot <bot@example.com>")
        git(clone, "push", "-q", "origin", "HEAD:refs/heads/main")
