"""What flags make of the manifests. What kustomize makes of them is compared in `hack.packaged_test`."""

from typing import Any

import pytest

from cli.installing.build import Options, build, packaged
from cli.installing.patches import PatchFailed, apply_component, apply_operation


def deployments(options: Options) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in build(options) if one["kind"] == "Deployment"}


def pod(options: Options) -> dict[str, Any]:
    found: dict[str, Any] = deployments(options)["imagepolicy-controller"]["spec"]["template"]["spec"]
    return found


def test_flags_change_what_they_name() -> None:
    options = Options(
        version="v9.9.9",
        registry="registry.example.com:5000/mirror/",
        image_pull_secret="pull",
        log_level="debug",
        toleration_keys=("dedicated", "gpu"),
    )
    changed = pod(options)
    assert changed["containers"][0]["image"] == "registry.example.com:5000/mirror/tagline:v9.9.9"
    assert changed["containers"][0]["args"][2] == "--log-level=debug"
    assert changed["imagePullSecrets"] == [{"name": "pull"}]
    assert changed["tolerations"] == [{"key": key, "operator": "Exists"} for key in ("dedicated", "gpu")]


def test_the_domain_of_the_cluster_is_where_events_go() -> None:
    options = Options(features=("flux-notifications",), cluster_domain="cluster.test")
    address = "http://notification-controller.flux-system.svc.cluster.test./"
    assert pod(options)["containers"][0]["args"][0] == f"--events-addr={address}"


def test_another_namespace_is_let_in_by_fluxs_notification_controller() -> None:
    objects = build(Options(features=("flux-notifications",), namespace="ops"))
    policy = next(one for one in objects if one["metadata"]["name"] == "allow-tagline-events")
    assert policy["metadata"]["namespace"] == "flux-system"
    selector = policy["spec"]["ingress"][0]["from"][0]["namespaceSelector"]
    assert selector == {"matchLabels": {"kubernetes.io/metadata.name": "ops"}}


def test_components_are_installed_alone_with_their_rights_and_all_crds() -> None:
    objects = build(Options(components=("imagepolicy-controller",)))
    assert [one["metadata"]["name"] for one in objects if one["kind"] == "Deployment"] == ["imagepolicy-controller"]
    bindings = [one["metadata"]["name"] for one in objects if one["kind"] == "ClusterRoleBinding"]
    assert bindings == ["tagline-imagepolicy-controller"]
    assert sum(one["kind"] == "CustomResourceDefinition" for one in objects) == 5


@pytest.mark.parametrize(
    "options", [Options(features=("receiver",)), Options(components=(*Options().components, "receiver-controller"))]
)
def test_the_receiver_is_asked_for_as_a_component_or_as_a_feature(options: Options) -> None:
    objects = {(one["kind"], one["metadata"]["name"]): one for one in build(options)}
    assert ("Deployment", "receiver-controller") in objects
    assert ("CustomResourceDefinition", "receivers.notification.toolkit.fluxcd.io") in objects
    kinds = [one["kind"] for one in build(options)]
    assert kinds.index("ValidatingAdmissionPolicy") < kinds.index("Deployment"), "never without what limits it"


def test_what_the_receiver_wakes_automations_with_comes_with_the_receiver() -> None:
    objects = {
        (one["kind"], one["metadata"]["name"]): one for one in build(Options(features=("receiver-automations",)))
    }
    arguments = objects["Deployment", "receiver-controller"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[-1] == "--wake-automations"
    (rule,) = objects["ClusterRole", "tagline-receiver-automations"]["rules"]
    assert (rule["resources"], rule["verbs"]) == (["imageupdateautomations"], ["get", "list", "watch", "patch"])
    assert ("ValidatingAdmissionPolicy", "tagline-receiver-controller") in objects
    assert "imageupdateautomations" not in str(
        [one.get("rules") for one in build(Options(features=("receiver",))) if "receiver" in one["metadata"]["name"]]
    )


def test_without_the_receiver_nothing_of_it_is_installed() -> None:
    assert "receiver" not in str(build(Options())).lower()


@pytest.mark.parametrize("features", [("receiver", "secrets-by-namespace"), ("secrets-by-namespace", "receiver")])
def test_the_receiver_is_limited_by_other_features_in_whatever_order(features: tuple[str, ...]) -> None:
    objects = build(Options(features=features))
    role = next(one for one in objects if one["metadata"]["name"] == "tagline-receiver-controller" and "rules" in one)
    assert "secrets" not in [resource for rule in role["rules"] for resource in rule["resources"]]


def test_network_policies_are_left_out_when_asked() -> None:
    assert not [one for one in build(Options(network_policy=False)) if one["kind"] == "NetworkPolicy"]


def test_what_is_built_leaves_the_manifests_as_they_are() -> None:
    manifests = packaged()
    build(Options(namespace="ops", log_level="debug", watch_all_namespaces=False), manifests)
    assert manifests == packaged()


def test_a_patch_that_does_not_fit_is_named() -> None:
    obj = {"kind": "ClusterRole", "metadata": {"name": "app"}, "rules": [{"verbs": ["get"]}]}
    with pytest.raises(PatchFailed, match=r"ClusterRole app: cannot remove /rules/3"):
        apply_operation(obj, {"op": "remove", "path": "/rules/3"})
    with pytest.raises(PatchFailed, match="cannot test /rules/0/verbs/0"):
        apply_operation(obj, {"op": "test", "path": "/rules/0/verbs/0", "value": "list"})
    with pytest.raises(PatchFailed, match="cannot replace /metadata/label"):
        apply_operation(obj, {"op": "replace", "path": "/metadata/label", "value": ""})


def test_escaped_keys_and_labels_of_targets_are_understood() -> None:
    obj = {"kind": "Thing", "metadata": {"name": "app", "labels": {"a/b": "c", "d~e": "f"}}}
    patch = {
        "target": {"kind": "Thin.", "labelSelector": "a/b=c"},
        "operations": [
            {"op": "remove", "path": "/metadata/labels/a~1b"},
            {"op": "add", "path": "/metadata/labels/d~0e", "value": "g"},
        ],
    }
    other = {"kind": "Things", "metadata": {"name": "app"}}
    assert apply_component([obj, other], {"resources": [], "patches": [patch]}) == [
        {"kind": "Thing", "metadata": {"name": "app", "labels": {"d~e": "g"}}},
        other,
    ]
