"""`controllers.imagepolicy`: which tag is chosen, how the choice is reported, and how fast a new tag changes it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from e2e.cluster import Space, condition
from e2e.conftest import Parts
from e2e.objects import image_repository, semver_policy
from hack.oci import Pusher

SEMVER_TAGS = ["0.9.0", "1.0.0", "1.2.0", "1.10.0", "2.0.0", "2.1.0-rc.1", "latest"]
STAGING_TAGS = [
    "main-1111111-1695469100",
    "main-25de3e1a-1695469144",
    "main-abcdef0-1695469090",
    "feature-2222222-1695469999",
    "latest",
]
STAGING_FILTER = {"pattern": "^main-[a-fA-F0-9]+-(?P<ts>.*)", "extract": "$ts"}


@pytest.fixture
def image(parts: Parts, namespace: str, open_registry: Pusher, space: Space) -> str:
    """Return the name of an image without tags; the tests push their own and scan."""
    return f"{parts.open_registry}/{namespace}/app"


def scanned(space: Space, open_registry: Pusher, image: str, tags: list[str]) -> None:
    """Push the tags and scan them as the ImageRepository `app`."""
    open_registry.push_tags(f"{space.name}/app", tags)
    image_repository(space, "app", image)
    space.wait_ready("ImageRepository", "app")


@pytest.mark.parametrize(
    ("range_", "want"),
    [
        pytest.param(">=1.0.0", "2.0.0", id="open-range-leaves-prereleases-out"),
        pytest.param(">=1.0.0 <2.0.0", "1.10.0", id="a-blank-means-and"),
        pytest.param(">=1.0.0-0", "2.1.0-rc.1", id="a-prerelease-in-the-range-lets-them-in"),
    ],
)
def test_semver(space: Space, image: str, open_registry: Pusher, range_: str, want: str) -> None:
    scanned(space, open_registry, image, SEMVER_TAGS)
    semver_policy(space, "app", range_)
    found = space.wait_ready("ImagePolicy", "app", message=f"^Latest image tag for {image} resolved to {want}$")
    assert found["status"]["latestRef"] == {"name": image, "tag": want}
    assert found["status"]["latestImage"] == f"{image}:{want}"
    event = space.wait_event("ImagePolicy", "app", type="Normal", reason="Succeeded", message=f"resolved to {want}$")
    assert event["source"]["component"] == "image-reflector-controller"


@pytest.mark.parametrize(
    ("policy", "tag_filter", "tags", "want"),
    [
        pytest.param(
            {"numerical": {"order": "asc"}},
            STAGING_FILTER,
            STAGING_TAGS,
            "main-25de3e1a-1695469144",
            id="newest-of-main",
        ),
        pytest.param(
            {"numerical": {"order": "desc"}},
            STAGING_FILTER,
            STAGING_TAGS,
            "main-abcdef0-1695469090",
            id="oldest-of-main",
        ),
        pytest.param({"numerical": {}}, None, ["9", "10", "2.5"], "10", id="numbers-without-a-filter"),
        pytest.param({"alphabetical": {"order": "asc"}}, None, ["a", "c", "b"], "c", id="last-of-the-alphabet"),
        pytest.param({"alphabetical": {"order": "desc"}}, None, ["a", "c", "b"], "a", id="first-of-the-alphabet"),
        pytest.param(
            {"semver": {"range": ">=1.0.0"}},
            {"pattern": "^release-(?P<v>.*)$", "extract": "$v"},
            ["release-1.2.0", "release-1.10.0", "9.9.9"],
            "release-1.10.0",
            id="the-version-is-a-part-of-the-tag",
        ),
    ],
)
def test_other_policies(
    space: Space,
    image: str,
    open_registry: Pusher,
    policy: dict[str, Any],
    tag_filter: dict[str, str] | None,
    tags: list[str],
    want: str,
) -> None:
    scanned(space, open_registry, image, tags)
    spec: dict[str, Any] = {"imageRepositoryRef": {"name": "app"}, "policy": policy}
    if tag_filter:
        spec["filterTags"] = tag_filter
    space.apply("ImagePolicy", "app", spec)
    found = space.wait_ready("ImagePolicy", "app", message=f"resolved to {want}$")
    assert found["status"]["latestRef"]["tag"] == want


def test_new_tag_moves_the_policy_and_the_previous_one_is_reported(
    space: Space, image: str, open_registry: Pusher
) -> None:
    scanned(space, open_registry, image, ["1.0.0"])
    semver_policy(space, "app")
    space.wait_ready("ImagePolicy", "app", message="resolved to 1.0.0$")
    open_registry.push(f"{space.name}/app", "1.0.1")
    space.request("ImageRepository", "app")
    found = space.wait_ready(
        "ImagePolicy", "app", message=rf"^Latest image tag for {image} resolved to 1.0.1 \(previously {image}:1.0.0\)$"
    )
    assert found["status"]["observedPreviousRef"] == {"name": image, "tag": "1.0.0"}


def test_digest_is_reflected_where_the_policy_asks_for_it(space: Space, image: str, open_registry: Pusher) -> None:
    digest = open_registry.push(f"{space.name}/app", "1.0.0")
    image_repository(space, "app", image)
    semver_policy(space, "app", digestReflectionPolicy="IfNotPresent")
    found = space.wait_ready("ImagePolicy", "app", message=f"with digest {digest}$")
    assert found["status"]["latestRef"] == {"name": image, "tag": "1.0.0", "digest": digest}
    assert found["status"]["latestImage"] == f"{image}:1.0.0@{digest}"


def test_rebuilt_tag_moves_a_policy_that_always_reads_the_digest(
    space: Space, image: str, open_registry: Pusher
) -> None:
    open_registry.push(f"{space.name}/app", "1.0.0")
    image_repository(space, "app", image)
    semver_policy(space, "app", digestReflectionPolicy="Always", interval="1s")
    space.wait_ready("ImagePolicy", "app", message="with digest sha256:")
    rebuilt = open_registry.push(f"{space.name}/app", "1.0.0", labels={"build": "2"})
    space.wait_ready("ImagePolicy", "app", message=f"with digest {rebuilt}")


def test_changed_image_of_the_repository_reaches_the_policy(
    space: Space, parts: Parts, image: str, open_registry: Pusher
) -> None:
    # The same tags, so the revision of the list stays: only the name differs.
    scanned(space, open_registry, image, ["1.0.0"])
    open_registry.push_tags(f"{space.name}/moved", ["1.0.0"])
    semver_policy(space, "app")
    space.wait_ready("ImagePolicy", "app")
    moved = f"{parts.open_registry}/{space.name}/moved"
    space.patch("ImageRepository", "app", {"image": moved})
    found = space.wait_ready("ImagePolicy", "app", message=f"for {moved} resolved to 1.0.0")
    assert found["status"]["latestRef"]["name"] == moved


def test_policy_of_another_namespace_needs_permission(space: Space, image: str, open_registry: Pusher) -> None:
    scanned(space, open_registry, image, ["1.0.0"])
    other = replace(space, name=f"{space.name}-b")
    space.kubectl("create", "namespace", other.name)
    try:
        reference = {"name": "app", "namespace": space.name}
        other.apply("ImagePolicy", "app", {"imageRepositoryRef": reference, "policy": {"semver": {"range": "*"}}})
        other.wait_not_ready("ImagePolicy", "app", reason="AccessDenied", message="missing ACL labels on 'accessFrom'")
        selector = {"matchLabels": {"tier": "red"}}
        space.patch("ImageRepository", "app", {"accessFrom": {"namespaceSelectors": [selector]}})
        other.wait_not_ready("ImagePolicy", "app", reason="AccessDenied", message="ACL labels mismatch on namespace")
        space.kubectl("label", "namespace", other.name, "tier=red")
        other.wait_ready("ImagePolicy", "app", message="resolved to 1.0.0")
    finally:
        space.kubectl("delete", "namespace", other.name, "--wait=false")


def test_suspended_policy_keeps_its_choice(space: Space, image: str, open_registry: Pusher) -> None:
    scanned(space, open_registry, image, ["1.0.0"])
    semver_policy(space, "app")
    space.wait_ready("ImagePolicy", "app")
    space.patch("ImagePolicy", "app", {"suspend": True})
    open_registry.push(f"{space.name}/app", "1.0.1")
    space.request_and_wait("ImageRepository", "app")
    space.request_and_wait("ImagePolicy", "app")
    assert space.get("ImagePolicy", "app")["status"]["latestRef"]["tag"] == "1.0.0"
    space.patch("ImagePolicy", "app", {"suspend": False})
    space.wait_ready("ImagePolicy", "app", message="resolved to 1.0.1")


def test_choice_over_many_tags_is_stored_in_chunks_and_read_whole(
    space: Space, image: str, open_registry: Pusher
) -> None:
    scanned(space, open_registry, image, [f"1.{n // 40}.{n % 40}" for n in range(200)])
    semver_policy(space, "app", "<1.3.0")
    found = space.wait_ready("ImagePolicy", "app", message="resolved to 1.2.39")
    chunk = json.dumps(space.get("ImageTagList", "app-tags-0")["status"])
    assert '"tagCount": 200' in chunk
    assert condition(found, "Reconciling") == {}
