"""`docs/from/flux.md`: the steps of the page, both ways, in a cluster that Flux manages from Git.

source- and kustomize-controller run as processes; Flux's image controllers cannot be had here, so what they leave is
written by the test: objects with their finalizers and status, some stored in a version that Flux serves no more.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.cluster import REQUESTED_AT, condition, eventually
from e2e.engine_world import EngineWorld, engine_world
from e2e.flux_world import FLUX_FINALIZER, IMAGE_KINDS, WHEN, FluxWorld, flux_world, image_crds, older
from hack.cligolden.statuses import Statuses
from hack.controllers import NAMESPACE
from hack.env import flux, tools
from hack.pages.blocks import blocks_below

MISSING = flux.find_built() is None or tools.find_built("flux") is None or tools.find_built("controller-gen") is None
pytestmark = pytest.mark.skipif(MISSING, reason="needs what these build: make flux-cli flux-engines")

PAGE = "docs/from/flux.md"
IMAGE = "org/web"
NS = flux.NAMESPACE
GROUP = "image.toolkit.fluxcd.io"
NAMES = {"imagerepositories": "web", "imagepolicies": "web", "imageupdateautomations": "fleet"}
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: web
        image: {image}:1.0.0 # {{"$imagepolicy": "flux-system:web"}}
"""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineWorld]:
    """Yield an environment in which Flux's source- and kustomize-controller run, and Flux's image CRDs are old."""
    with engine_world(tmp_path_factory.mktemp("beside")) as made:
        made.apply([older(crd, storing="v1beta2") for crd in image_crds()])
        eventually(
            lambda: made.kubectl("get", "imagepolicies", "-A", check=False).returncode == 0, what="Flux's image CRDs"
        )
        yield made


@pytest.fixture(scope="module")
def world(parts: EngineWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FluxWorld]:
    """Yield the cluster as Flux's controllers have left it: synced from Git, 1.0.0 deployed, nothing to do."""
    parts.pusher.push(IMAGE, "1.0.0")
    parts.kubectl("create", "namespace", "apps")
    for document in objects(parts):
        status = document.pop("status", None)
        parts.apply([document])
        if status:
            write_status(parts, document["kind"], document["metadata"]["name"], status)
    with flux_world(parts, tmp_path_factory.mktemp("owner")) as made:
        files = {"apps/web.yaml": DEPLOYMENT.format(image=image(parts))}
        made.repository.commit(files, "Update from image update automation")
        made.shell("git pull -q && flux reconcile source git flux-system")
        eventually(lambda: deployed(made) == "1.0.0", what="the application in the cluster", seconds=40)
        head = made.repository.head()
        last = {"lastPushCommit": head, "observedSourceRevision": f"main@sha1:{head}"}
        write_status(parts, "ImageUpdateAutomation", "fleet", last)
        yield made


def write_status(parts: EngineWorld, kind: str, name: str, status: dict[str, Any]) -> None:
    """Merge into a status, as the object's controller does."""
    patch = json.dumps({"status": status})
    parts.kubectl("patch", kind, name, "-n", NS, "--subresource=status", "--type=merge", "-p", patch)


def image(parts: EngineWorld) -> str:
    return f"{parts.env.registry}/{IMAGE}"


def objects(parts: EngineWorld) -> list[dict[str, Any]]:
    """Return the objects as Flux's image controllers have them, with their finalizers and status."""
    env = parts.env
    auth = {"auths": {env.registry: {"username": env.registry_user, "password": env.registry_password}}}
    pull = {
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "pull", "namespace": NS}, "stringData": {".dockerconfigjson": json.dumps(auth)},
    }  # fmt: skip
    repository = {"image": image(parts), "interval": "1h", "secretRef": {"name": "pull"}}
    scan = {"latestTags": ["1.0.0"], "scanTime": WHEN, "tagCount": 1}
    policy = {"imageRepositoryRef": {"name": "web"}, "policy": {"semver": {"range": "^1"}}}
    chosen = {"name": image(parts), "tag": "1.0.0"}
    automation = {
        "interval": "1h",
        "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
        "git": {
            "checkout": {"ref": {"branch": "main"}},
            "commit": {"author": {"name": "fluxcdbot", "email": "fluxcdbot@example.com"}},
            "push": {"branch": "main"},
        },
        "update": {"path": "./apps", "strategy": "Setters"},
    }
    return [
        pull,
        flux_object(
            "ImageRepository", "web", repository,
            {"canonicalImageName": image(parts), "lastScanResult": scan, "observedExclusionList": [r"^.*\.sig$"]},
        ),
        flux_object("ImagePolicy", "web", policy, {"latestRef": chosen}),
        flux_object(
            "ImageUpdateAutomation", "fleet", automation,
            {"lastAutomationRunTime": WHEN, "lastPushTime": WHEN, "observedPolicies": {"web": chosen}},
        ),
        flux_object("ImageRepository", "other", {"image": f"{env.open_registry}/none", "interval": "1h"}, {}),
    ]  # fmt: skip


def flux_object(kind: str, name: str, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    ready = {
        "type": "Ready", "status": "True", "reason": "Succeeded", "message": "done by Flux",
        "lastTransitionTime": WHEN, "observedGeneration": 1,
    }  # fmt: skip
    return {
        "apiVersion": f"{GROUP}/v1beta2",
        "kind": kind,
        "metadata": {
            "name": name, "namespace": NS, "finalizers": [FLUX_FINALIZER],
            "labels": {"team": "web"}, "annotations": {"contact": "web@example.com"},
        },
        "spec": spec,
        "status": {"conditions": [ready], "observedGeneration": 1, **status},
    }  # fmt: skip


def deployed(world: FluxWorld) -> str:
    """Return the tag of the application in the cluster; empty while there is none."""
    found = world.parts.api.get("Deployment", "apps", "web")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2] if found else ""


def kept(world: FluxWorld) -> dict[str, Any]:
    """Return of all image objects what nobody may lose: what their owner wrote, and who they are."""
    found = {}
    for kind in IMAGE_KINDS:
        for item in world.get(kind)["items"]:
            meta = item["metadata"]
            own = {key: value for key, value in meta.get("annotations", {}).items() if key != REQUESTED_AT}
            own.pop("kubectl.kubernetes.io/last-applied-configuration", None)
            found[f"{kind}/{meta['name']}"] = (meta["uid"], meta["labels"], own, item["spec"])
    return found


def finalizers(world: FluxWorld) -> list[str]:
    """Return the finalizers of all image objects."""
    items = [item for kind in IMAGE_KINDS for item in world.get(kind)["items"]]
    return [name for item in items for name in item["metadata"].get("finalizers", [])]


def crd_versions(world: FluxWorld) -> dict[str, list[str]]:
    """Return the versions that each image CRD lists, served or not."""
    return {
        kind: [version["name"] for version in world.get("crd", f"{kind}.{GROUP}")["spec"]["versions"]]
        for kind in IMAGE_KINDS
    }


def replicas(world: FluxWorld) -> dict[str, int]:
    """Return how many of each of Flux's image controllers there are to be."""
    found = {item["metadata"]["name"]: item["spec"]["replicas"] for item in world.get("deployments")["items"]}
    return {name: count for name, count in found.items() if name.startswith("image-")}


def play(world: FluxWorld, heading: str) -> str:
    """Write the files and run the commands that the page has below a heading; return what they print."""
    printed = []
    for block in blocks_below(PAGE, heading):
        if block.file_name:
            (world.checkout / block.file_name).write_text(block.body)
        else:
            printed.append(world.shell(block.body))
    return "".join(printed)


def test_the_switch_and_the_way_back_lose_nothing_and_commit_nothing(world: FluxWorld) -> None:
    before, head = kept(world), world.repository.head()
    assert set(before) == {"imagerepositories/other", *(f"{kind}/{name}" for kind, name in NAMES.items())}
    assert set(world.get("crd", f"imagepolicies.{GROUP}")["status"]["storedVersions"]) == {"v1beta2", "v1"}
    gitrepositories = world.get("crd", "gitrepositories.source.toolkit.fluxcd.io")["metadata"]["uid"]
    assert "imagepolicy/web" in world.shell("flux get images all")
    theirs = crd_versions(world)

    # Look first; and nobody can forget the first step.
    assert "would push" not in play(world, "Look first")
    refused = world.shell("tagline install --with=flux-sources,flux-notifications", status=1)
    assert f"Flux's image controllers run in this cluster ({NS}/image-automation-controller, " in refused
    assert crd_versions(world) == theirs

    with Statuses(world.parts.api, ("Deployment",), NAMESPACE, lambda: ("main", head)) as ready:
        assert "install finished" in play(world, "The switch")
    assert not ready.error
    assert replicas(world) == {"image-automation-controller": 0, "image-reflector-controller": 0}
    ours = crd_versions(world)
    assert {"v1alpha1", "v1alpha2", "v1beta1", "v1beta2", "v1"} <= set(ours["imagepolicies"])
    world.shell("flux reconcile kustomization flux-system --with-source")
    assert crd_versions(world) == ours  # Flux does not put its own back
    assert kept(world) == before
    assert finalizers(world) == [FLUX_FINALIZER] * len(before)
    head = world.repository.head()

    with world.parts.controllers():
        for kind, name in NAMES.items():
            wait_until_taken_over(world, kind, name)
        assert kept(world) == before
        assert world.repository.head() == head
        for command in (
            "get images all", "reconcile image repository web", "reconcile image policy web",
            "suspend image update fleet", "resume image update fleet", "reconcile image update fleet",
            "get sources git", "get kustomizations",
        ):  # fmt: skip
            world.shell(f"flux {command} --timeout=30s")
        assert world.repository.head() == head

        world.parts.pusher.push(IMAGE, "1.0.1")
        world.shell("flux reconcile image repository web")
        eventually(lambda: world.repository.head() != head, what="a commit")
        world.shell("flux reconcile source git flux-system")
        eventually(lambda: deployed(world) == "1.0.1", what="1.0.1 in the cluster", seconds=40)
        world.shell("flux reconcile image update fleet")
        (commit,) = world.repository.log("--format=%an:%s", f"{head}..origin/main").splitlines()
        assert commit == "fluxcdbot:Update from image update automation"

        world.parts.kubectl(
            "delete", "imagerepository", "other", "-n", NS, "--timeout=20s"
        )  # in spite of its finalizer
    del before["imagerepositories/other"]

    play(world, "The way back")
    assert crd_versions(world) == theirs
    assert replicas(world) == {"image-automation-controller": 1, "image-reflector-controller": 1}
    assert kept(world) == before
    assert world.shell("flux get images all").count("True") >= len(NAMES)
    assert world.get("crd", "gitrepositories.source.toolkit.fluxcd.io")["metadata"]["uid"] == gitrepositories
    assert world.repository.log("-1", "--format=%s").startswith('Revert "Image automation is tagline')
    assert deployed(world) == "1.0.1"
    left = world.shell(
        "kubectl get all,sa,cm,ns,crd,clusterroles,clusterrolebindings -A -l app.kubernetes.io/part-of=tagline -o name"
    )
    assert sorted(line for line in left.splitlines() if "/" in line) == []


def wait_until_taken_over(world: FluxWorld, kind: str, name: str) -> None:
    """Wait until tagline has brought an object to a Ready condition of its own."""

    def probe() -> bool:
        ready = condition(world.get(kind, name), "Ready")
        return ready.get("status") == "True" and ready["message"] != "done by Flux"

    eventually(probe, what=f"{kind} {name} to be ready again")
