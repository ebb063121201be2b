"""`controllers`: bad inputs get a clear condition and event, recover once the cause is gone, and harm nobody else."""

from collections.abc import Iterator

import pytest

from e2e.cluster import Space, condition, eventually
from e2e.conftest import Parts
from e2e.fleet import Fleet
from e2e.interfering_proxy import InterferingProxy
from e2e.objects import (
    automation,
    deployment,
    docker_secret,
    git_repository,
    git_secret,
    image_repository,
    semver_policy,
)
from hack.env import process, registry
from hack.oci import Pusher
from testing.address import HOST


@pytest.fixture
def healthy(space: Space, parts: Parts, open_registry: Pusher) -> Iterator[None]:
    """Set up another repository and policy in the namespace; they must follow a new tag after the trouble."""
    open_registry.push_tags(f"{space.name}/healthy", ["1.0.0"])
    image_repository(space, "healthy", f"{parts.open_registry}/{space.name}/healthy", interval="1s")
    semver_policy(space, "healthy")
    space.wait_ready("ImagePolicy", "healthy")
    yield
    open_registry.push(f"{space.name}/healthy", "1.0.1")
    space.wait_ready("ImagePolicy", "healthy", message="resolved to 1.0.1")


@pytest.mark.usefixtures("healthy")
class TestImageRepository:
    """What can be wrong with a repository."""

    def test_unreachable_registry(self, space: Space, parts: Parts, namespace: str) -> None:
        (port,) = process.free_ports(1, HOST)
        image_repository(space, "app", f"{HOST}:{port}/{namespace}/app", interval="2s")
        space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message="connection refused")
        space.wait_event(
            "ImageRepository", "app", type="Warning", reason="ReadOperationFailed", message="connection refused"
        )
        started = registry.start(parts.folder / f"late-{namespace}", port=port, address=HOST)
        try:
            with Pusher(started.host) as pusher:
                pusher.push(f"{namespace}/app", "1.0.0")
            space.wait_ready("ImageRepository", "app", message="found 1 tags")
        finally:
            process.stop(started.process, kill=True)

    def test_wrong_registry_password(self, space: Space, parts: Parts, namespace: str, registry: Pusher) -> None:
        registry.push(f"{namespace}/app", "1.0.0")
        docker_secret(space, "pull", parts.registry, parts.registry_user, "not-the-password")
        image = f"{parts.registry}/{namespace}/app"
        image_repository(space, "app", image, secretRef={"name": "pull"})
        found = space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message="UNAUTHORIZED")
        assert "not-the-password" not in str(found["status"])
        event = space.wait_event(
            "ImageRepository", "app", type="Warning", reason="ReadOperationFailed", message="UNAUTHORIZED"
        )
        assert "not-the-password" not in event["message"]
        docker_secret(space, "pull", parts.registry, parts.registry_user, parts.registry_password)
        space.wait_ready("ImageRepository", "app", message="found 1 tags")

    def test_missing_secret(self, space: Space, parts: Parts, namespace: str, registry: Pusher) -> None:
        registry.push(f"{namespace}/app", "1.0.0")
        image_repository(space, "app", f"{parts.registry}/{namespace}/app", secretRef={"name": "pull"})
        message = 'failed to configure authentication options: secrets "pull" not found'
        space.wait_not_ready("ImageRepository", "app", reason="AuthenticationFailed", message=message)
        space.wait_event("ImageRepository", "app", type="Warning", reason="AuthenticationFailed", message=message)
        docker_secret(space, "pull", parts.registry, parts.registry_user, parts.registry_password)
        space.wait_ready("ImageRepository", "app", message="found 1 tags")

    def test_repository_that_does_not_exist(
        self, space: Space, parts: Parts, namespace: str, open_registry: Pusher
    ) -> None:
        image_repository(space, "app", f"{parts.open_registry}/{namespace}/app")
        space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message="NAME_UNKNOWN")
        space.wait_event("ImageRepository", "app", type="Warning", reason="ReadOperationFailed", message="NAME_UNKNOWN")
        open_registry.push(f"{namespace}/app", "1.0.0")
        space.wait_ready("ImageRepository", "app", message="found 1 tags")

    def test_bad_image_reference(self, space: Space, parts: Parts, namespace: str, open_registry: Pusher) -> None:
        open_registry.push(f"{namespace}/app", "1.0.0")
        image_repository(space, "app", f"{parts.open_registry}/{namespace}/app:1.0.0")
        found = space.wait_not_ready(
            "ImageRepository", "app", reason="ImageURLInvalid", message="should not include a tag; remove ':1.0.0'"
        )
        assert condition(found, "Stalled")["status"] == "True"
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
        space.wait_event("ImageRepository", "app", type="Warning", reason="ImageURLInvalid", message="remove ':1.0.0'")
        space.patch("ImageRepository", "app", {"image": f"{parts.open_registry}/{namespace}/app"})
        found = space.wait_ready("ImageRepository", "app", message="found 1 tags")
        assert condition(found, "Stalled") == {}

    def test_invalid_exclusion_pattern(self, space: Space, parts: Parts, namespace: str, open_registry: Pusher) -> None:
        open_registry.push(f"{namespace}/app", "1.0.0")
        image_repository(space, "app", f"{parts.open_registry}/{namespace}/app", exclusionList=["(unclosed"])
        message = r"failed to compile regex \(unclosed: error parsing regexp: missing closing \)"
        space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message=message)
        space.patch("ImageRepository", "app", {"exclusionList": ["^closed"]})
        space.wait_ready("ImageRepository", "app", message="found 1 tags")


@pytest.mark.usefixtures("healthy")
class TestImagePolicy:
    """What can be wrong with a policy."""

    @pytest.fixture
    def app(self, space: Space, parts: Parts, open_registry: Pusher) -> str:
        """Create the ImageRepository `app` and wait for its scan."""
        open_registry.push(f"{space.name}/app", "1.0.0")
        image_repository(space, "app", f"{parts.open_registry}/{space.name}/app")
        space.wait_ready("ImageRepository", "app")
        return "app"

    def test_invalid_regex(self, space: Space, app: str) -> None:
        semver_policy(space, app, filterTags={"pattern": "(main"})
        message = "failed to filter tags: invalid regular expression pattern '\\(main'"
        found = space.wait_not_ready("ImagePolicy", app, reason="InvalidPolicy", message=message)
        assert condition(found, "Stalled")["reason"] == "InvalidPolicy"
        space.wait_event("ImagePolicy", app, type="Warning", reason="InvalidPolicy", message=message)
        space.patch("ImagePolicy", app, {"filterTags": {"pattern": ".*"}})
        space.wait_ready("ImagePolicy", app, message="resolved to 1.0.0")

    def test_invalid_semver_range(self, space: Space, app: str) -> None:
        semver_policy(space, app, ">=1.0.0 and <2")
        message = 'invalid policy: improper constraint: ">=1.0.0 and <2"'
        space.wait_not_ready("ImagePolicy", app, reason="InvalidPolicy", message=message)
        space.wait_event("ImagePolicy", app, type="Warning", reason="InvalidPolicy", message=message)
        space.patch("ImagePolicy", app, {"policy": {"semver": {"range": ">=1.0.0 <2"}}})
        space.wait_ready("ImagePolicy", app, message="resolved to 1.0.0")

    def test_missing_repository(self, space: Space, parts: Parts, open_registry: Pusher) -> None:
        semver_policy(space, "app")
        message = 'ImageRepository.image.toolkit.fluxcd.io "app" not found'
        space.wait_not_ready("ImagePolicy", "app", reason="DependencyNotReady", message=message)
        space.wait_event("ImagePolicy", "app", type="Warning", reason="DependencyNotReady", message=message)
        open_registry.push(f"{space.name}/app", "1.0.0")
        image_repository(space, "app", f"{parts.open_registry}/{space.name}/app")
        space.wait_ready("ImagePolicy", "app", message="resolved to 1.0.0")

    def test_repository_that_was_not_scanned_yet(self, space: Space, parts: Parts, open_registry: Pusher) -> None:
        open_registry.push(f"{space.name}/app", "1.0.0")
        image_repository(space, "app", f"{parts.open_registry}/{space.name}/app", suspend=True)
        semver_policy(space, "app")
        space.wait_not_ready("ImagePolicy", "app", reason="DependencyNotReady", message="waiting for ImageRepository")
        assert space.events("ImagePolicy", "app", type="Warning") == []
        space.patch("ImageRepository", "app", {"suspend": False})
        space.wait_ready("ImagePolicy", "app", message="resolved to 1.0.0")

    def test_no_tag_matches(self, space: Space, app: str, open_registry: Pusher) -> None:
        semver_policy(space, app, ">=2.0.0")
        message = "unable to determine latest version from provided list"
        space.wait_not_ready("ImagePolicy", app, reason="Failure", message=message)
        space.wait_event("ImagePolicy", app, type="Warning", reason="Failure", message=message)
        open_registry.push(f"{space.name}/app", "2.0.0")
        space.request("ImageRepository", app)
        space.wait_ready("ImagePolicy", app, message="resolved to 2.0.0")


class TestImageUpdateAutomation:
    """What can be wrong with an automation, its repository and its files."""

    @pytest.fixture
    def other(self, fleet: Fleet) -> Iterator[None]:
        """Set up another automation on the same policies; it must go on committing."""
        files = {"other/app.yaml": deployment(f"{fleet.image}:0.1.0", fleet.marker)}
        repository = fleet.repository.host.create_repository(f"{fleet.space.name}-other", files)
        git_repository(fleet.space, "other", repository)
        yield
        automation(fleet.space, "other", source="other")
        eventually(lambda: len(repository.messages()) == 2, what="the other automation's commit")
        repository.host.delete_repository(repository.name)

    @pytest.mark.usefixtures("other")
    def test_missing_git_repository(self, fleet: Fleet) -> None:
        automation(fleet.space, "fleet", source="elsewhere")
        message = 'GitRepository.source.toolkit.fluxcd.io "elsewhere" not found'
        fleet.space.wait_not_ready("ImageUpdateAutomation", "fleet", reason="SourceManagerFailed", message=message)
        fleet.space.wait_event(
            "ImageUpdateAutomation", "fleet", type="Warning", reason="SourceManagerFailed", message=message
        )
        git_repository(fleet.space, "elsewhere", fleet.repository)
        fleet.wait_commits(2)
        fleet.space.wait_ready("ImageUpdateAutomation", "fleet")

    @pytest.mark.usefixtures("other")
    def test_wrong_git_credentials(self, fleet: Fleet, parts: Parts) -> None:
        git_secret(fleet.space, "fleet-login", parts.git_user, "not-the-password")
        automation(fleet.space, "fleet", source="fleet")
        message = "failed to checkout source: unable to clone '.*': authentication required"
        found = fleet.space.wait_not_ready(
            "ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message=message
        )
        assert "not-the-password" not in str(found["status"])
        fleet.space.wait_event(
            "ImageUpdateAutomation", "fleet", type="Warning", reason="GitOperationFailed", message=message
        )
        git_secret(fleet.space, "fleet-login", parts.git_user, parts.git_password)
        fleet.wait_commits(2)

    @pytest.mark.usefixtures("other")
    def test_branch_that_does_not_exist(self, fleet: Fleet) -> None:
        fleet.space.patch("GitRepository", "fleet", {"ref": {"branch": "release"}})
        automation(fleet.space, "fleet", source="fleet")
        message = """unable to clone '.*': couldn't find remote ref "refs/heads/release\""""
        fleet.space.wait_not_ready("ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message=message)
        fleet.space.wait_event(
            "ImageUpdateAutomation", "fleet", type="Warning", reason="GitOperationFailed", message=message
        )
        fleet.repository.commit({"NEWS": "a release\n"}, "Release branch", branch="release", base="main")
        fleet.wait_commits(3, "release")

    def test_marker_that_names_an_unknown_policy(self, fleet: Fleet) -> None:
        marker = f"{fleet.space.name}:nobody"
        fleet.repository.commit({"other.yaml": deployment("x/y:1", marker)}, "A marker for a policy to come")
        automation(fleet.space, "fleet", source="fleet")
        fleet.wait_commits(3)
        assert "app:1.0.1 #" in fleet.repository.file("app.yaml")
        found = fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message="other.yaml:10: .*nobody")
        (finding,) = found["status"]["findings"]
        assert (finding["file"], finding["line"], finding["reason"]) == ("other.yaml", 10, "UnknownPolicy")
        fleet.space.wait_event(
            "ImageUpdateAutomation", "fleet", type="Warning", reason="UnknownPolicy", message="other.yaml:10: .*nobody"
        )
        semver_policy(fleet.space, "nobody", repository="app")
        fleet.wait_commits(4)
        found = fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
        eventually(
            lambda: "findings" not in fleet.space.get("ImageUpdateAutomation", "fleet")["status"],
            what="the finding to go",
        )

    def test_file_that_is_not_yaml_beside_one_that_is(self, fleet: Fleet) -> None:
        broken = f'a: [1\nb: x # {{"$imagepolicy": "{fleet.marker}"}}\n'
        fleet.repository.commit({"broken.yaml": broken}, "Somebody's slip")
        automation(fleet.space, "fleet", source="fleet")
        fleet.wait_commits(3)
        assert "app:1.0.1 #" in fleet.repository.file("app.yaml")
        assert fleet.repository.file("broken.yaml") == broken
        found = fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message="broken.yaml")
        (finding,) = found["status"]["findings"]
        assert (finding["file"], finding["reason"]) == ("broken.yaml", "NotYAML")
        fleet.space.wait_event(
            "ImageUpdateAutomation", "fleet", type="Warning", reason="NotYAML", message="broken.yaml"
        )
        fleet.repository.commit({"broken.yaml": deployment(f"{fleet.image}:1.0.0", fleet.marker)}, "Mended")
        fleet.space.request("ImageUpdateAutomation", "fleet")
        fleet.wait_commits(5)

    def test_push_that_somebody_else_was_faster_with(self, fleet: Fleet) -> None:
        proxy = InterferingProxy(fleet.repository.host.url)
        try:
            path = fleet.repository.url.removeprefix(fleet.repository.host.url)
            fleet.space.patch("GitRepository", "fleet", {"url": proxy.url + path})
            proxy.before_push.append(lambda: fleet.repository.commit({"README.md": "# theirs\n"}, "Somebody else"))
            automation(fleet.space, "fleet", source="fleet")
            assert fleet.wait_commits(3) == ["Update images", "Somebody else", "Start"]
            assert fleet.repository.file("README.md") == "# theirs\n"
            assert "app:1.0.1 #" in fleet.repository.file("app.yaml")
            fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
            assert fleet.space.events("ImageUpdateAutomation", "fleet", type="Warning") == []
            fleet.space.wait_event(
                "ImageUpdateAutomation", "fleet", type="Normal", reason="Succeeded", message="after 1 retry"
            )
        finally:
            proxy.close()
