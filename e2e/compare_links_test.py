"""`controllers.imageupdateautomation`: links in commit messages to what changed between two images."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.cluster import Space, condition
from e2e.conftest import Parts
from e2e.fleet import Fleet
from e2e.objects import automation, deployment, git_repository, image_repository, semver_policy
from hack.githost import GitHost
from hack.oci import CONFIG, MANIFEST, Pusher

SOURCE, REVISION = "org.opencontainers.image.source", "org.opencontainers.image.revision"
MESSAGE = (
    "{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}{{ with compareLink . }} {{ . }}{{ end }}\n{{ end }}"
)
APP = "https://github.com/org/app"
A, B, C = "a" * 40, "b" * 40, "c" * 40


def provenance_labels(revision: str, source: str = APP) -> dict[str, str]:
    return {SOURCE: source, REVISION: revision}


@pytest.fixture
def traced(space: Space, parts: Parts, open_registry: Pusher, git_host: GitHost) -> Iterator[Fleet]:
    """Put image 1.0.0, built from commit A, into the registry and Git; its policy reports sources."""
    name = f"{space.name}/app"
    image = f"{parts.open_registry}/{name}"
    # A token in the address, as CI systems leave it there.
    open_registry.push(name, "1.0.0", labels=provenance_labels(A, "https://ci:s3cr3t-t0ken@github.com/org/app.git"))
    image_repository(space, "app", image)
    semver_policy(space, "app", reflectSource=True)
    repository = git_host.create_repository(space.name, {"app.yaml": deployment(f"{image}:1.0.0", f"{space.name}:app")})
    git_repository(space, "fleet", repository)
    space.wait_ready("ImagePolicy", "app")
    automation(space, "fleet", source="fleet", message=MESSAGE)
    space.wait_ready("ImageUpdateAutomation", "fleet")
    yield Fleet(space, repository, image, open_registry)
    git_host.delete_repository(space.name)


def release(fleet: Fleet, tag: str, revision: str) -> dict[str, Any]:
    """Push a tag as CI does; return the policy once it has chosen it."""
    fleet.pusher.push(f"{fleet.space.name}/app", tag, labels=provenance_labels(revision))
    fleet.space.request("ImageRepository", "app")
    return fleet.space.wait_ready("ImagePolicy", "app", message=rf"resolved to {tag}\b")


def test_commit_links_to_what_changed(traced: Fleet) -> None:
    found = release(traced, "1.1.0", B)
    assert found["status"]["sources"] == [
        {"tag": "1.1.0", "source": APP, "revision": B},
        {"tag": "1.0.0", "source": APP, "revision": A},
    ]
    (message, _) = traced.wait_commits(2)
    assert message == f"{traced.image}:1.0.0 -> {traced.image}:1.1.0 {APP}/compare/{A}...{B}"
    event = traced.space.wait_event(
        "ImageUpdateAutomation", "fleet", type="Normal", reason="Succeeded", message="/compare/"
    )
    assert "s3cr3t" not in str((found, message, event))


def test_versions_that_git_never_had_are_skipped_over(traced: Fleet) -> None:
    traced.space.patch("ImageUpdateAutomation", "fleet", {"suspend": True})
    release(traced, "1.1.0", B)
    release(traced, "1.2.0", C)
    traced.space.patch("ImageUpdateAutomation", "fleet", {"suspend": False})
    (message, _) = traced.wait_commits(2)
    assert message == f"{traced.image}:1.0.0 -> {traced.image}:1.2.0 {APP}/compare/{A}...{C}"


def test_tag_that_moves_is_distinguished_by_digest(
    space: Space, parts: Parts, open_registry: Pusher, git_host: GitHost
) -> None:
    name = f"{space.name}/app"
    image = f"{parts.open_registry}/{name}"
    source = "https://gitlab.example.com/group/app"
    old = open_registry.push_index(
        name, "1.0.0", annotations=provenance_labels(A, source), labels=provenance_labels(C, "https://base.example/i/b")
    )
    image_repository(space, "app", image)
    semver_policy(space, "app", reflectSource=True, digestReflectionPolicy="Always", interval="1h")
    files = {"app.yaml": deployment(f"{image}:1.0.0@{old}", f"{space.name}:app")}
    repository = git_host.create_repository(space.name, files)
    git_repository(space, "fleet", repository)
    automation(space, "fleet", source="fleet", message=MESSAGE)
    space.wait_ready("ImageUpdateAutomation", "fleet")
    space.wait_ready("ImagePolicy", "app", message=old)
    new = open_registry.push_index(name, "1.0.0", annotations=provenance_labels(B, source))
    space.request("ImagePolicy", "app")
    found = space.wait_ready("ImagePolicy", "app", message=f"with digest {new}")
    assert [entry["digest"] for entry in found["status"]["sources"]] == [new, old]
    (message, _) = Fleet(space, repository, image, open_registry).wait_commits(2)
    assert message == f"{image}:1.0.0@{old} -> {image}:1.0.0@{new} {source}/-/compare/{A}...{B}"
    git_host.delete_repository(space.name)


def test_image_that_cannot_be_read_is_chosen_without_a_link(traced: Fleet) -> None:
    # Registries do not look into the configuration of an image.
    name = f"{traced.space.name}/app"
    digest, size = traced.pusher.push_blob(name, b"not a configuration")
    config = {"mediaType": CONFIG, "digest": digest, "size": size}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
    traced.pusher.push_manifest(name, "1.1.0", json.dumps(manifest).encode())
    traced.space.request("ImageRepository", "app")
    found = traced.space.wait_ready("ImagePolicy", "app", message=r"resolved to 1\.1\.0")
    assert [entry["tag"] for entry in found["status"]["sources"]] == ["1.0.0"]
    assert condition(found, "Ready")["message"].endswith(f"(previously {traced.image}:1.0.0)")
    traced.space.wait_event(
        "ImagePolicy",
        "app",
        type="Warning",
        reason="SourceNotRead",
        message=r"app:1\.1\.0 was built from: .*not the JSON",
    )
    (message, _) = traced.wait_commits(2)
    assert message == f"{traced.image}:1.0.0 -> {traced.image}:1.1.0"


def test_turned_off_nothing_is_reported(traced: Fleet) -> None:
    traced.space.patch("ImagePolicy", "app", {"reflectSource": False})
    found = traced.space.wait_ready("ImagePolicy", "app")
    assert "sources" not in found["status"]
