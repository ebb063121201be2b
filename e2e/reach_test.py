"""`controllers.update.reach`: other namespaces, and values without markers, with the installed roles."""

import json
from collections.abc import Iterator

import pytest

from e2e.cluster import Space
from e2e.fleet import Fleet
from e2e.kubeapi import KubeApi
from e2e.objects import automation, deployment, image_repository, semver_policy
from e2e.running import Running

KIND = "ImageUpdateAutomation"


@pytest.fixture
def team(fleet: Fleet, kube_api: KubeApi) -> Iterator[Space]:
    """Yield another namespace, with a policy on the image of the fleet, and a marker of it in the repository."""
    name = f"{fleet.space.name[:50]}-team"
    kube_api.create_namespace(name)
    space = Space(fleet.space.kubectl, kube_api, name)
    image_repository(space, "app", fleet.image)
    semver_policy(space, "app")
    space.wait_ready("ImagePolicy", "app", message="1.0.1")
    fleet.repository.commit({"team.yaml": deployment(f"{fleet.image}:0.1.0", f"{name}:app", "team")}, "Add the team's")
    yield space
    kube_api.delete_namespace(name)


@pytest.fixture
def opened(any_controllers: Running) -> Iterator[None]:
    """Let automations use what other namespaces allow them to, which the manifests forbid."""
    any_controllers.stop("imageupdateautomation")
    any_controllers.start("imageupdateautomation", flags=("--no-cross-namespace-refs=false",))
    yield
    any_controllers.stop("imageupdateautomation")
    any_controllers.start("imageupdateautomation")


def ask(fleet: Fleet, team: Space) -> None:
    selector = {"matchLabels": {"kubernetes.io/metadata.name": team.name}}
    automation(fleet.space, "fleet", source="fleet", policyNamespaces={"namespaceSelectors": [selector]})


@pytest.mark.usefixtures("opened")
def test_policy_of_another_namespace_is_used_as_soon_as_it_allows_it(fleet: Fleet, team: Space) -> None:
    ask(fleet, team)
    found = fleet.space.wait(
        KIND, "fleet", lambda o: bool(o.get("status", {}).get("findings")), what="a finding of who refuses"
    )
    (finding,) = found["status"]["findings"]
    assert (finding["reason"], finding["file"]) == ("PolicyAccessDenied", "team.yaml")
    fleet.space.kubectl("label", "namespace", fleet.space.name, "tier=fleet")
    team.patch("ImagePolicy", "app", {"accessFrom": {"namespaceSelectors": [{"matchLabels": {"tier": "fleet"}}]}})
    fleet.wait_commits(4)
    assert f"{fleet.image}:1.0.1 #" in fleet.repository.file("team.yaml")
    both = {"app", f"{team.name}/app"}
    fleet.space.wait(KIND, "fleet", lambda o: set(o["status"]["observedPolicies"]) == both, what="both policies")

    fleet.push_tag("1.0.2")  # asks for a scan in the fleet's namespace alone
    fleet.wait_commits(5)
    team.request("ImageRepository", "app")
    fleet.wait_commits(6)
    assert f"{fleet.image}:1.0.2 #" in fleet.repository.file("team.yaml")

    fleet.space.kubectl("label", "namespace", fleet.space.name, "tier-")
    fleet.space.wait(
        KIND, "fleet", lambda o: f"{team.name}/app" not in o["status"]["observedPolicies"], what="access to be gone"
    )


def test_flag_wins_over_both_sides(fleet: Fleet, team: Space, any_controllers: Running) -> None:
    any_controllers.stop("imageupdateautomation")
    any_controllers.start("imageupdateautomation", flags=("--no-cross-namespace-refs=true",))
    try:
        team.patch("ImagePolicy", "app", {"accessFrom": {"namespaceSelectors": [{}]}})
        ask(fleet, team)
        fleet.wait_commits(3)
        found = fleet.space.wait_ready(KIND, "fleet")
        assert found["status"]["findings"][0]["reason"] == "CrossNamespaceBlocked"
        assert f"{fleet.image}:0.1.0 #" in fleet.repository.file("team.yaml")
    finally:
        any_controllers.stop("imageupdateautomation")
        any_controllers.start("imageupdateautomation")


@pytest.mark.uncommon_commits("targets name values that have no markers")
def test_targets_in_json_and_yaml_without_comments(fleet: Fleet) -> None:
    values = {"image": {"repository": fleet.image, "tag": "1.0.0"}, "ports": [80]}
    text = json.dumps(values, indent=3) + "\n\n"
    package = json.dumps({"image": {"tag": "not mine"}})
    generated = f"spec:\n  containers:\n  - image: '{fleet.image}:1.0.0'\n    name: web\n"
    fleet.repository.commit(
        {"deploy/values.json": text, "other/values.json": package, "deploy/generated.yaml": generated}, "Add files"
    )
    targets = [
        {"file": "deploy/values.json", "path": "$.image.tag", "policy": "app", "part": "tag"},
        {"file": "deploy/*.yaml", "path": "$.spec.containers[?(@.name=='web')].image", "policy": "app"},
        {"file": "missing.json", "path": "/a", "policy": "app"},
    ]
    automation(fleet.space, "fleet", source="fleet", update={"strategy": "Setters", "targets": targets})
    fleet.wait_commits(3)
    assert fleet.repository.file("deploy/values.json") == text.replace('"1.0.0"', '"1.0.1"')
    assert fleet.repository.file("deploy/generated.yaml") == generated.replace(":1.0.0", ":1.0.1")
    assert fleet.repository.file("other/values.json") == package
    found = fleet.space.wait_ready(KIND, "fleet")
    assert [(one["reason"], one["file"]) for one in found["status"]["findings"]] == [("TargetNotFound", "missing.json")]
    fleet.space.request_and_wait(KIND, "fleet")
    fleet.wait_commits(3)
