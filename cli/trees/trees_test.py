"""`cli.trees`: `tree`, as its users meet it."""

import json
from typing import Any

import pytest

from api.names import (
    GIT_REPOSITORIES,
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    IMAGE_UPDATE_AUTOMATIONS,
    KUSTOMIZATIONS,
)
from cli.trees.inventory import parse_entry
from controllers.runtime.kube.errors import Forbidden
from testing.readable_cluster import CommandLine, ReadableCluster, command_line

NAMESPACE = "flux-system"


def named(
    name: str, namespace: str = NAMESPACE, *, labels: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels or {}}, "spec": spec}


@pytest.fixture
def cluster() -> ReadableCluster:
    found = ReadableCluster()
    found.put(GIT_REPOSITORIES, named("fleet"))
    found.put(IMAGE_REPOSITORIES, named("app"))
    ref = {"name": "app", "namespace": NAMESPACE}
    found.put(IMAGE_POLICIES, named("app", labels={"team": "web"}, imageRepositoryRef={"name": "app"}))
    found.put(IMAGE_POLICIES, named("lost", imageRepositoryRef={"name": "gone"}))
    found.put(IMAGE_POLICIES, named("app", "apps", imageRepositoryRef=ref))
    selector = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["web"]}]}
    found.put(IMAGE_UPDATE_AUTOMATIONS, named("some", sourceRef={"name": "fleet"}, policySelector=selector))
    found.put(IMAGE_UPDATE_AUTOMATIONS, named("all", sourceRef={"name": "fleet"}))
    return found


@pytest.fixture
def call(cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return command_line(cluster, monkeypatch, capsys)


def test_an_automation_has_its_source_its_policies_and_their_repositories(call: CommandLine) -> None:
    assert call("tree", "image", "update", "all") == (
        0,
        (
            "ImageUpdateAutomation/flux-system/all\n"
            "├── GitRepository/flux-system/fleet\n"
            "├── ImagePolicy/flux-system/app\n"
            "│   └── ImageRepository/flux-system/app\n"
            "└── ImagePolicy/flux-system/lost\n"
            "    └── ImageRepository/flux-system/gone (not found)\n\n"
        ),
        "",
    )
    assert "lost" not in call("tree", "image", "update", "some")[1]


def test_a_policy_has_its_repository_and_the_automations_that_use_it(call: CommandLine) -> None:
    assert call("tree", "image", "policy", "app")[1].splitlines() == [
        "ImagePolicy/flux-system/app",
        "├── ImageRepository/flux-system/app",
        "├── ImageUpdateAutomation/flux-system/all",
        "└── ImageUpdateAutomation/flux-system/some",
        "",
    ]


def test_a_repository_has_its_policies_of_all_namespaces(call: CommandLine) -> None:
    assert call("tree", "image", "repository", "app")[1].splitlines() == [
        "ImageRepository/flux-system/app",
        "├── ImagePolicy/apps/app",
        "└── ImagePolicy/flux-system/app",
        "    ├── ImageUpdateAutomation/flux-system/all",
        "    └── ImageUpdateAutomation/flux-system/some",
        "",
    ]
    compact = call("tree", "image", "repository", "app", "--compact")[1]
    assert "ImageUpdateAutomation" not in compact
    assert "ImagePolicy/flux-system/app" in compact


def test_a_tree_is_a_document_too(call: CommandLine) -> None:
    found = json.loads(call("tree", "image", "policy", "lost", "-o", "json")[1])
    assert found["resource"] == {
        "Namespace": NAMESPACE,
        "Name": "lost",
        "GroupKind": {"Group": "image.toolkit.fluxcd.io", "Kind": "ImagePolicy"},
    }
    assert [(one["resource"]["Name"], one.get("missing")) for one in found["resources"]] == [
        ("gone", True), ("all", None),
    ]  # fmt: skip
    assert "resource:\n  GroupKind:\n" in call("tree", "image", "policy", "lost", "-o", "yaml")[1]


def test_who_may_read_one_namespace_sees_the_tree_of_that(call: CommandLine, cluster: ReadableCluster) -> None:
    for resource in (GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS):
        cluster.failures[f"list {resource.plural} /"] = Forbidden("list", "no", status=403)
    status, out, _ = call("tree", "image", "policy", "app", "-n", "apps")
    # It may be there: who cannot look does not say that it is not.
    assert (status, out) == (0, "ImagePolicy/apps/app\n└── ImageRepository/flux-system/app\n\n")


def test_a_mistyped_name_is_set_right(call: CommandLine) -> None:
    status, _, err = call("tree", "image", "policy", "lsot")
    assert status == 1
    assert err.endswith('; did you mean "lost"?\n')
    assert call("tree", "image", "policy")[2] == "✗ image policy name is required\n"


def test_a_kustomization_has_what_it_applied_and_follows_others_but_not_itself(
    call: CommandLine, cluster: ReadableCluster
) -> None:
    def kustomization(name: str, *ids: str) -> None:
        entries = [{"id": one, "v": "v1"} for one in ids]
        cluster.put(KUSTOMIZATIONS, named(name) | {"status": {"inventory": {"entries": entries}}})

    group = "kustomize.toolkit.fluxcd.io_Kustomization"
    kustomization("fleet", "_apps__Namespace", f"flux-system_fleet_{group}", f"flux-system_apps_{group}",
                  f"flux-system_gone_{group}", "broken")  # fmt: skip
    kustomization("apps", "apps_app_image.toolkit.fluxcd.io_ImagePolicy")
    assert call("tree", "kustomization", "fleet")[1].splitlines() == [
        "Kustomization/flux-system/fleet",
        "├── Namespace/apps",
        "├── Kustomization/flux-system/fleet",
        "├── Kustomization/flux-system/apps",
        "│   └── ImagePolicy/apps/app",
        "└── Kustomization/flux-system/gone (not found)",
        "",
    ]
    assert "Namespace" not in call("tree", "ks", "fleet", "--compact")[1]
    assert call("tree", "ks", "nope")[0] == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("apps_web_apps_Deployment", ("apps", "apps", "Deployment", "web")),
        ("_system__node_rbac.authorization.k8s.io_ClusterRole",
         ("", "rbac.authorization.k8s.io", "ClusterRole", "system:node")),
        ("_a_b__Namespace", ("", "", "Namespace", "a_b")),
        ("web", None), ("a_b", None), ("", None),
    ],
)  # fmt: skip
def test_entries_of_an_inventory(text: str, parts: tuple[str, str, str, str] | None) -> None:
    found = parse_entry(text)
    assert (found and (found.namespace, found.group, found.kind, found.name)) == parts
