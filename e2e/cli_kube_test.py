"""`cli.kube`: on a real API server, what a kubeconfig says, the verbs, and whom the server takes us for."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.resource import Resource
from cli.kube.client import Cluster
from cli.kube.config import ConnectionOptions, load
from cli.kube.deadline import Deadline
from controllers.runtime.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Unauthorized,
    Unreachable,
)
from e2e.conftest import Parts
from hack.env import pki

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
IMAGE_POLICIES = Resource("image.toolkit.fluxcd.io", "v1", "imagepolicies", "ImagePolicy")


def connect(kubeconfig: str, **options: Any) -> Cluster:
    return Cluster(load(ConnectionOptions(kubeconfig=kubeconfig, **options), {}), Deadline(30))


@pytest.fixture
def cluster_api(kubeconfig: str) -> Iterator[Cluster]:
    with connect(kubeconfig) as api:
        yield api


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"e2e": "cli-kube"}}, "data": data}


def names(objects: Any) -> list[str]:
    return [obj["metadata"]["name"] for obj in objects]


def test_objects_come_and_go(cluster_api: Cluster, namespace: str) -> None:
    made = cluster_api.create(CONFIG_MAPS, namespace, config_map("a", n="1"), manager="e2e")
    assert made["metadata"]["managedFields"][0]["manager"] == "e2e"
    with pytest.raises(AlreadyExists):
        cluster_api.create(CONFIG_MAPS, namespace, config_map("a"))
    changed = cluster_api.update(CONFIG_MAPS, namespace, "a", {**made, "data": {"n": "2"}})
    with pytest.raises(Conflict, match="the object has been modified"):
        cluster_api.update(CONFIG_MAPS, namespace, "a", {**made, "data": {"n": "3"}})
    assert cluster_api.get(CONFIG_MAPS, namespace, "a") == changed
    assert cluster_api.patch(CONFIG_MAPS, namespace, "a", {"data": {"m": "4"}})["data"] == {"n": "2", "m": "4"}
    with pytest.raises(Conflict):
        cluster_api.delete(CONFIG_MAPS, namespace, "a", uid="another")
    cluster_api.delete(CONFIG_MAPS, namespace, "a", propagation="Background", uid=made["metadata"]["uid"])
    with pytest.raises(NotFound) as caught:
        cluster_api.get(CONFIG_MAPS, namespace, "a")
    assert caught.value.message == 'configmaps "a" not found'
    with pytest.raises(NotFound):
        cluster_api.delete(CONFIG_MAPS, namespace, "a")


def test_lists_come_in_pages_and_watches_go_on_from_them(cluster_api: Cluster, namespace: str) -> None:
    for number in range(5):
        cluster_api.create(CONFIG_MAPS, namespace, config_map(f"m{number}"))
    want = [f"m{number}" for number in range(5)]
    found = list(cluster_api.list(CONFIG_MAPS, namespace, labels="e2e=cli-kube", page_size=2))
    assert names(found) == want
    assert {(obj["apiVersion"], obj["kind"]) for obj in found} == {("v1", "ConfigMap")}
    assert names(cluster_api.list(CONFIG_MAPS, namespace, fields="metadata.name=m3")) == ["m3"]
    items, version = cluster_api.list_versioned(CONFIG_MAPS, namespace, labels="e2e=cli-kube", page_size=2)
    assert names(items) == want
    cluster_api.delete(CONFIG_MAPS, namespace, "m1")
    cluster_api.create(CONFIG_MAPS, namespace, config_map("m5"))
    with closing(
        cluster_api.watch(CONFIG_MAPS, namespace, labels="e2e=cli-kube", resource_version=version, timeout=20)
    ) as events:
        seen = [next(events) for _ in range(2)]
    assert [(kind, obj["metadata"]["name"]) for kind, obj in seen] == [("DELETED", "m1"), ("ADDED", "m5")]


def test_server_side_apply_names_who_owns_a_field(cluster_api: Cluster, namespace: str) -> None:
    cluster_api.apply(CONFIG_MAPS, namespace, "a", config_map("a", n="1"), manager="one")
    with pytest.raises(Conflict, match='conflict with "one"'):
        cluster_api.apply(CONFIG_MAPS, namespace, "a", config_map("a", n="2"), manager="two")
    dry = cluster_api.apply(
        CONFIG_MAPS, namespace, "a", config_map("a", n="2"), manager="two", force=True, dry_run=True
    )
    assert dry["data"] == {"n": "2"}
    assert cluster_api.get(CONFIG_MAPS, namespace, "a")["data"] == {"n": "1"}
    forced = cluster_api.apply(CONFIG_MAPS, namespace, "a", config_map("a", n="2"), manager="two", force=True)
    assert forced["data"] == {"n": "2"}


def test_what_a_kind_does_not_allow(cluster_api: Cluster, namespace: str) -> None:
    with pytest.raises(Invalid, match=r"spec\.imageRepositoryRef: Required value"):
        cluster_api.create(IMAGE_POLICIES, namespace, {"metadata": {"name": "a"}, "spec": {"policy": {}}})


def test_an_impersonated_user_is_refused_in_words_that_name_everything(kubeconfig: str, namespace: str) -> None:
    options = {"as_user": "jane", "as_groups": ("readers",), "as_user_extra": ("Team/Name=a b",)}
    with connect(kubeconfig, **options) as api:
        review = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False)
        user = api.create(review, "", {})["status"]["userInfo"]
        assert (user["username"], user["extra"]) == ("jane", {"team/name": ["a b"]})
        assert "readers" in user["groups"]
        with pytest.raises(Forbidden) as caught:
            list(api.list(IMAGE_POLICIES, namespace))
    text = str(caught.value)
    assert f"list imagepolicies {namespace}" in text
    assert f'User "jane" cannot list resource "imagepolicies" in API group "image.toolkit.fluxcd.io" in the namespace "{namespace}"' in caught.value.message  # fmt: skip  # noqa: E501


def test_a_client_certificate_says_who_we_are(
    parts: Parts, kubeconfig: str, namespace: str, cluster_api: Cluster, tmp_path: Path
) -> None:
    folder = Path(kubeconfig).parent
    certificates = [path for path in folder.rglob("manager.crt") if path.with_suffix(".key").exists()]
    if not certificates:
        pytest.skip("the cluster is given: there is no client certificate of it")
    certificate = certificates[0]
    content = json.loads(Path(kubeconfig).read_text())
    data = {
        "client-certificate-data": base64.b64encode(certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(certificate.with_suffix(".key").read_bytes()).decode(),
    }
    content["users"][0]["user"] = data
    own = tmp_path / "config"
    pki.write_secret(own, json.dumps(content).encode())
    with connect(str(own)) as api, pytest.raises(Forbidden, match='User "manager" cannot get'):
        api.get(CONFIG_MAPS, namespace, "a")
    with connect(str(own), token="nobody") as api, pytest.raises((Forbidden, Unauthorized)):
        api.get(CONFIG_MAPS, namespace, "a")


def test_trust(kubeconfig: str) -> None:
    content = json.loads(Path(kubeconfig).read_text())
    server, authority = (content["clusters"][0]["cluster"][name] for name in ("server", "certificate-authority"))
    flags = ConnectionOptions(server=server, token=content["users"][0]["user"]["token"])
    nowhere = {"HOME": "/nonexistent"}
    with Cluster(load(replace(flags, certificate_authority=authority), nowhere), Deadline(30)) as api:
        assert api.server_version()["gitVersion"].startswith("v1.")
        assert api.raw("/healthz") == b"ok"
    with Cluster(load(flags, nowhere), Deadline(30)) as api, pytest.raises(Unreachable, match="--certificate-autho"):
        api.server_version()
    with connect(kubeconfig, tls_server_name="other.example") as api, pytest.raises(Unreachable, match="is not for"):
        api.server_version()
    with connect(kubeconfig, insecure_skip_tls_verify=True) as api:
        assert api.server_version()["major"] == "1"
    with connect(kubeconfig, token="nobody") as api, pytest.raises(Unauthorized):
        api.server_version()


def test_large_lists_are_compressed(cluster_api: Cluster, namespace: str) -> None:
    for number in range(4):
        cluster_api.create(CONFIG_MAPS, namespace, config_map(f"m{number}", text="x" * 200_000))
    assert [len(obj["data"]["text"]) for obj in cluster_api.list(CONFIG_MAPS, namespace)] == [200_000] * 4
