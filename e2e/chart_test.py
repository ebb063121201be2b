"""`manifests/chart`: Helm installs, upgrades, rolls back and removes it, beside `tagline install` and Flux.

On a real API server. There is no kubelet, and Helm does not wait for pods.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from api.version import VERSION
from cli.installing.build import Options, build
from e2e.cli_install_test import kubelet
from e2e.cluster import CRDS_COME_AND_GO, eventually
from hack.controllers import ROOT, Kubectl, wait_for_crds
from hack.env import controlplane, process, tools
from hack.env.tools import find_program

HELM = find_program("helm")
pytestmark = pytest.mark.skipif(HELM is None, reason="there is no helm: make helm builds it")

CHART = ROOT / "manifests" / "chart"
NAMESPACE = "tagline-system"
NAMESPACES = (NAMESPACE, "ops", "team", "flux-system")
CRD = "imagerepositories.image.toolkit.fluxcd.io"
GIT_CRD = "gitrepositories.source.toolkit.fluxcd.io"
OURS = "app.kubernetes.io/part-of=tagline"
ALL = {f"{obj['kind']}/{obj['metadata']['name']}" for obj in build(Options()) if obj["kind"] != "Namespace"}
CRDS = {name for name in ALL if name.startswith("CustomResourceDefinition/")}
WHERE = ("-n", NAMESPACE)
REPOSITORY = {
    "apiVersion": "image.toolkit.fluxcd.io/v1beta2",
    "kind": "ImageRepository",
    "metadata": {"name": "app", "namespace": "default"},
    "spec": {"image": "ghcr.io/org/app", "interval": "1m"},
}
FLUX = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "image-automation-controller",
        "namespace": "flux-system",
        "labels": {"app.kubernetes.io/component": "image-automation-controller"},
    },
    "spec": {
        "selector": {"matchLabels": {"app": "x"}},
        "template": {
            "metadata": {"labels": {"app": "x"}},
            "spec": {"containers": [{"name": "manager", "image": "ghcr.io/fluxcd/image-automation-controller:v1"}]},
        },
    },
}
Helm = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Yield kubectl with administrator's rights on an API server that no other test uses."""
    plane = controlplane.start(tmp_path_factory.mktemp("plane"), server_flags=CRDS_COME_AND_GO)
    yield Kubectl(tools.ensure("kubectl")["kubectl"], plane.kubeconfig)
    for one in plane.processes:
        process.stop(one, kill=True)


@pytest.fixture(autouse=True)
def empty(kubectl: Kubectl) -> Iterator[None]:
    """Remove what a test has left."""
    yield
    for kind in ("crd", "clusterrole", "clusterrolebinding"):
        kubectl("delete", kind, "-l", "app.kubernetes.io/part-of in (tagline,flux)", "--timeout=180s")
    kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found", "--timeout=180s")


@pytest.fixture
def helm(kubectl: Kubectl, tmp_path: Path) -> Helm:
    """Return a function that runs Helm, which must succeed, or fail with `fails`; it returns what is printed."""

    def run(*arguments: str, fails: bool = False) -> str:
        command = [str(HELM), "--kubeconfig", str(kubectl.kubeconfig), *arguments]
        env = {
            **os.environ,
            "HELM_CACHE_HOME": str(tmp_path),
            "HELM_CONFIG_HOME": str(tmp_path),
            "HELM_DATA_HOME": str(tmp_path),
        }
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert (done.returncode != 0) == fails, (command, done.stdout, done.stderr)
        return done.stdout + done.stderr

    return run


def install(helm: Helm, *arguments: str, namespace: str = NAMESPACE, fails: bool = False) -> str:
    return helm("install", "tagline", str(CHART), "-n", namespace, "--create-namespace", *arguments, fails=fails)


def tagline(kubectl: Kubectl, *arguments: str) -> tuple[int, str]:
    """Run a verb; return its exit status and what it says."""
    command = [sys.executable, "-m", "cli.main", *arguments, "--kubeconfig", str(kubectl.kubeconfig)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def get(kubectl: Kubectl, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kubectl("get", *arguments, "-o", "json").stdout)
    return found


def names(kubectl: Kubectl) -> set[str]:
    """Return all that is tagline's in the cluster."""
    kinds = "crd,clusterrole,clusterrolebinding,role,rolebinding,sa,deploy,networkpolicy,cm,svc"
    found = get(kubectl, kinds, "-A", "-l", OURS)["items"]
    return {f"{one['kind']}/{one['metadata']['name']}" for one in found}


def helm_marks(obj: dict[str, Any]) -> set[str]:
    """Return the labels and annotations that Helm has put on an object."""
    metadata = obj["metadata"]
    marks = {**metadata.get("labels", {}), **metadata.get("annotations", {})}
    return {key for key in marks if "helm" in key or key == "app.kubernetes.io/managed-by"}


def replicas(kubectl: Kubectl) -> int:
    found: int = get(kubectl, "deploy", "imagepolicy-controller", *WHERE)["spec"]["replicas"]
    return found


def image_of(kubectl: Kubectl) -> str:
    return str(get(kubectl, "imagerepositories.v1.image.toolkit.fluxcd.io", "app")["spec"]["image"])


def older_chart(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Return a chart like ours of an older version, whose CRD of ImageRepositories is another one."""
    chart = folder / "older"
    shutil.copytree(CHART, chart)
    (chart / "Chart.yaml").write_text((CHART / "Chart.yaml").read_text().replace(f"ersion: {VERSION}", "ersion: 0.0.9"))
    path = chart / "templates" / "crds" / "imagerepositories.yaml"
    head, _, _ = path.read_text().partition("spec:\n")
    crd = YAML(typ="safe").load(
        (ROOT / "manifests" / "crds" / f"image.toolkit.fluxcd.io_{CRD.partition('.')[0]}.yaml").read_text()
    )
    change(crd)
    spec = json.dumps(crd["spec"]).replace("{{", '{{ "{{" }}')
    path.write_text(f"{head}spec: {spec}\n{{{{- end }}}}\n")
    return chart


def test_a_release_is_installed_upgraded_rolled_back_and_removed(kubectl: Kubectl, helm: Helm) -> None:
    printed = install(helm)
    assert f"tagline {VERSION} is installed in the namespace {NAMESPACE}." in printed
    assert "kubectl -n tagline-system get deployments" in printed
    assert names(kubectl) == ALL
    record = get(kubectl, "secret", "sh.helm.release.v1.tagline.v1", *WHERE)["data"]["release"]
    assert len(record) < 512 * 1024, "no Secret holds more than 1 MiB, and the CRDs grow"
    wait_for_crds(kubectl)
    kubectl("apply", "-f", "-", stdin=json.dumps(REPOSITORY))

    helm("upgrade", "tagline", str(CHART), *WHERE, "--set=replicas=2")
    assert replicas(kubectl) == 2
    helm("upgrade", "tagline", str(CHART), *WHERE, "--reset-then-reuse-values", "--set=logLevel=debug")
    assert replicas(kubectl) == 2
    helm("rollback", "tagline", "1", *WHERE)
    assert replicas(kubectl) == 1
    assert image_of(kubectl) == "ghcr.io/org/app"

    printed = helm("uninstall", "tagline", *WHERE)
    assert f"[CustomResourceDefinition] {CRD}" in printed
    eventually(lambda: names(kubectl) == CRDS, what="all but the CRDs to be gone")
    assert image_of(kubectl) == "ghcr.io/org/app"
    install(helm)
    assert names(kubectl) == ALL
    assert image_of(kubectl) == "ghcr.io/org/app"


def test_crds_go_with_a_release_that_does_not_keep_them(kubectl: Kubectl, helm: Helm) -> None:
    assert "WARNING: crds.keep=false" in install(helm, "--set=crds.keep=false")
    helm("uninstall", "tagline", *WHERE)
    eventually(lambda: not names(kubectl), what="all to be gone")


@pytest.mark.parametrize(
    ("switch", "left"),
    [
        pytest.param("crds.install=false", CRDS, id="crds-that-others-apply"),
        pytest.param("components.fluxSources=true", {f"CustomResourceDefinition/{GIT_CRD}"}, id="git-repositories"),
        pytest.param("components.namespaced=true", CRDS, id="one-namespace"),
    ],
)
def test_crds_that_leave_a_release_stay_in_the_cluster(
    kubectl: Kubectl, helm: Helm, switch: str, left: set[str]
) -> None:
    install(helm)
    wait_for_crds(kubectl)
    kubectl("apply", "-f", "-", stdin=json.dumps(REPOSITORY))
    helm("upgrade", "tagline", str(CHART), *WHERE, f"--set={switch}")
    manifest = helm("get", "manifest", "tagline", *WHERE)
    assert not any(f"name: {name.partition('/')[2]}\n" in manifest for name in left)
    assert names(kubectl) >= left
    assert image_of(kubectl) == "ghcr.io/org/app"


def test_an_upgrade_brings_newer_crds_and_stored_objects_stay(kubectl: Kubectl, helm: Helm, tmp_path: Path) -> None:
    def storing_v1beta2_without_a_field(crd: dict[str, Any]) -> None:
        for version in crd["spec"]["versions"]:
            version["storage"] = version["name"] == "v1beta2"
            version["schema"]["openAPIV3Schema"].get("properties", {}).get("spec", {}).get("properties", {}).pop(
                "exclusionList", None
            )

    chart = older_chart(tmp_path, storing_v1beta2_without_a_field)
    helm("install", "tagline", str(chart), *WHERE, "--create-namespace")
    wait_for_crds(kubectl)
    kubectl("apply", "-f", "-", stdin=json.dumps(REPOSITORY))
    assert "v1beta2" in get(kubectl, "crd", CRD)["status"]["storedVersions"]

    helm("upgrade", "tagline", str(CHART), *WHERE)
    assert image_of(kubectl) == "ghcr.io/org/app"
    change = json.dumps({"spec": {"exclusionList": ["^x"]}})
    kubectl("patch", "imagerepository", "app", "--type=merge", "-p", change)
    assert get(kubectl, "imagerepository", "app")["spec"]["exclusionList"] == ["^x"]
    helm("rollback", "tagline", *WHERE)
    assert image_of(kubectl) == "ghcr.io/org/app"


def test_an_upgrade_that_the_api_server_would_refuse_is_foretold_and_leaves_all_as_it_is(
    kubectl: Kubectl, helm: Helm, tmp_path: Path
) -> None:
    def storing_v1gamma1(crd: dict[str, Any]) -> None:
        versions = [{**one, "storage": False} for one in crd["spec"]["versions"]]
        newest = next(one for one in versions if one["name"] == "v1")
        crd["spec"]["versions"] = [*versions, {**newest, "name": "v1gamma1", "storage": True}]

    chart = older_chart(tmp_path, storing_v1gamma1)
    helm("install", "tagline", str(chart), *WHERE, "--create-namespace")
    wait_for_crds(kubectl)
    kubectl("apply", "-f", "-", stdin=json.dumps(REPOSITORY))
    before = get(kubectl, "deploy", *WHERE)["items"]
    status, said = tagline(kubectl, "check", "--pre")
    assert status == 1
    assert f"✗ {CRD}: stores objects as v1gamma1, which tagline does not know" in said
    assert "v1gamma1" in helm("upgrade", "tagline", str(CHART), *WHERE, fails=True)
    assert image_of(kubectl) == "ghcr.io/org/app"
    assert get(kubectl, "crd", CRD)["status"]["storedVersions"] == ["v1gamma1"]
    assert [one["metadata"]["uid"] for one in get(kubectl, "deploy", *WHERE)["items"]] == [
        one["metadata"]["uid"] for one in before
    ]
    helm("rollback", "tagline", "1", *WHERE)


def test_tagline_leaves_a_release_of_helm_alone_and_says_what_to_do(kubectl: Kubectl, helm: Helm) -> None:
    install(helm)
    wait_for_crds(kubectl)
    advice = "upgrade it with `helm upgrade`, or remove it with `helm uninstall tagline -n tagline-system`"
    assert "app.kubernetes.io/managed-by" in helm_marks(get(kubectl, "crd", CRD))
    before = names(kubectl)
    for place in (WHERE, ("-n", "ops")):
        status, said = tagline(kubectl, "install", *place)
        assert status == 1
        assert "✗ tagline is installed as Helm's release tagline-system/tagline already" in said
        assert advice in said
    for flags in ((), ("--crds",)):
        status, said = tagline(kubectl, "uninstall", "--silent", *flags)
        assert status == 1
        assert "installed in the namespace tagline-system as Helm's release tagline-system/tagline" in said
        assert advice in said
    _, said = tagline(kubectl, "check", "--timeout=20s")
    assert f"✔ distribution: tagline-{VERSION}, Helm's release tagline-system/tagline" in said
    assert names(kubectl) == before

    helm("uninstall", "tagline", *WHERE)
    eventually(lambda: names(kubectl) == CRDS, what="all but the CRDs to be gone")
    status, said = tagline(kubectl, "uninstall", "--silent", "--crds")
    assert status == 0, said
    eventually(lambda: not names(kubectl), what="the CRDs to be gone")


def test_tagline_takes_what_a_removed_release_has_left_and_then_it_is_taglines(kubectl: Kubectl, helm: Helm) -> None:
    install(helm)
    helm("uninstall", "tagline", *WHERE)
    eventually(lambda: names(kubectl) == CRDS, what="all but the CRDs to be gone")
    with kubelet(kubectl):
        status, said = tagline(kubectl, "install")
    assert status == 0, said
    assert "override" not in said
    assert not helm_marks(get(kubectl, "crd", CRD))
    said = install(helm, fails=True)
    assert "`tagline install` has installed tagline in the namespace tagline-system" in said
    assert "tagline uninstall -n tagline-system --keep-namespace" in said

    assert tagline(kubectl, "uninstall", "--keep-namespace", "--silent")[0] == 0
    eventually(lambda: names(kubectl) == CRDS, what="all but the CRDs to be gone")
    assert "invalid ownership metadata" in install(helm, fails=True)
    install(helm, "--take-ownership")
    assert names(kubectl) == ALL


def test_what_is_forced_over_a_release_is_taglines_alone(kubectl: Kubectl, helm: Helm) -> None:
    install(helm, "--set=logLevel=debug,extraEnv[0].name=OF_HELM,extraEnv[0].value=x")
    wait_for_crds(kubectl)
    with kubelet(kubectl):
        status, said = tagline(kubectl, "install", "--force")
    assert status == 0, said
    deployment = get(kubectl, "deploy", "imagepolicy-controller", *WHERE)
    assert not helm_marks(deployment)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert "--log-level=info" in container["args"]
    assert [one["name"] for one in container["env"]] == ["RUNTIME_NAMESPACE", "TMPDIR"]
    status, said = tagline(kubectl, "uninstall", "--silent", "--keep-namespace")
    assert status == 0, said
    eventually(lambda: names(kubectl) == CRDS, what="all but the CRDs to be gone")


def test_beside_flux_it_is_refused_until_fluxs_image_controllers_are_away(kubectl: Kubectl, helm: Helm) -> None:
    kubectl("create", "namespace", "flux-system")
    kubectl("apply", "-f", "-", stdin=json.dumps(FLUX))
    kubectl("apply", "--server-side", "-f", str(ROOT / "manifests" / "crds"))
    kubectl("label", "crd", "-l", OURS, "app.kubernetes.io/part-of=flux", "--overwrite", check=False)
    for name in (CRD, GIT_CRD):
        kubectl("label", "crd", name, "app.kubernetes.io/part-of=flux", "--overwrite")
    wait_for_crds(kubectl)
    kubectl("apply", "-f", "-", stdin=json.dumps(REPOSITORY))
    said = install(helm, fails=True)
    assert "Flux's image-automation-controller runs in flux-system" in said
    kubectl("scale", "deploy", "image-automation-controller", "-n", "flux-system", "--replicas=0")
    assert "components.fluxSources=true" in install(helm, fails=True)
    switch = "--set=components.fluxSources=true"
    assert "invalid ownership metadata" in install(helm, switch, fails=True)
    install(helm, switch, "--take-ownership")
    assert image_of(kubectl) == "ghcr.io/org/app"
    assert get(kubectl, "crd", GIT_CRD)["metadata"]["labels"]["app.kubernetes.io/part-of"] == "flux"
    helm("uninstall", "tagline", *WHERE)
    assert get(kubectl, "crd", GIT_CRD)["metadata"].get("deletionTimestamp") is None


def test_what_kubectl_applied_is_taken_over(kubectl: Kubectl, helm: Helm) -> None:
    kubectl("apply", "-k", str(ROOT / "manifests"))
    before = names(kubectl)
    assert "invalid ownership metadata" in install(helm, fails=True)
    install(helm, "--take-ownership")
    assert names(kubectl) == before
    labels = get(kubectl, "deploy", "imagepolicy-controller", *WHERE)["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "Helm"


def test_namespaces_have_releases_of_their_own_beside_one_for_what_they_share(kubectl: Kubectl, helm: Helm) -> None:
    helm("install", "shared", str(CHART), *WHERE, "--create-namespace", "--set=sharedOnly=true")
    for namespace in ("ops", "team"):
        install(helm, "--set=components.namespaced=true", namespace=namespace)
    assert {"Role/tagline-imagepolicy-controller", "ClusterRole/tagline-edit"} <= names(kubectl)
    assert not any(name.startswith("ClusterRoleBinding") for name in names(kubectl))
    helm("uninstall", "tagline", "-n", "team")
    assert get(kubectl, "deploy", "-n", "ops", "-l", OURS)["items"]
    status, said = tagline(kubectl, "install", "-n", "team")
    assert status == 1
    assert "already, and both would write the same objects" in said

    helm("uninstall", "tagline", "-n", "ops")
    status, said = tagline(kubectl, "install", "-n", "team")
    assert status == 1
    assert "ClusterRole/tagline-edit, ClusterRole/tagline-view: part of Helm's release tagline-system/shared" in said
    status, said = tagline(kubectl, "uninstall", "--silent", "--crds")
    assert status == 1
    assert {name for name in names(kubectl) if name.startswith("Custom")} == CRDS


def test_an_installation_under_helm_and_one_by_tagline_are_the_same_objects(kubectl: Kubectl, helm: Helm) -> None:
    def stored() -> dict[str, Any]:
        kinds = "clusterrole,clusterrolebinding,role,rolebinding,sa,deploy,networkpolicy,crd"
        found = get(kubectl, kinds, "-A", "-l", OURS)["items"]
        parts = ("spec", "rules", "subjects", "roleRef")
        return {
            f"{one['kind']}/{one['metadata']['name']}": {key: one[key] for key in parts if key in one} for one in found
        }

    with kubelet(kubectl):
        assert tagline(kubectl, "install")[0] == 0
    of_tagline = stored()
    assert tagline(kubectl, "uninstall", "--silent", "--crds")[0] == 0
    eventually(lambda: not names(kubectl), what="all to be gone")
    # The label that names an installation is that of the release.
    helm("install", "tagline-system", str(CHART), *WHERE, "--create-namespace")
    assert stored() == of_tagline
