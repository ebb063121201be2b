"""`manifests/components/receiver`: what its account may do, as a real API server sees it; hints, and hostile ones."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.names import PUSHED_TAGS, REQUESTED_AT
from api.pushedtags import PushedTag, encode_pushed_tags
from e2e import manifests, receiver_process
from e2e.cluster import Space, eventually
from e2e.conftest import Parts
from e2e.objects import image_repository
from hack.controllers import ROOT, Kubectl
from hack.oci import Pusher
from hack.pages.blocks import blocks_of
from testing.address import HOST

AT = "2026-11-30T09:00:00.000000001Z"
FINALIZER = "finalizers.fluxcd.io"


@pytest.fixture(scope="module")
def component(cluster: Parts, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Return kubectl as the receiver's account, with the component installed."""
    folder = tmp_path_factory.mktemp("receiver")
    return Kubectl(cluster.kubectl.program, receiver_process.install(cluster, folder, "receiver"))


def merge(kubectl: Kubectl, space: Space, kind: str, change: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    return kubectl("patch", kind, "app", "-n", space.name, "--type=merge", "-p", json.dumps(change), check=False)


@pytest.fixture
def repository(space: Space, component: Kubectl) -> Space:
    """Return a namespace with an ImageRepository and a Receiver, both called app, and the policy at work."""
    image_repository(space, "app", f"{HOST}:1/org/app", suspend=True)
    receiver = {
        "type": "harbor",
        "secretRef": {"name": "hook"},
        "resources": [{"kind": "ImageRepository", "name": "*"}],
    }
    space.apply("Receiver", "app", receiver, labels={"team": "a"})
    metadata = {"finalizers": [FINALIZER], "annotations": {"of": "others"}}
    space.api.merge(
        "notification.toolkit.fluxcd.io/v1", "Receiver", namespace=space.name, name="app", change={"metadata": metadata}
    )
    space.api.merge(
        "image.toolkit.fluxcd.io/v1",
        "ImageRepository",
        namespace=space.name,
        name="app",
        change={"metadata": {"annotations": {"of": "others"}}},
    )
    forbidden = {"spec": {"interval": "9h"}}  # the API server takes a moment to heed a new policy
    eventually(
        lambda: merge(component, space, "imagerepository", forbidden).returncode,
        what="the admission policy to be at work",
    )
    return space


def test_the_receiver_may_ask_for_a_scan(repository: Space, component: Kubectl) -> None:
    pushed = encode_pushed_tags([PushedTag(tag="1.0", at=AT)])
    done = merge(
        component, repository, "imagerepository", {"metadata": {"annotations": {REQUESTED_AT: AT, PUSHED_TAGS: pushed}}}
    )
    assert done.returncode == 0, done.stderr
    again = merge(
        component,
        repository,
        "imagerepository",
        {"metadata": {"annotations": {REQUESTED_AT: "later", PUSHED_TAGS: None}}},
    )
    assert again.returncode == 0, again.stderr
    assert repository.get("ImageRepository", "app")["metadata"]["annotations"] == {
        "of": "others",
        REQUESTED_AT: "later",
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"spec": {"image": "evil.example.com/app"}}, "may not change a spec", id="image"),
        pytest.param({"spec": {"suspend": False}}, "may not change a spec", id="resume"),
        pytest.param({"spec": {"secretRef": {"name": "other"}}}, "may not change a spec", id="secret"),
        pytest.param({"metadata": {"labels": {"a": "b"}}}, "neither labels nor owners nor finalizers", id="label"),
        pytest.param(
            {"metadata": {"finalizers": ["a.example.com/b"]}},
            "neither labels nor owners nor finalizers",
            id="finalizer",
        ),
        pytest.param(
            {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"}]}},
            "neither labels nor owners nor finalizers",
            id="owner",
        ),
        pytest.param(
            {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}},
            "no annotations but those",
            id="other-annotation",
        ),
        pytest.param(
            {"metadata": {"annotations": {"of": "mine"}}}, "no annotations but those", id="changed-annotation"
        ),
        pytest.param({"metadata": {"annotations": {"of": None}}}, "no annotations but those", id="removed-annotation"),
        pytest.param(
            {"metadata": {"annotations": {REQUESTED_AT: AT}}, "spec": {"interval": "1s"}},
            "may not change a spec",
            id="both",
        ),
    ],
)
def test_the_receiver_may_change_nothing_else_of_an_image_repository(
    repository: Space, component: Kubectl, change: Mapping[str, Any], why: str
) -> None:
    before = repository.get("ImageRepository", "app")
    done = merge(component, repository, "imagerepository", change)
    assert done.returncode, "it was taken"
    assert why in done.stderr
    assert (
        repository.get("ImageRepository", "app")["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    )


def test_of_receivers_it_may_take_off_the_finalizer_alone(repository: Space, component: Kubectl) -> None:
    for change in (
        {"spec": {"suspend": True}},
        {"metadata": {"labels": {"team": "b"}}},
        {"metadata": {"annotations": {"a": "b"}}},
    ):
        assert "the receiver may" in merge(component, repository, "receiver", change).stderr
    assert merge(component, repository, "receiver", {"metadata": {"finalizers": []}}).returncode == 0
    done = component(
        "patch",
        "receiver",
        "app",
        "-n",
        repository.name,
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps({"status": {"webhookPath": "/hook/1"}}),
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_others_may_change_what_they_could_before(repository: Space) -> None:
    repository.patch("ImageRepository", "app", {"interval": "2h"})
    repository.patch("Receiver", "app", {"suspend": True})
    assert repository.get("ImageRepository", "app")["spec"]["interval"] == "2h"


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("get", "secrets", True),
        ("list", "secrets", False),
        ("watch", "secrets", False),
        ("delete", "imagerepositories.image.toolkit.fluxcd.io", False),
        ("create", "imagerepositories.image.toolkit.fluxcd.io", False),
        ("update", "imagerepositories.image.toolkit.fluxcd.io", False),
        ("patch", "imagerepositories.image.toolkit.fluxcd.io", True),
        ("patch", "imagerepositories.image.toolkit.fluxcd.io/status", False),
        ("get", "imagepolicies.image.toolkit.fluxcd.io", False),
        ("get", "gitrepositories.source.toolkit.fluxcd.io", False),
        ("create", "receivers.notification.toolkit.fluxcd.io", False),
        ("create", "serviceaccounts/token", False),
    ],
)
def test_rights_of_the_account(component: Kubectl, verb: str, resource: str, *, allowed: bool) -> None:
    name, _, subresource = resource.partition("/")
    flags = [f"--subresource={subresource}"] if subresource else []
    said = component("auth", "can-i", verb, name, "-A", *flags, check=False).stdout.strip()
    assert said == ("yes" if allowed else "no")


def test_annotation_of_fluxs_notification_controller_makes_a_scan(
    space: Space, parts: Parts, open_registry: Pusher
) -> None:
    """It patches what Go prints of a time, and nothing else."""
    open_registry.push_tags(f"{space.name}/app", ["1.0.0"])
    image_repository(space, "app", f"{parts.open_registry}/{space.name}/app")
    space.wait_ready("ImageRepository", "app", message="found 1 tags")
    open_registry.push(f"{space.name}/app", "1.0.1")
    at = "2026-11-30 09:00:00.123456789 +0000 UTC m=+86400.987654321"
    change = {"metadata": {"annotations": {REQUESTED_AT: at}}}
    space.api.merge("image.toolkit.fluxcd.io/v1", "ImageRepository", namespace=space.name, name="app", change=change)
    found = space.wait_ready("ImageRepository", "app", message="found 2 tags")
    assert found["status"]["lastHandledReconcileAt"] == at


def test_hints_complete_the_list_and_hostile_ones_do_nothing(space: Space, parts: Parts, open_registry: Pusher) -> None:
    open_registry.push_tags(f"{space.name}/app", ["1.0.0"])
    image_repository(space, "app", f"{parts.open_registry}/{space.name}/app")
    scanned = space.wait_ready("ImageRepository", "app", message="found 1 tags")["status"]["lastScanResult"]["scanTime"]
    open_registry.push_tags(f"{space.name}/app", ["1.0.1", "1.0.2"])
    _announce(space, "a", ["1.0.1", "9.9.9", "../../../v2", "\u0000", "x" * 200])
    found = space.wait_ready("ImageRepository", "app", message="found 2 tags")
    assert found["status"]["lastScanResult"]["latestTags"] == ["1.0.1", "1.0.0"], "1.0.2 was not announced"
    assert found["status"]["lastScanResult"]["scanTime"] == scanned
    space.wait_event(
        "ImageRepository", "app", type="Normal", reason="Succeeded", message="announced by the registry: 1.0.1$"
    )
    for number, annotation in enumerate(("{", "[" * 5000, json.dumps([{"tag": "x", "at": "b"}] * 4000))):
        change = {"metadata": {"annotations": {PUSHED_TAGS: annotation, REQUESTED_AT: f"hostile {number}"}}}
        space.api.merge(
            "image.toolkit.fluxcd.io/v1", "ImageRepository", namespace=space.name, name="app", change=change
        )
        _wait_handled(space, f"hostile {number}")
    space.wait_ready("ImageRepository", "app", message="found 3 tags")


def _wait_handled(space: Space, at: str) -> None:
    space.wait(
        "ImageRepository", "app", lambda o: o["status"].get("lastHandledReconcileAt") == at, what="it to be handled"
    )


def _announce(space: Space, at: str, tags: list[str]) -> None:
    pushed = json.dumps([{"tag": tag, "at": at} for tag in tags])
    change = {"metadata": {"annotations": {PUSHED_TAGS: pushed, REQUESTED_AT: at}}}
    space.api.merge("image.toolkit.fluxcd.io/v1", "ImageRepository", namespace=space.name, name="app", change=change)


def test_manifests_of_the_guide_are_taken_by_the_api_server(component: Kubectl, space: Space, tmp_path: Path) -> None:
    blocks = [block.body for block in blocks_of("docs/receiver.md") if block.language == "yaml"]
    taken = []
    for body in blocks:
        if "kind: Kustomization" in body or "gateway.networking.k8s.io" in body or "kind:" not in body:
            continue
        adapted = re.sub("namespace: (apps|tagline-system)", f"namespace: {space.name}", body)
        space.kubectl("apply", "--dry-run=server", "-f", "-", stdin=adapted)
        taken += re.findall("^kind: (.+)$", body, re.MULTILINE)
    assert taken == ["Ingress", "Secret", "Receiver", "Receiver"]
    (with_tls,) = (body for body in blocks if "--tls-cert-file" in body)
    (tmp_path / "tagline").symlink_to(ROOT)
    (tmp_path / "kustomization.yaml").write_text(with_tls)
    objects = manifests.parse(space.kubectl("kustomize", str(tmp_path)).stdout)
    assert "--tls-cert-file=/tls/tls.crt" in manifests.arguments(objects, "receiver-controller")


def test_the_component_is_rendered_alone_and_with_others(parts: Parts, tmp_path: Path) -> None:
    for others in ((), ("restricted-egress",), ("secrets-by-namespace",)):
        objects = manifests.parse(manifests.render(parts.kubectl, tmp_path, "receiver", *others))
        names = {(obj["kind"], obj["metadata"]["name"]) for obj in objects}
        assert ("Deployment", "receiver-controller") in names
        assert ("Service", "webhook-receiver") in names
        (policy,) = (
            obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == ("NetworkPolicy", "receiver-controller")
        )
        assert policy["spec"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": 9292}]}]
