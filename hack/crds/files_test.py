"""`manifests`: fresh, complete, and with no more rights than needed."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from api.kinds import RECEIVER, RECONCILED
from api.version import VERSION
from hack.crds.__main__ import MANIFESTS, component_crd_files, crd_files, differences, main, write
from hack.env.tools import find_program

OWN_ARGS = {
    "imagerepository-controller": ("--interval-jitter-percentage=5",),
    "imageupdateautomation-controller": ("--no-cross-namespace-refs=true",),
}
CONTROLLERS = tuple(kind.component for kind in RECONCILED)


def documents(path: Path) -> list[Any]:
    return list(YAML(typ="safe").load_all(io.StringIO(path.read_text())))


@cache
def installed() -> dict[tuple[str, str], Any]:
    """Return every object of install.yaml by kind and name."""
    found = documents(MANIFESTS / "install.yaml")
    return {(document["kind"], document["metadata"]["name"]): document for document in found}


def test_crds_are_fresh() -> None:
    assert differences(crd_files(MANIFESTS / "crds") | component_crd_files(MANIFESTS / "components")) == ""


@pytest.mark.skipif(find_program("kubectl") is None, reason="rendering install.yaml needs kubectl")
def test_install_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--install"]) == 0, capsys.readouterr().out


def test_stale_missing_and_foreign_files_are_reported_and_repaired(tmp_path: Path) -> None:
    folder = tmp_path / "crds"
    write(crd_files(folder))
    stale = folder / "source.toolkit.fluxcd.io_gitrepositories.yaml"
    missing = folder / "image.toolkit.fluxcd.io_imagepolicies.yaml"
    stale.write_text(stale.read_text().replace("served: true", "served: false"))
    missing.unlink()
    (folder / "removed.yaml").write_text("kind: CustomResourceDefinition\n")
    found = differences(crd_files(folder))
    assert "-    served: false\n+    served: true" in found
    assert "+  name: imagepolicies.image.toolkit.fluxcd.io" in found
    assert "-kind: CustomResourceDefinition" in found
    write(crd_files(folder))
    assert differences(crd_files(folder)) == ""
    assert not (folder / "removed.yaml").exists()


def sources() -> list[Path]:
    """Return the manifests but for the chart, which is made of them and has templates."""
    return [path for path in MANIFESTS.rglob("*.yaml") if not path.is_relative_to(MANIFESTS / "chart")]


def test_every_manifest_is_part_of_a_kustomization() -> None:
    listed = {
        (kustomization.parent / name).resolve()
        for kustomization in MANIFESTS.rglob("kustomization.yaml")
        for document in documents(kustomization)
        for name in document.get("resources", ())
        if name.endswith(".yaml")
    }
    present = {p.resolve() for p in sources() if p.name not in ("kustomization.yaml", "install.yaml")}
    assert listed == present


def test_workload_identity_may_do_exactly_what_it_does() -> None:
    role, binding = documents(MANIFESTS / "components" / "workload-identity" / "rbac.yaml")
    granted = {resource: set(rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]}
    assert granted == {"serviceaccounts": {"get"}, "serviceaccounts/token": {"create"}}
    assert {subject["name"] for subject in binding["subjects"]} == set(CONTROLLERS)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_deployment(name: str) -> None:
    deployment = installed()["Deployment", name]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert deployment["metadata"]["name"] == pod["serviceAccountName"] == name
    assert ("ServiceAccount", name) in installed()
    assert deployment["spec"]["selector"]["matchLabels"] == {"app": name}
    assert deployment["spec"]["template"]["metadata"]["labels"]["app"] == name
    assert container["image"] == f"ghcr.io/tagline/tagline:v{VERSION}"
    assert container["command"] == ["python", "-m", f"controllers.{name.removesuffix('-controller')}"]
    assert container["args"] == [
        "--events-addr=",
        "--watch-all-namespaces",
        "--log-level=info",
        "--log-encoding=json",
        "--enable-leader-election",
        *OWN_ARGS.get(name, ()),
    ]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"http-prom": 8080, "healthz": 9440}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["securityContext"]["runAsUser"] == 65534
    assert pod["terminationGracePeriodSeconds"] == 10


def test_our_namespace_is_not_that_of_flux() -> None:
    (namespace,) = documents(MANIFESTS / "namespace.yaml")
    assert namespace["metadata"]["name"] == "tagline-system"


EVENTS = {("", "events"): {"create", "patch"}}
SECRETS = {("", "secrets"): {"get"}}
READ = {"get", "list", "watch"}
IMAGE, SOURCE = "image.toolkit.fluxcd.io", "source.toolkit.fluxcd.io"
NOTIFICATION = "notification.toolkit.fluxcd.io"


@pytest.mark.parametrize(
    ("name", "own"),
    [
        pytest.param(
            "imagerepository-controller",
            {
                (IMAGE, "imagerepositories"): READ | {"patch"},
                (IMAGE, "imagerepositories/status"): {"get", "patch"},
                (IMAGE, "imagetaglists"): READ | {"create", "patch", "delete"},
                ("", "serviceaccounts"): {"get"},
            },
            id="imagerepository",
        ),
        pytest.param(
            "imagepolicy-controller",
            {
                (IMAGE, "imagepolicies"): READ | {"patch"},
                (IMAGE, "imagepolicies/status"): {"get", "patch"},
                (IMAGE, "imagerepositories"): READ,
                (IMAGE, "imagetaglists"): {"get"},
                ("", "serviceaccounts"): {"get"},
                ("", "namespaces"): READ,
            },
            id="imagepolicy",
        ),
        pytest.param(
            "imageupdateautomation-controller",
            {
                (IMAGE, "imageupdateautomations"): READ | {"patch"},
                (IMAGE, "imageupdateautomations/status"): {"get", "patch"},
                (IMAGE, "imagepolicies"): READ,
                (SOURCE, "gitrepositories"): READ,
                ("", "namespaces"): READ,
            },
            id="imageupdateautomation",
        ),
    ],
)
def test_a_controller_may_do_exactly_what_it_does(name: str, own: dict[tuple[str, str], set[str]]) -> None:
    role, binding = documents(MANIFESTS / "rbac" / f"{name}.yaml")
    granted = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == own | EVENTS | SECRETS
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "tagline-system"}]


def test_the_receiver_may_do_exactly_what_it_does() -> None:
    role, binding, *_ = documents(MANIFESTS / "components" / "receiver" / "rbac.yaml")
    granted = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == EVENTS | SECRETS | {
        (NOTIFICATION, "receivers"): READ | {"patch"},
        (NOTIFICATION, "receivers/status"): {"get", "patch"},
        (IMAGE, "imagerepositories"): READ | {"patch"},
    }
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    name = RECEIVER.component
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "tagline-system"}]


def test_waking_automations_takes_a_right_of_its_own() -> None:
    role, binding = documents(MANIFESTS / "components" / "receiver-automations" / "rbac.yaml")
    (rule,) = role["rules"]
    assert (rule["apiGroups"], rule["resources"], set(rule["verbs"])) == (
        [IMAGE], ["imageupdateautomations"], READ | {"patch"},
    )  # fmt: skip
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [subject["name"] for subject in binding["subjects"]] == [RECEIVER.component]


def test_the_deployment_of_the_receiver_is_like_the_others_but_for_what_it_serves() -> None:
    (receiver,) = documents(MANIFESTS / "components" / "receiver" / "deployment.yaml")
    other = installed()["Deployment", CONTROLLERS[0]]
    ours, theirs = (one["spec"]["template"]["spec"] for one in (receiver, other))
    (container,), (model,) = ours["containers"], theirs["containers"]
    assert container["command"] == ["python", "-m", "controllers.receiver"]
    assert container["args"] == model["args"][: len(container["args"])]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "http-webhook": 9292, "http-prom": 8080, "healthz": 9440,
    }  # fmt: skip
    for key in ("image", "env", "livenessProbe", "readinessProbe", "securityContext", "volumeMounts"):
        assert container[key] == model[key], key
    for key in ("securityContext", "nodeSelector", "volumes", "terminationGracePeriodSeconds"):
        assert ours[key] == theirs[key], key
    (service,) = documents(MANIFESTS / "components" / "receiver" / "service.yaml")
    labels = receiver["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert receiver["spec"]["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_controller_may_write_no_lease_but_its_own(name: str) -> None:
    role, binding = (installed()[kind, f"{name}-leader-election"] for kind in ("Role", "RoleBinding"))
    create, change = role["rules"]
    assert create["verbs"] == ["create"]
    assert change["verbs"] == ["get", "update", "patch"]
    assert change["resourceNames"] == [f"{name}-leader-election"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "tagline-system"}]


def test_nothing_is_granted_by_wildcard() -> None:
    for path in sources():
        for document in documents(path):
            for rule in document.get("rules", ()):
                assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], path
