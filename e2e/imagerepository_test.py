"""`controllers.imagerepository`: names, pages, exclusions, credentials, intervals, requests, events of scans."""

import pytest

from e2e.cluster import Space, condition
from e2e.conftest import Parts
from e2e.objects import docker_secret, image_repository
from hack.oci import Pusher


@pytest.fixture
def image(parts: Parts, namespace: str, open_registry: Pusher) -> str:
    """Push an image with three tags to the open registry and return its name."""
    open_registry.push_tags(f"{namespace}/app", ["1.0.0", "1.0.1", "latest"])
    return f"{parts.open_registry}/{namespace}/app"


def test_scan_reports_count_latest_tags_and_canonical_name(space: Space, image: str) -> None:
    image_repository(space, "app", image)
    found = space.wait_ready("ImageRepository", "app", message="^successful scan: found 3 tags$")
    status = found["status"]
    assert status["canonicalImageName"] == image
    assert status["observedExclusionList"] == [r"^.*\.sig$"]
    assert status["lastScanResult"]["latestTags"] == ["latest", "1.0.1", "1.0.0"]
    assert status["lastScanResult"]["tagCount"] == 3
    assert status["lastScanResult"]["revision"].isdigit()
    assert condition(found, "Ready")["reason"] == "Succeeded"
    event = space.wait_event(
        "ImageRepository", "app", type="Normal", reason="Succeeded", message="^successful scan: found 3 tags$"
    )
    assert event["source"]["component"] == "image-reflector-controller"


def test_only_the_ten_latest_tags_are_listed_and_all_are_counted(
    space: Space, parts: Parts, namespace: str, open_registry: Pusher
) -> None:
    # The registry hands out 1,000 tags in pages of 100 at most where asked to; ours asks for 1,000 a page.
    tags = [f"1.0.{n}" for n in range(120)]
    open_registry.push_tags(f"{namespace}/many", tags)
    image_repository(space, "many", f"{parts.open_registry}/{namespace}/many")
    found = space.wait_ready("ImageRepository", "many", message="found 120 tags")
    assert found["status"]["lastScanResult"]["latestTags"] == sorted(tags, reverse=True)[:10]


def test_signatures_are_excluded_by_default_and_a_list_replaces_the_default(
    space: Space, parts: Parts, namespace: str, open_registry: Pusher
) -> None:
    open_registry.push_tags(f"{namespace}/signed", ["1.0.0", "sha256-abc.sig", "dev-1"])
    image_repository(space, "signed", f"{parts.open_registry}/{namespace}/signed")
    space.wait_ready("ImageRepository", "signed", message="found 2 tags")
    space.patch("ImageRepository", "signed", {"exclusionList": ["^dev-"]})
    found = space.wait_ready("ImageRepository", "signed", message="found 2 tags")
    assert found["status"]["observedExclusionList"] == ["^dev-"]
    assert "sha256-abc.sig" in found["status"]["lastScanResult"]["latestTags"]


def test_interval_brings_new_tags_and_a_no_change_event(
    space: Space, image: str, namespace: str, open_registry: Pusher
) -> None:
    image_repository(space, "app", image, interval="1s")
    space.wait_ready("ImageRepository", "app", message="found 3 tags")
    space.wait_event(
        # As installed, intervals differ by some per cent.
        "ImageRepository",
        "app",
        type="Normal",
        reason="Succeeded",
        message=r"^no new tags found, next scan in [\d.]+m?s$",
    )
    open_registry.push(f"{namespace}/app", "1.0.2")
    space.wait_ready("ImageRepository", "app", message="found 4 tags")
    space.wait_event("ImageRepository", "app", type="Normal", reason="Succeeded", message="found 4 tags")


def test_requested_scan_is_made_at_once_and_recorded(
    space: Space, image: str, namespace: str, open_registry: Pusher
) -> None:
    image_repository(space, "app", image)
    space.wait_ready("ImageRepository", "app")
    open_registry.push(f"{namespace}/app", "2.0.0")
    found = space.request_and_wait("ImageRepository", "app")
    assert found["status"]["lastScanResult"]["tagCount"] == 4
    assert condition(found, "Ready")["status"] == "True"


def test_suspended_repository_is_not_scanned_until_resumed(space: Space, image: str) -> None:
    image_repository(space, "app", image, suspend=True)
    found = space.request_and_wait("ImageRepository", "app")
    assert "lastScanResult" not in found["status"]
    space.patch("ImageRepository", "app", {"suspend": False})
    space.wait_ready("ImageRepository", "app", message="found 3 tags")


def test_pull_secret_of_type_docker_registry_opens_a_private_image(
    space: Space, parts: Parts, namespace: str, registry: Pusher
) -> None:
    registry.push_tags(f"{namespace}/private", ["1.0.0"])
    docker_secret(space, "pull", parts.registry, parts.registry_user, parts.registry_password)
    image_repository(space, "private", f"{parts.registry}/{namespace}/private", secretRef={"name": "pull"})
    space.wait_ready("ImageRepository", "private", message="found 1 tags")


def test_pull_secret_of_a_service_account_opens_a_private_image(
    space: Space, parts: Parts, namespace: str, registry: Pusher
) -> None:
    registry.push_tags(f"{namespace}/private", ["1.0.0"])
    docker_secret(space, "pull", parts.registry, parts.registry_user, parts.registry_password)
    space.apply("ServiceAccount", "puller", imagePullSecrets=[{"name": "pull"}])
    image_repository(space, "private", f"{parts.registry}/{namespace}/private", serviceAccountName="puller")
    space.wait_ready("ImageRepository", "private", message="found 1 tags")


def test_token_registry_of_the_git_host_is_scanned(space: Space, parts: Parts, namespace: str) -> None:
    host = parts.git_url.removeprefix("http://")
    with Pusher(host, user=parts.git_user, password=parts.git_password) as pusher:
        pusher.push_tags(f"{parts.git_user}/{namespace}", ["1.0.0", "1.1.0"])
    docker_secret(space, "pull", host, parts.git_user, parts.git_password)
    image_repository(space, "app", f"{host}/{parts.git_user}/{namespace}", secretRef={"name": "pull"})
    space.wait_ready("ImageRepository", "app", message="found 2 tags")


def test_plain_http_is_allowed_where_insecure_says_so(space: Space, image: str) -> None:
    image_repository(space, "app", image, insecure=True)
    space.wait_ready("ImageRepository", "app", message="found 3 tags")


def test_tag_list_is_owned_stored_whole_and_collected(space: Space, image: str) -> None:
    image_repository(space, "app", image)
    found = space.wait_ready("ImageRepository", "app")
    chunk = space.get("ImageTagList", "app-tags-0")
    assert chunk["status"]["revision"] == found["status"]["lastScanResult"]["revision"]
    assert chunk["metadata"]["ownerReferences"][0]["uid"] == found["metadata"]["uid"]
    space.delete("ImageRepository", "app")
    # The garbage collector of a fresh cluster looks for new kinds only every 30 seconds.
    space.kubectl("wait", "--for=delete", "imagetaglist/app-tags-0", "-n", space.name, "--timeout=75s")


def test_lost_tag_list_is_written_again_by_a_new_scan(space: Space, image: str) -> None:
    image_repository(space, "app", image)
    space.wait_ready("ImageRepository", "app")
    space.delete("ImageTagList", "app-tags-0")
    space.wait("ImageTagList", "app-tags-0", bool, what="the list to be written again")
    space.wait_ready("ImageRepository", "app", message="found 3 tags")


def test_object_that_flux_left_behind_can_be_deleted(space: Space, image: str) -> None:
    image_repository(space, "app", image)
    space.wait_ready("ImageRepository", "app")
    space.kubectl(
        "patch", "imagerepository", "app", "-n", space.name, "--type=merge",
        "-p", '{"metadata": {"finalizers": ["finalizers.fluxcd.io"]}}',
    )  # fmt: skip
    space.delete("ImageRepository", "app")
    assert space.get("ImageRepository", "app") == {}
