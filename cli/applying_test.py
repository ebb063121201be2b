"""Applying, on a cluster in memory."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_REPOSITORIES, SECRETS
from cli.applying import apply_secret, upsert
from cli.grammar.run import parse
from cli.grammar.session import Failed
from cli.grammar.tree import Command, find
from cli.main import build_root
from cli.verbs.create import COMMAND
from controllers.runtime.kube.errors import Conflict
from testing.cluster import FakeCluster, session_on
from testing.sshserver import HOST, SshServer

REPOSITORY = ("image", "repository", "app", "--image=ghcr.io/org/app")
POLICY = ("image", "policy", "app", "--image-ref=app")
GIT = ("source", "git", "app", "--url=https://git.example.com/app", "--branch=main")
READY = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "done"}


def run(cluster: FakeCluster, *arguments: str, **values: Any) -> list[str]:
    """Do what a command of `create` says, and return what it tells."""
    found = find(build_root(), ["create", *arguments])
    assert isinstance(found.node, Command)
    flags, rest, _ = parse(found, found.node)
    own = {str(flag.name) for flag in (*found.node.flags, *COMMAND.flags)}
    with session_on(cluster, namespace="apps", **values) as (session, said):
        found.node.run(session, rest, **{name: value for name, value in flags.items() if name in own})
    return said.getvalue().splitlines()


def test_an_object_is_created_and_waited_for() -> None:
    cluster = FakeCluster()
    cluster.steps = [lambda at: at.set_status(IMAGE_REPOSITORIES, "apps", "app", conditions=[READY])]
    assert run(cluster, *REPOSITORY, "--label=a=b") == [
        "✚ generating ImageRepository",
        "► applying ImageRepository",
        "✔ ImageRepository created",
        "◎ waiting for ImageRepository reconciliation",
        "✔ ImageRepository reconciliation completed",
    ]
    stored = cluster.stored(IMAGE_REPOSITORIES, "apps", "app")
    assert stored is not None
    assert stored["metadata"]["labels"] == {"a": "b"}
    assert stored["spec"] == {"image": "ghcr.io/org/app", "interval": "1m0s"}


def test_spec_and_labels_of_an_object_that_is_there_are_replaced_and_its_annotations_stay() -> None:
    cluster = FakeCluster()
    metadata = {"name": "app", "namespace": "apps", "labels": {"old": "x"}, "annotations": {"note": "mine"}}
    cluster.put(IMAGE_REPOSITORIES, {"metadata": metadata, "spec": {"image": "old/app", "insecure": True}})
    cluster.steps = [lambda at: at.set_status(IMAGE_REPOSITORIES, "apps", "app", conditions=[READY])]
    assert "✔ ImageRepository updated" in run(cluster, *REPOSITORY)
    stored = cluster.stored(IMAGE_REPOSITORIES, "apps", "app")
    assert stored is not None
    assert "labels" not in stored["metadata"]
    assert stored["metadata"]["annotations"] == {"note": "mine"}
    assert stored["spec"] == {"image": "ghcr.io/org/app", "interval": "1m0s"}


def test_an_object_that_is_as_asked_for_is_not_written() -> None:
    cluster = FakeCluster()
    metadata = {"name": "app", "namespace": "apps"}
    cluster.put(IMAGE_REPOSITORIES, {"metadata": metadata, "spec": {"image": "ghcr.io/org/app", "interval": "1m0s"}})
    cluster.set_status(IMAGE_REPOSITORIES, "apps", "app", conditions=[READY])
    assert run(cluster, *REPOSITORY)[1:3] == [
        "► applying ImageRepository",
        "◎ waiting for ImageRepository reconciliation",
    ]
    assert not [request for request in cluster.requests if request.startswith(("update", "create"))]


def test_a_suspended_object_is_not_waited_for() -> None:
    cluster = FakeCluster()
    assert run(cluster, *POLICY, "--select-semver=1.x", "--suspend")[-1] == (
        "✔ ImagePolicy is suspended: nothing is done until `tagline resume`"
    )
    assert cluster.stored(IMAGE_POLICIES, "apps", "app") is not None


def test_nothing_is_sent_when_a_flag_is_wrong() -> None:
    cluster = FakeCluster()
    with pytest.raises(Failed, match="not a range of versions"):
        run(cluster, *POLICY, "--select-semver=nonsense")
    assert cluster.requests == []


def secret(**data: str) -> dict[str, Any]:
    return {"metadata": {"name": "app", "namespace": "apps"}, "stringData": data}


def test_a_secret_is_made_of_the_login_before_the_source_that_uses_it() -> None:
    cluster = FakeCluster()
    artifact = {"revision": "main@sha1:abc"}
    cluster.steps = [lambda at: at.set_status(GIT_REPOSITORIES, "apps", "app", conditions=[READY], artifact=artifact)]
    said = run(cluster, *GIT, "-u", "me", "-p", "hunter2")
    assert said == [
        "✚ generating GitRepository source",
        "► applying secret with repository credentials",
        "✔ authentication configured",
        "► applying GitRepository source",
        "✔ GitRepository source created",
        "◎ waiting for GitRepository source reconciliation",
        "✔ GitRepository source reconciliation completed",
        "✔ fetched revision: main@sha1:abc",
    ]
    made = cluster.stored(SECRETS, "apps", "app")
    source = cluster.stored(GIT_REPOSITORIES, "apps", "app")
    assert made is not None
    assert source is not None
    assert made["stringData"] == {"username": "me", "password": "hunter2"}
    assert source["spec"]["secretRef"] == {"name": "app"}
    assert [one for one in cluster.requests if one.startswith("create")] == [
        "create secrets apps/app",
        "create gitrepositories apps/app",
    ]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    server = SshServer(tmp_path, HOST, [])
    yield server
    server.close()


def test_a_new_deploy_key_is_shown_and_stored_with_the_key_of_the_host(server: SshServer) -> None:
    cluster = FakeCluster()
    cluster.steps = [lambda at: at.set_status(GIT_REPOSITORIES, "apps", "app", conditions=[READY])]
    said = run(cluster, *GIT, f"--url=ssh://git@127.0.0.1:{server.port}/x", "--ssh-key-algorithm=ed25519", "--silent")
    made = cluster.stored(SECRETS, "apps", "app")
    assert made is not None
    data = made["stringData"]
    assert list(data) == ["identity", "identity.pub", "known_hosts"]
    assert said[:3] == [
        "✚ generating GitRepository source",
        "✔ collected public key from SSH server:",
        data["known_hosts"],
    ]
    assert said[3] == f"✚ deploy key: {data['identity.pub'].strip()}"
    assert "PRIVATE" not in "".join(said)


def test_a_key_that_nobody_has_confirmed_changes_nothing(server: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    with pytest.raises(Failed, match="not confirmed"):
        run(cluster, *GIT, f"--url=ssh://git@127.0.0.1:{server.port}/x")
    assert cluster.requests == []


def test_nothing_is_applied_when_a_file_is_missing() -> None:
    cluster = FakeCluster()
    with pytest.raises(Failed, match=r"unable to read TLS CA file: open missing\.crt: no such file or directory"):
        run(cluster, *GIT, "--ca-file=missing.crt")
    assert cluster.requests == []


def test_a_secret_that_is_named_is_left_alone() -> None:
    cluster = FakeCluster()
    cluster.steps = [lambda at: at.set_status(GIT_REPOSITORIES, "apps", "app", conditions=[READY])]
    run(cluster, *GIT, "-u", "me", "-p", "hunter2", "--secret-ref=mine")
    assert cluster.stored(SECRETS, "apps", "app") is None


def test_other_keys_of_a_secret_stay() -> None:
    cluster = FakeCluster()
    metadata = {"name": "app", "namespace": "apps", "labels": {"a": "b"}}
    cluster.put(SECRETS, {"metadata": metadata, "data": {"ca.crt": "eA=="}, "type": "Opaque"})
    with session_on(cluster, namespace="apps") as (session, _):
        apply_secret(session, secret(username="me"))
    stored = cluster.stored(SECRETS, "apps", "app")
    assert stored is not None
    assert stored["data"] == {"ca.crt": "eA=="}
    assert stored["stringData"] == {"username": "me"}
    assert stored["metadata"]["labels"] == {"a": "b"}


def test_a_change_that_somebody_else_was_faster_with_is_made_again() -> None:
    cluster = FakeCluster()
    cluster.put(IMAGE_POLICIES, {"metadata": {"name": "app", "namespace": "apps"}, "spec": {"a": 1}})
    tries = []

    def update(*arguments: Any, **options: Any) -> Any:
        tries.append(arguments)
        if len(tries) == 1:
            raise Conflict("update", "the object has been modified", status=409)
        return FakeCluster.update(cluster, *arguments, **options)

    cluster.update = update  # type: ignore[method-assign]
    with session_on(cluster, namespace="apps") as (session, _):
        obj = {"metadata": {"name": "app", "namespace": "apps"}, "spec": {"a": 2}}
        assert upsert(session, IMAGE_POLICIES, obj)[1] == "updated"
    assert len(tries) == 2


def test_a_secret_is_created_and_its_content_never_told() -> None:
    cluster = FakeCluster()
    said = run(cluster, "secret", "git", "app", "--url=https://x.example.com", "-u", "me", "-p", "hunter2")
    assert said == ["► git secret 'app' created in 'apps' namespace"]
    stored = cluster.stored(SECRETS, "apps", "app")
    assert stored is not None
    assert stored["stringData"] == {"username": "me", "password": "hunter2"}
