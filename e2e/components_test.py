"""`manifests/components`: what they add to the manifests, as kubectl renders them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from api.kinds import RECONCILED
from e2e.conftest import Parts

MANIFESTS = Path(__file__).parents[1] / "manifests"
GATE = "--feature-gates=ObjectLevelWorkloadIdentity=true"
CONTROLLERS = {kind.component for kind in RECONCILED}

Objects = list[dict[str, Any]]
Render = Callable[..., Objects]


@pytest.fixture
def render(parts: Parts, tmp_path: Path) -> Render:
    """Return the objects of the manifests with some components."""
    (tmp_path / "manifests").symlink_to(MANIFESTS)

    def rendered(*components: str) -> Objects:
        lines = [
            "resources: [manifests]",
            f"components: [{', '.join(f'manifests/components/{c}' for c in components)}]",
        ]
        (tmp_path / "kustomization.yaml").write_text("\n".join(lines) + "\n")
        text = parts.kubectl("kustomize", str(tmp_path)).stdout
        return [found for found in YAML(typ="safe").load_all(text) if found]

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


def arguments(objects: Objects) -> list[list[str]]:
    containers = [o["spec"]["template"]["spec"]["containers"][0] for o in objects if o["kind"] == "Deployment"]
    return [container["args"] for container in containers]


def test_no_controller_can_act_as_others_unless_it_is_asked_for(render: Render) -> None:
    objects = render()
    assert granted(objects, "secrets") == CONTROLLERS
    assert granted(objects, "serviceaccounts/token") == set()
    assert not any(GATE in args for args in arguments(objects))


def test_workload_identity_is_a_right_and_a_gate(render: Render) -> None:
    objects = render("workload-identity")
    assert granted(objects, "serviceaccounts/token") == CONTROLLERS
    assert granted(objects, "serviceaccounts") == CONTROLLERS
    assert [args.count(GATE) for args in arguments(objects)] == [1, 1, 1]


def test_flux_keeps_its_git_repositories(render: Render) -> None:
    name = "gitrepositories.source.toolkit.fluxcd.io"
    assert name in {o["metadata"]["name"] for o in render()}
    assert name not in {o["metadata"]["name"] for o in render("flux-sources")}


def test_events_go_to_flux(render: Render) -> None:
    address = "--events-addr=http://notification-controller.flux-system.svc.cluster.local./"
    assert all(address in args for args in arguments(render("flux-notifications")))
    assert not any(address in args for args in arguments(render()))
