"""Registries below a path, as Artifactory and Nexus have them."""

import pytest

from controllers.image.reference import Image
from controllers.registry.locations import Location, locate, parse_path_prefixes
from controllers.registry.settings import RegistrySettings
from testing.registry_harness import ANONYMOUS, MINUTE, run_harness
from testing.registry_server import ReceivedRequest, RegistryHandler, Reply, run_server

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("rules", "image", "location"),
    [
        pytest.param([], Image("a.io", "x/y"), Location("a.io", "x/y"), id="no-rule"),
        pytest.param(
            ["a.io/docker=/artifactory/api/docker/docker"],
            Image("a.io", "docker/team/app"),
            Location("a.io/artifactory/api/docker/docker", "team/app"),
            id="one-repository",
        ),
        pytest.param(
            ["a.io/*=/artifactory/api/docker/*/"],
            Image("a.io", "local/app"),
            Location("a.io/artifactory/api/docker/local", "app"),
            id="all-repositories",
        ),
        pytest.param(
            ["local.a.io=/artifactory/api/docker/local"],
            Image("local.a.io", "team/app"),
            Location("local.a.io/artifactory/api/docker/local", "team/app"),
            id="host",
        ),
        pytest.param(["a.io/x=/y"], Image("a.io", "xx/app"), Location("a.io", "xx/app"), id="another-segment"),
        pytest.param(["a.io/*=/y/*"], Image("a.io", "app"), Location("a.io", "app"), id="nothing-left"),
        pytest.param(["a.io=/y"], Image("a.io:8081", "x/app"), Location("a.io:8081", "x/app"), id="another-port"),
        pytest.param(["a.io:8081=/y"], Image("a.io:8081", "app"), Location("a.io:8081/y", "app"), id="port"),
        pytest.param(["a.io/x=/1", "a.io/*=/2"], Image("a.io", "x/app"), Location("a.io/1", "app"), id="first-counts"),
    ],
)
def test_images_are_located(rules: list[str], image: Image, location: Location) -> None:
    assert locate(image, parse_path_prefixes(rules)) == location


@pytest.mark.parametrize(
    "rule", ["a.io", "a.io=", "=/x", "a.io=x", "a.io/x/y=/z", "a.io=/../x", "a.io=/x?y", "a.io/x=/y/*", "a.io=//"]
)
def test_rules_that_cannot_be_used(rule: str) -> None:
    with pytest.raises(ValueError, match="want host=/path"):
        parse_path_prefixes([rule])


@pytest.mark.parametrize("auth", ["none", "bearer"])
async def test_a_registry_below_a_path_is_asked_there_for_everything(auth: str) -> None:
    registry = RegistryHandler({"app": [f"1.{n}" for n in range(4)]}, auth=auth, page_size=3, digests={"1.0": DIGEST})
    prefix = "/artifactory/api/docker/local"

    def below(asked: ReceivedRequest) -> Reply:
        if not asked.target.startswith(f"{prefix}/"):
            return Reply(404)
        # Its links and challenges know nothing of the path in front of them, as behind a proxy.
        return registry(ReceivedRequest(asked.method, asked.target.removeprefix(prefix), asked.headers, asked.body))

    async with run_server(below) as server:
        rules = parse_path_prefixes([f"{server.address}/local={prefix}"])
        registry.realm = f"http://{server.address}{prefix}/token"
        image = Image(server.address, "local/app")
        async with run_harness(below, settings=RegistrySettings(path_prefixes=rules)) as b:
            found = await b.client.list_tags(image, ANONYMOUS, timeout=MINUTE)
            assert found.tags == ["1.0", "1.1", "1.2", "1.3"]
            assert await b.client.resolve_digest(image, "1.0", ANONYMOUS, timeout=MINUTE) == DIGEST
        scopes = [asked.target for asked in server.asked if "scope=repository%3Aapp%3Apull" in asked.target]
        assert bool(scopes) == (auth == "bearer")
