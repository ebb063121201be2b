"""`manifests/components/shards`: each object has one Deployment, with a lease of its own, and rights for that."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from e2e import manifests, metrics
from e2e.cluster import Space, eventually
from e2e.conftest import FLAGS, Parts
from e2e.manifests import Objects
from hack.controllers import NAMESPACE, Controllers, Kubectl
from hack.env import process
from hack.oci import Pusher
from hack.shards import CONTROLLERS, LABEL, SHARDS

KIND: Final = "imagerepository"
PLACES: Final = ("", "shard1", "shard2")
"""The Deployments of a kind: for objects without the label, and for the shards that the tests list."""
COMPONENTS: Final = ("shards", "shards/shard1", "shards/shard2")


@pytest.fixture(scope="module")
def rendered(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """Return the manifests with two shards."""
    return manifests.parse(manifests.render(parts.kubectl, tmp_path_factory.mktemp("kustomize"), *COMPONENTS))


def name_of(controller: str, place: str) -> str:
    return f"{controller}-{place}" if place else controller


def selector(objects: Objects, controller: str) -> str:
    flag = "--watch-label-selector="
    (found,) = (arg for arg in manifests.arguments(objects, controller) if arg.startswith(flag))
    return found.removeprefix(flag)


def test_each_controller_has_a_deployment_for_each_shard_and_one_for_the_rest(rendered: Objects) -> None:
    deployments = {o["metadata"]["name"]: o["spec"] for o in rendered if o["kind"] == "Deployment"}
    assert deployments.keys() == {name_of(controller, place) for controller in CONTROLLERS for place in PLACES}
    for controller in CONTROLLERS:
        found = [selector(rendered, name_of(controller, place)) for place in PLACES]
        assert found == [f"!{LABEL}", f"{LABEL}=shard1", f"{LABEL}=shard2"]
        assert {
            deployments[name_of(controller, place)]["template"]["spec"]["serviceAccountName"] for place in PLACES
        } == {controller}


def test_no_deployment_selects_the_pods_of_another(rendered: Objects) -> None:
    specs = [o["spec"] for o in rendered if o["kind"] == "Deployment"]
    for spec in specs:
        pods = [other["template"]["metadata"]["labels"] for other in specs]
        assert sum(spec["selector"]["matchLabels"].items() <= labels.items() for labels in pods) == 1


def test_shards_share_the_accounts_and_rights_of_their_controllers(
    rendered: Objects, parts: Parts, tmp_path: Path
) -> None:
    plain = manifests.parse(manifests.render(parts.kubectl, tmp_path))

    def others(objects: Objects) -> list[tuple[str, str]]:
        return [(o["kind"], o["metadata"]["name"]) for o in objects if o["kind"] != "Deployment"]

    assert others(rendered) == others(plain)


def test_components_that_change_deployments_change_those_of_shards(parts: Parts, tmp_path: Path) -> None:
    more = (*COMPONENTS, "high-availability", "flux-notifications", "cross-namespace-sources")
    objects = manifests.parse(manifests.render(parts.kubectl, tmp_path, *more))
    for deployment in (o for o in objects if o["kind"] == "Deployment"):
        arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        assert deployment["spec"]["replicas"] == 2
        assert any("notification-controller" in argument for argument in arguments)
        if deployment["metadata"]["name"].startswith("imageupdateautomation"):
            assert arguments[-1] == "--no-cross-namespace-refs=false"


def test_pods_of_shards_count_in_the_budget_of_their_controller(parts: Parts, tmp_path: Path) -> None:
    objects = manifests.parse(manifests.render(parts.kubectl, tmp_path, *COMPONENTS, "high-availability"))
    budgets = [o for o in objects if o["kind"] == "PodDisruptionBudget"]
    for deployment in (o for o in objects if o["kind"] == "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        (budget,) = (one for one in budgets if one["spec"]["selector"]["matchLabels"].items() <= labels.items())
        assert deployment["metadata"]["name"].startswith(budget["metadata"]["name"])


def test_all_shards_fit_together(parts: Parts, tmp_path: Path) -> None:
    every = [f"shards/shard{number}" for number in range(1, SHARDS + 1)]
    objects = manifests.parse(manifests.render(parts.kubectl, tmp_path, "shards", *every))
    assert sum(o["kind"] == "Deployment" for o in objects) == 3 * (SHARDS + 1)
    for role in (o for o in objects if o["kind"] == "Role"):
        leases = role["rules"][1]["resourceNames"]
        assert len(leases) == len(set(leases)) == SHARDS + 2  # with that of an installation without shards


@pytest.fixture
def shards(
    controllers: Controllers | None, rendered: Objects, cluster: Parts, namespace: str, tmp_path: Path
) -> Iterator[dict[str, Controllers]]:
    """Run the scanners of two shards and of the rest, with the rights and flags of the manifests."""
    if controllers is None:
        pytest.skip("the controllers run in the cluster: their flags are not ours to set")
    controllers.stop(KIND)
    roles = json.dumps({"apiVersion": "v1", "kind": "List", "items": [o for o in rendered if o["kind"] == "Role"]})
    cluster.kubectl("apply", "-f", "-", stdin=roles)
    running: dict[str, Controllers] = {}
    try:
        for place in PLACES:
            chosen = selector(rendered, name_of(f"{KIND}-controller", place))
            flags = (*FLAGS, "--enable-leader-election", f"--watch-label-selector={chosen}")
            folder = tmp_path / (place or "rest")
            folder.mkdir()
            running[place] = Controllers(folder, controllers.kubeconfigs, flags)
            running[place].start(KIND)
        yield running
    finally:
        for one in running.values():
            for child in one.processes.values():
                process.stop(child)
        controllers.start(KIND)


def runs(shards: dict[str, Controllers], space: Space, name: str) -> dict[str, float]:
    """Return how many runs each process made over an object, if any."""
    sample = "gotk_reconcile_duration_seconds_count"
    found = {
        place: metrics.total(one.metrics[KIND], sample, name=name, namespace=space.name)
        for place, one in shards.items()
    }
    return {place: count for place, count in found.items() if count}


def set_shard(kubectl: Kubectl, space: Space, name: str, shard: str) -> None:
    kubectl("label", "imagerepository", name, "-n", space.name, "--overwrite", f"{LABEL}={shard}")


def leases(kubectl: Kubectl) -> dict[str, str]:
    """Return who holds which lease of the scanners."""
    listed = json.loads(kubectl("get", "leases", "-n", NAMESPACE, "-o", "json").stdout)["items"]
    return {
        one["metadata"]["name"]: one["spec"].get("holderIdentity", "")
        for one in listed
        if one["metadata"]["name"].startswith(f"{KIND}-controller-leader-election-")
    }


def test_each_object_is_handled_by_exactly_one_shard_and_follows_its_label(
    shards: dict[str, Controllers], space: Space, parts: Parts, open_registry: Pusher
) -> None:
    holders = eventually(
        lambda: found if len(found := {n: h for n, h in leases(space.kubectl).items() if h}) == len(PLACES) else {},
        what="a leader in each shard",
    )
    assert len(set(holders.values())) == len(PLACES)
    open_registry.push_tags(f"{space.name}/app", ["1.0.0"])
    image = f"{parts.open_registry}/{space.name}/app"
    for place in (*PLACES, "shard9"):
        labels = {LABEL: place} if place else {}
        space.apply("ImageRepository", f"app{place}", {"image": image, "interval": "1h"}, labels=labels)
    for place in PLACES:
        space.wait_ready("ImageRepository", f"app{place}")
        space.request_and_wait("ImageRepository", f"app{place}")
        assert runs(shards, space, f"app{place}").keys() == {place}
    assert runs(shards, space, "appshard9") == {}
    assert "conditions" not in space.get("ImageRepository", "appshard9")["status"]

    set_shard(space.kubectl, space, "app", "shard2")
    eventually(lambda: "" not in runs(shards, space, "app"), what="the first process to let go of the object")
    space.request_and_wait("ImageRepository", "app")
    assert runs(shards, space, "app").keys() == {"shard2"}
