"""`manifests/components`: what they add to the manifests, as kubectl renders them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from api.kinds import RECONCILED
from e2e import manifests
from e2e.conftest import Parts
from e2e.manifests import Objects, parse

CONTROLLERS = {kind.component for kind in RECONCILED}
AUTOMATION = "imageupdateautomation-controller"
CLUSTER_WIDE = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}

Render = Callable[..., Objects]


@pytest.fixture
def render(parts: Parts, tmp_path: Path) -> Render:
    """Return the objects of the manifests with some components."""

    def rendered(*components: str, namespace: str = "") -> Objects:
        return parse(manifests.render(parts.kubectl, tmp_path, *components, namespace=namespace))

    return rendered


def granted(objects: Objects, resource: str) -> set[str]:
    """Return the controllers that a role of the cluster allows something with a resource."""
    roles = {
        o["metadata"]["name"]
        for o in objects
        if o["kind"] == "ClusterRole" and any(resource in rule["resources"] for rule in o["rules"])
    }
    bindings = [o for o in objects if o["kind"] == "ClusterRoleBinding" and o["roleRef"]["name"] in roles]
    return {subject["name"] for binding in bindings for subject in binding["subjects"]}


def arguments(objects: Objects) -> list[tuple[str, ...]]:
    return [manifests.arguments(objects, controller) for controller in sorted(CONTROLLERS)]


def test_no_controller_can_act_as_others_unless_it_is_asked_for(render: Render) -> None:
    objects = render()
    assert granted(objects, "secrets") == CONTROLLERS
    assert granted(objects, "serviceaccounts/token") == set()


def test_workload_identity_is_a_right(render: Render) -> None:
    objects = render("workload-identity")
    assert granted(objects, "serviceaccounts/token") == CONTROLLERS
    assert granted(objects, "serviceaccounts") == CONTROLLERS
    assert arguments(objects) == arguments(render())


def test_two_replicas_of_each_controller_share_a_budget(render: Render) -> None:
    objects = render("high-availability")
    deployments = {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "Deployment"}
    budgets = {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "PodDisruptionBudget"}
    assert {spec["replicas"] for spec in deployments.values()} == {2}
    assert deployments.keys() == budgets.keys()
    for name, budget in budgets.items():
        assert budget["maxUnavailable"] == 1
        labels = [spec["template"]["metadata"]["labels"] for spec in deployments.values()]
        selected = [found for found in labels if budget["selector"]["matchLabels"].items() <= found.items()]
        assert [found["app"] for found in selected] == [name]


def test_flux_keeps_its_git_repositories(render: Render) -> None:
    name = "gitrepositories.source.toolkit.fluxcd.io"
    assert name in {o["metadata"]["name"] for o in render()}
    assert name not in {o["metadata"]["name"] for o in render("flux-sources")}


def test_events_go_to_flux(render: Render) -> None:
    address = "--events-addr=http://notification-controller.flux-system.svc.cluster.local./"
    assert all(address in args for args in arguments(render("flux-notifications")))
    assert not any(address in args for args in arguments(render()))


def test_automations_stay_in_their_namespace_unless_it_is_asked_for(render: Render) -> None:
    assert manifests.arguments(render(), AUTOMATION)[-1] == "--no-cross-namespace-refs=true"
    assert manifests.arguments(render("cross-namespace-sources"), AUTOMATION)[-1] == "--no-cross-namespace-refs=false"
    for other in CONTROLLERS - {AUTOMATION}:
        assert not any("cross-namespace" in argument for argument in manifests.arguments(render(), other))


def test_secrets_by_namespace_leaves_no_right_to_secrets_anywhere(render: Render) -> None:
    objects = render("secrets-by-namespace")
    assert granted(objects, "secrets") == granted(objects, "serviceaccounts") == set()
    assert granted(objects, "imagerepositories") == {"imagerepository-controller", "imagepolicy-controller"}
    (role,) = (o for o in objects if o["metadata"]["name"] == "tagline-credentials")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["secrets", "serviceaccounts"], "verbs": ["get"]}]


def test_namespaced_installs_nothing_outside_the_namespace(render: Render) -> None:
    objects = render("workload-identity", "restricted-egress", "namespaced", namespace="team-a")
    assert CLUSTER_WIDE.isdisjoint(o["kind"] for o in objects)
    assert {o["metadata"]["namespace"] for o in objects} == {"team-a"}
    subjects = [subject for o in objects if o["kind"] == "RoleBinding" for subject in o["subjects"]]
    assert {subject["namespace"] for subject in subjects} == {"team-a"}
    assert {o["roleRef"]["kind"] for o in objects if o["kind"] == "RoleBinding"} == {"Role"}
    for controller in CONTROLLERS:
        assert "--watch-all-namespaces=false" in manifests.arguments(objects, controller)
    policies = [o for o in objects if o["kind"] == "NetworkPolicy"]
    assert {o["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/part-of"] for o in policies} == {"tagline"}


def test_restricted_egress_replaces_what_lets_everything_out(render: Render) -> None:
    def egress(objects: Objects) -> list[object]:
        return [rule for o in objects if o["kind"] == "NetworkPolicy" for rule in o["spec"].get("egress", ())]

    assert egress(render()) == [{}]
    rules = egress(render("restricted-egress"))
    assert rules
    assert all(isinstance(rule, dict) and rule["ports"] for rule in rules)
