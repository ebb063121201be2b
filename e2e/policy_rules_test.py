"""`controllers.policy`: rules that Flux does not have, on a real cluster; and `tagline explain`, which agrees."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster import Space
from e2e.conftest import Parts
from e2e.objects import image_repository
from hack.oci import Pusher

ROOT = Path(__file__).parents[1]


@pytest.fixture
def image(parts: Parts, space: Space, controllers: object) -> str:
    """Return the image of this test."""
    return f"{parts.open_registry}/{space.name}/app"


def scanned(space: Space, open_registry: Pusher, image: str, *tags: str) -> None:
    open_registry.push_tags(f"{space.name}/app", tags)
    image_repository(space, "app", image)
    space.wait_ready("ImageRepository", "app")


def policy(space: Space, tag_filter: dict[str, str] | None = None, **choice: Any) -> None:
    """Apply the policy `app` with these rules, by semver unless they say otherwise."""
    ranked = choice if choice.keys() & {"keys", "newest"} else {"semver": {"range": "*"}, **choice}
    spec: dict[str, Any] = {"imageRepositoryRef": {"name": "app"}, "policy": ranked}
    space.apply("ImagePolicy", "app", spec | ({"filterTags": tag_filter} if tag_filter else {}))


def wait_choice(space: Space, tag: str) -> dict[str, Any]:
    found = space.wait_ready("ImagePolicy", "app", message=rf"resolved to {tag}\b")
    assert found["status"]["latestRef"]["tag"] == tag
    return found


def reasons(found: dict[str, Any]) -> dict[str, str]:
    return {row["tag"]: row["reason"] for row in found["status"]["selection"].get("candidates", [])}


def test_reasons_are_read_where_the_choice_is(space: Space, open_registry: Pusher, image: str) -> None:
    scanned(space, open_registry, image, "1.0.0", "1.1.0", "2.0.0-rc.1", "latest")
    policy(space)
    found = wait_choice(space, "1.1.0")
    assert reasons(found) == {"2.0.0-rc.1": "Prerelease", "1.0.0": "Outranked", "latest": "NotAVersion"}
    described = space.kubectl("describe", "imagepolicy", "app", "-n", space.name).stdout
    assert "is a prerelease, which the range does not ask for" in described


def test_tags_on_the_exclusion_list_are_counted(space: Space, parts: Parts, open_registry: Pusher, image: str) -> None:
    open_registry.push_tags(f"{space.name}/app", ["1.0.0", "1.1.0-alpha", "1.2.0-alpha", "latest"])
    image_repository(space, "app", image, exclusionList=["-alpha$"])
    space.wait_ready("ImageRepository", "app")
    policy(space)
    found = wait_choice(space, "1.0.0")
    assert found["status"]["selection"]["refused"] == [
        {"reason": "Excluded", "count": 2},
        {"reason": "NotAVersion", "count": 1},
    ]
    explained = explain(parts, f"{space.name}/app")
    assert "     2  is on the ImageRepository's exclusion list\n" in explained.stdout
    space.patch("ImageRepository", "app", {"exclusionList": [r"^\d", "latest"]})
    space.wait_not_ready("ImagePolicy", "app", reason="DependencyNotReady", message="besides 4 that its exclusionList")


def test_denied_tags_are_skipped_and_come_back(space: Space, open_registry: Pusher, image: str) -> None:
    scanned(space, open_registry, image, "1.0.0", "1.1.0", "1.2.0-broken", "1.2.0")
    policy(space, deny=[{"tag": "1.2.0"}, {"pattern": "-broken$"}])
    found = wait_choice(space, "1.1.0")
    assert reasons(found)["1.2.0"] == "Denied"
    policy(space)
    wait_choice(space, "1.2.0")


def test_new_tag_waits_until_it_is_old_enough(space: Space, open_registry: Pusher, image: str) -> None:
    scanned(space, open_registry, image, "1.0.0")
    policy(space, minAge="4s")
    wait_choice(space, "1.0.0")  # of the first scan, so of unknown age
    open_registry.push_tags(f"{space.name}/app", ["1.1.0"])
    space.request_and_wait("ImageRepository", "app")
    waiting = space.wait(
        "ImagePolicy",
        "app",
        lambda found: reasons(found).get("1.1.0") == "TooYoung",
        what="the new tag to be reported as too young",
    )
    assert waiting["status"]["latestRef"]["tag"] == "1.0.0"
    assert waiting["status"]["selection"]["nextCandidateAt"]
    wait_choice(space, "1.1.0")  # nothing but the time that passes wakes it


def test_deleted_tag_does_not_roll_back(space: Space, parts: Parts, open_registry: Pusher, image: str) -> None:
    scanned(space, open_registry, image, "1.0.0", "1.1.0")
    policy(space, allowDowngrade=False)
    wait_choice(space, "1.1.0")
    # What the policy sees of a deletion: the same ImageRepository without the tag.
    space.patch("ImageRepository", "app", {"exclusionList": [r"^1\.1\."]})
    found = space.wait_ready("ImagePolicy", "app", message="resolved to 1.1.0; 1.0.0 would be a downgrade")
    assert found["status"]["latestRef"]["tag"] == "1.1.0"
    assert reasons(found) == {"1.0.0": "Downgrade"}
    policy(space)
    wait_choice(space, "1.0.0")


def test_image_must_be_there_for_the_platform(space: Space, open_registry: Pusher, image: str) -> None:
    open_registry.push(f"{space.name}/app", "1.0.0", architecture="arm64")
    scanned(space, open_registry, image, "1.1.0")
    policy(space, platforms=["linux/arm64"])
    found = wait_choice(space, "1.0.0")
    assert reasons(found)["1.1.0"] == "LacksPlatform"
    policy(space, platforms=["linux/s390x"])
    space.wait_not_ready("ImagePolicy", "app", reason="Failure", message="left out by rules: 2 LacksPlatform$")


def test_branch_then_build(space: Space, open_registry: Pusher, image: str) -> None:
    scanned(space, open_registry, image, "main-9", "main-10", "dev-11", "latest")
    keys = [{"extract": "$branch", "type": "alphabetical"}, {"extract": "$build", "type": "numerical"}]
    policy(space, {"pattern": r"^(?P<branch>\w+)-(?P<build>\d+)$"}, keys=keys)
    wait_choice(space, "main-10")


def test_newest_by_first_sight(space: Space, open_registry: Pusher, image: str) -> None:
    scanned(space, open_registry, image, "a", "z")
    policy(space, newest={"by": "FirstSeen"})
    wait_choice(space, "z")
    open_registry.push_tags(f"{space.name}/app", ["m"])
    space.request("ImageRepository", "app")
    wait_choice(space, "m")


def test_newest_by_build_date(space: Space, open_registry: Pusher, image: str) -> None:
    repository = f"{space.name}/app"
    for tag, date in (("a", "2024-03-01T00:00:00Z"), ("b", "2024-05-01T00:00:00Z"), ("c", "2024-04-01T00:00:00Z")):
        open_registry.push(repository, tag, created=date)
    image_repository(space, "app", image)
    space.wait_ready("ImageRepository", "app")
    policy(space, newest={"by": "BuildDate"})
    wait_choice(space, "b")


def explain(parts: Parts, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "cli.main",
            "explain",
            "policy",
            *arguments,
            "--kubeconfig",
            str(parts.kubectl.kubeconfig),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_explain_prints_the_choice_and_the_reasons(
    space: Space, parts: Parts, open_registry: Pusher, image: str
) -> None:
    scanned(space, open_registry, image, "1.0.0", "1.1.0", "2.0.0-rc.1", "latest")
    policy(space, deny=[{"tag": "1.1.0"}])
    wait_choice(space, "1.0.0")
    explained = explain(parts, f"{space.name}/app")
    assert explained.returncode == 0, explained.stderr
    assert "chooses now: 1.0.0\n" in explained.stdout
    assert re.search(r"^1\.1\.0 +1\.1\.0 +is on the deny list$", explained.stdout, re.MULTILINE)
    assert "     1  is on the deny list" in explained.stdout
    for tag, why in (
        ("1.1.0", "is on the deny list"),
        ("1.0.0", "is the chosen tag"),
        ("9.0.0", "was not in the scan"),
    ):
        assert f"\n{tag} {why}" in explain(parts, f"{space.name}/app", "--tag", tag).stdout


def test_explain_of_what_is_not_there(space: Space, parts: Parts) -> None:
    explained = explain(parts, f"{space.name}/nothing")
    assert explained.returncode == 1
    assert "not found" in explained.stderr
