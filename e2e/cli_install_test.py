"""`cli.installing`: install, check and uninstall on an API server of their own, for they change what all tests share.

There is no kubelet: what Deployments would get from it, a thread writes into their status.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from e2e.cluster import CRDS_COME_AND_GO, eventually
from hack.controllers import ROOT, Kubectl
from hack.env import controlplane, process, tools

NAMESPACE = "tagline-system"
INVENTORY = "tagline-inventory"
CONTROLLERS = ("imagepolicy-controller", "imagerepository-controller", "imageupdateautomation-controller")
CRD = "imagerepositories.image.toolkit.fluxcd.io"
PART_OF = "app.kubernetes.io/part-of"
QUESTION = "Are you sure you want to delete tagline?"
OLD_ROLE = "tagline-of-yesterday"


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Yield kubectl with administrator's rights on an empty API server."""
    plane = controlplane.start(tmp_path_factory.mktemp("plane"), server_flags=CRDS_COME_AND_GO)
    yield Kubectl(tools.ensure("kubectl")["kubectl"], plane.kubeconfig)
    for one in plane.processes:
        process.stop(one, kill=True)


@pytest.fixture(autouse=True)
def empty(kubectl: Kubectl) -> Iterator[None]:
    """Remove what a test has left."""
    yield
    kubectl("delete", "namespace", NAMESPACE, "ops", "flux-system", "--ignore-not-found", "--timeout=180s")
    for kind in ("crd", "clusterrole", "clusterrolebinding"):
        kubectl("delete", kind, "-l", "app.kubernetes.io/part-of in (tagline,flux)", "--timeout=180s")


def start(kubectl: Kubectl, *args: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cli.main", *args, "--kubeconfig", str(kubectl.kubeconfig)]
    return subprocess.Popen(command, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def tagline(kubectl: Kubectl, *args: str) -> tuple[int, str, str]:
    """Run a verb; return exit status and both outputs."""
    with start(kubectl, *args) as running:
        output, errors = running.communicate(timeout=60)
    return running.returncode, output, errors


@contextmanager
def kubelet(kubectl: Kubectl, namespace: str = NAMESPACE) -> Iterator[None]:
    """Have all Deployments of a namespace become ready, and their leases held."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.4):
            for deployment in items(kubectl, "deploy", namespace):
                make_ready(kubectl, deployment)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def make_ready(kubectl: Kubectl, deployment: dict[str, Any]) -> None:
    metadata = deployment["metadata"]
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    patch = json.dumps({"status": {"observedGeneration": metadata["generation"], **counts}})
    place = ("-n", metadata["namespace"], "--subresource=status", "--type=merge", "-p", patch)
    kubectl("patch", "deploy", metadata["name"], *place, check=False)


def lead(kubectl: Kubectl) -> None:
    """Write the leases that the controllers would hold."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for name in CONTROLLERS:
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": f"{name}-leader-election", "namespace": NAMESPACE},
            "spec": {"holderIdentity": f"{name}-0", "leaseDurationSeconds": 35, "renewTime": now},
        }
        kubectl("apply", "-f", "-", stdin=json.dumps(lease))


def items(kubectl: Kubectl, kind: str, namespace: str = "", selector: str = "") -> list[dict[str, Any]]:
    place = ["-n", namespace] if namespace else ["-A"]
    found = kubectl("get", kind, *place, "-l", selector, "-o", "json", check=False)
    return json.loads(found.stdout)["items"] if found.returncode == 0 else []


def names(kubectl: Kubectl) -> set[str]:
    """Return all that is tagline's in the cluster."""
    kinds = "ns,crd,clusterrole,clusterrolebinding,role,rolebinding,sa,deploy,networkpolicy,cm,secret"
    found = items(kubectl, kinds, selector="app.kubernetes.io/part-of=tagline")
    return {f"{one['kind']}/{one['metadata']['name']}" for one in found}


def inventory(kubectl: Kubectl, namespace: str = NAMESPACE) -> dict[str, str]:
    data: dict[str, str] = json.loads(kubectl("get", "cm", INVENTORY, "-n", namespace, "-o", "json").stdout)["data"]
    return data


def install(kubectl: Kubectl, *args: str) -> tuple[str, str]:
    with kubelet(kubectl):
        status, output, errors = tagline(kubectl, "install", *args)
    assert status == 0, errors
    return output, errors


def test_an_installation_is_ready_repeatable_checked_and_removed(kubectl: Kubectl) -> None:
    output, errors = install(kubectl)
    assert f"Deployment/{NAMESPACE}/imagepolicy-controller created" in output
    assert errors.startswith(
        f"✚ generating manifests\n✔ manifests build completed\n► installing components in {NAMESPACE} namespace\n"
        "◎ verifying installation\n"
    )
    assert all(f"✔ {name}: deployment ready\n" in errors for name in CONTROLLERS)
    assert errors.endswith("✔ install finished\n")
    assert inventory(kubectl)["state"] == "complete"

    output, _ = install(kubectl)
    assert {line.rpartition(" ")[2] for line in output.splitlines()} == {"unchanged"}

    status, _, errors = tagline(kubectl, "check")
    assert status == 1
    assert "✗ imagepolicy-controller: nobody ever took the lease imagepolicy-controller-leader-election" in errors
    lead(kubectl)
    status, _, errors = tagline(kubectl, "check")
    assert status == 0, errors
    assert "✔ imagepolicy-controller: has all 21 rights\n" in errors
    assert "✔ imagepolicy-controller: imagepolicy-controller-0 leads, lease renewed" in errors
    assert f"✔ {CRD}/v1\n" in errors

    before = names(kubectl)
    status, _, errors = tagline(kubectl, "uninstall", "--dry-run")
    assert status == 0
    assert f"✔ Deployment/{NAMESPACE}/imagepolicy-controller deleted (dry run)\n" in errors
    assert names(kubectl) == before

    status, _, errors = tagline(kubectl, "uninstall")
    assert status == 1
    assert "--silent" in errors
    assert names(kubectl) == before

    status, _, errors = tagline(kubectl, "uninstall", "--silent")
    assert status == 0, errors
    assert "✔ ClusterRole/tagline-view deleted \n✔ Role/" in errors
    eventually(lambda: all(name.startswith("Custom") for name in names(kubectl)), what="all but the CRDs to be gone")
    assert len(names(kubectl)) == 5

    status, _, errors = tagline(kubectl, "uninstall", "--silent", "--crds")
    assert status == 0, errors
    eventually(lambda: not names(kubectl), what="the CRDs to be gone")


def test_an_upgrade_removes_what_is_no_longer_part_of_it_and_nothing_that_is_anothers(kubectl: Kubectl) -> None:
    install(kubectl)
    for name, part_of in ((OLD_ROLE, "tagline"), ("taken-over", "flux")):
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": part_of}},
            "rules": [],
        }
        kubectl("apply", "-f", "-", stdin=json.dumps(role))
        line = json.dumps(["rbac.authorization.k8s.io/v1", "ClusterRole", "", name])
        old = {"data": {"objects": f"{inventory(kubectl)['objects']}{line}\n", "version": "v0.0.9"}}
        kubectl("patch", "cm", INVENTORY, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(old))
    output, _ = install(kubectl, "--network-policy=false")
    assert f"ClusterRole/{OLD_ROLE} deleted\n" in output
    assert f"NetworkPolicy/{NAMESPACE}/allow-egress deleted\n" in output
    assert f"ClusterRole/{OLD_ROLE}" not in names(kubectl)
    assert kubectl("get", "clusterrole", "taken-over").returncode == 0
    assert "NetworkPolicy" not in inventory(kubectl)["objects"]
    kubectl("delete", "clusterrole", "taken-over")


def test_what_kubectl_applied_is_taken_over(kubectl: Kubectl) -> None:
    kubectl("apply", "-k", str(ROOT / "manifests"))
    old = json.loads(kubectl("get", "deploy", "imagepolicy-controller", "-n", NAMESPACE, "-o", "json").stdout)
    old = json.loads(old["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
    old["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "OF_YESTERDAY", "value": "1"})
    for flags in ((), ("--server-side", "--force-conflicts")):
        kubectl("apply", *flags, "-f", "-", stdin=json.dumps(old))
    output, _ = install(kubectl, "--log-level=debug")
    assert f"Deployment/{NAMESPACE}/imagepolicy-controller configured" in output
    deployment = json.loads(kubectl("get", "deploy", "imagepolicy-controller", "-n", NAMESPACE, "-o", "json").stdout)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert [one["name"] for one in container["env"]] == ["RUNTIME_NAMESPACE", "TMPDIR"]
    arguments = container["args"]
    assert [one for one in arguments if one.startswith("--log-level")] == ["--log-level=debug"]
    assert tagline(kubectl, "uninstall", "--silent", "--crds")[0] == 0
    eventually(lambda: not names(kubectl), what="all to be gone")


@pytest.mark.parametrize("lines", [1, 4, 26])
def test_an_installation_that_was_killed_is_told_repeated_and_removed(kubectl: Kubectl, lines: int) -> None:
    running = start(kubectl, "install")
    assert running.stdout is not None
    for _ in range(lines):
        running.stdout.readline()
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    there = names(kubectl)
    assert there
    if f"ConfigMap/{INVENTORY}" in there:
        assert tagline(kubectl, "check", "--timeout=3s")[0] == 1
    install(kubectl)
    assert inventory(kubectl)["state"] == "complete"
    assert len(names(kubectl)) == 29
    assert tagline(kubectl, "uninstall", "--silent", "--crds")[0] == 0
    eventually(lambda: not names(kubectl), what="all to be gone")


def test_a_removal_says_what_is_lost_and_takes_off_what_would_keep_it(kubectl: Kubectl) -> None:
    install(kubectl)
    repository = {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageRepository",
        "metadata": {"name": "app", "namespace": "default", "finalizers": ["finalizers.fluxcd.io"]},
        "spec": {"image": "ghcr.io/org/app", "interval": "1m"},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(repository))
    kubectl("create", "secret", "generic", "mine", "-n", NAMESPACE)
    status, _, errors = tagline(kubectl, "uninstall", "--silent", "--crds")
    assert status == 0, errors
    assert "⚠️  1 ImageRepository objects will be lost\n" in errors
    assert "✔ ImageRepository/default/app finalizers deleted \n" in errors
    assert f"⚠️  Namespace/{NAMESPACE} stays, for it has more in it: Secret/mine;" in errors
    eventually(lambda: not items(kubectl, "crd", selector="app.kubernetes.io/part-of=tagline"), what="no CRDs")
    assert names(kubectl) == {f"Namespace/{NAMESPACE}"}
    assert kubectl("get", "secret", "mine", "-n", NAMESPACE).returncode == 0


def held(kubectl: Kubectl, namespace: str, finalizer: str = "finalizers.fluxcd.io") -> None:
    """Make an ImageRepository that its controller has to let go."""
    repository = {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageRepository",
        "metadata": {"name": "app", "namespace": namespace, "finalizers": [finalizer]},
        "spec": {"image": "ghcr.io/org/app", "interval": "1m"},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(repository))


def finalizers(kubectl: Kubectl, namespace: str) -> list[str]:
    (found,) = items(kubectl, "imagerepository", namespace)
    present: list[str] = found["metadata"].get("finalizers", [])
    return present


def test_a_namespace_stays_for_whatever_somebody_put_into_it(kubectl: Kubectl) -> None:
    install(kubectl)
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "mine", "namespace": NAMESPACE},
        "spec": {"defaultBackend": {"service": {"name": "mine", "port": {"number": 80}}}},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(ingress))
    kubectl("create", "serviceaccount", "mine", "-n", NAMESPACE)
    lead(kubectl)
    status, _, errors = tagline(kubectl, "uninstall", "--silent")
    assert status == 0, errors
    assert "stays, for it has more in it: ServiceAccount/mine, Ingress/mine;" in errors
    assert kubectl("get", "ingress", "mine", "-n", NAMESPACE).returncode == 0


def test_what_comes_into_a_namespace_while_somebody_is_asked_stays(kubectl: Kubectl) -> None:
    install(kubectl)
    with start(kubectl, "uninstall", stdin=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.read(len(QUESTION)) == QUESTION
        kubectl("create", "secret", "generic", "mine", "-n", NAMESPACE)
        _, errors = running.communicate("y\n", timeout=60)
    assert running.returncode == 0, errors
    assert f"⚠️  Namespace/{NAMESPACE} stays, for it has more in it: Secret/mine;" in errors
    assert kubectl("get", "secret", "mine", "-n", NAMESPACE).returncode == 0
    assert not items(kubectl, "cm", NAMESPACE, selector=f"{PART_OF}=tagline")


def test_objects_that_others_look_after_are_left_to_them(kubectl: Kubectl) -> None:
    limited = ("--watch-all-namespaces=false", "-n")
    for namespace in ("ops", NAMESPACE):
        with kubelet(kubectl, namespace):
            assert tagline(kubectl, "install", *limited, namespace)[0] == 0
        held(kubectl, namespace)
    status, _, errors = tagline(kubectl, "uninstall", "-n", "ops", "--silent", "--keep-namespace")
    assert status == 0, errors
    assert "deleting toolkit.fluxcd.io finalizers in the ops namespace\n" in errors
    assert (finalizers(kubectl, "ops"), finalizers(kubectl, NAMESPACE)) == ([], ["finalizers.fluxcd.io"])
    kubectl("create", "namespace", "flux-system")
    kubectl("apply", "-f", "-", stdin=flux_deployment("image-reflector-controller"))
    status, _, errors = tagline(kubectl, "uninstall", "--silent")
    assert status == 0, errors
    assert finalizers(kubectl, NAMESPACE) == ["finalizers.fluxcd.io"]
    assert "finalizers" not in errors
    status, _, errors = tagline(kubectl, "uninstall", "--silent", "--crds")
    assert status == 0, errors
    eventually(lambda: not items(kubectl, "crd", selector="app.kubernetes.io/part-of=tagline"), what="no CRDs")


def test_controllers_that_do_not_get_ready_are_explained_in_the_kubelets_words(kubectl: Kubectl) -> None:
    kubectl("create", "namespace", NAMESPACE)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "imagepolicy-controller-1", "namespace": NAMESPACE, "labels": {"app": "imagepolicy-controller"}
        },
        "spec": {"containers": [{"name": "manager", "image": "ghcr.io/tagline/tagline:v0"}]},
    }  # fmt: skip
    kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "ghcr.io/tagline/tagline:v0"'}
    container = {"name": "manager", "ready": False, "restartCount": 0, "image": "", "imageID": ""}
    patch = json.dumps({"status": {"containerStatuses": [{**container, "state": {"waiting": waiting}}]}})
    place = ("-n", NAMESPACE, "--subresource=status", "--type=merge")
    kubectl("patch", "pod", "imagepolicy-controller-1", *place, "-p", patch)
    status, _, errors = tagline(kubectl, "install", "--timeout=5s", "--components=imagepolicy-controller")
    assert status == 1
    said = 'pod imagepolicy-controller-1: ImagePullBackOff: Back-off pulling image "ghcr.io/tagline/tagline:v0"'
    assert f"◎ imagepolicy-controller: {said}\n" in errors
    assert f"✗ not ready within --timeout: imagepolicy-controller: {said}." in errors
    assert f"⚠️  Namespace/{NAMESPACE} is not tagline's: it is used, and stays when tagline goes\n" in errors
    status, _, errors = tagline(kubectl, "uninstall", "--silent")
    assert status == 0, errors
    assert kubectl("get", "namespace", NAMESPACE).returncode == 0


def test_beside_fluxs_image_controllers_it_is_refused_unless_forced(kubectl: Kubectl) -> None:
    kubectl("create", "namespace", "flux-system")
    kubectl("apply", "-f", "-", stdin=flux_deployment("image-automation-controller"))
    status, _, errors = tagline(kubectl, "install", "--timeout=5s")
    assert status == 1
    assert "✗ Flux's image controllers run in this cluster (flux-system/image-automation-controller)" in errors
    assert not names(kubectl)
    install(kubectl, "--force")
    status, _, errors = tagline(kubectl, "check", "--timeout=5s")
    assert status == 1
    assert "✗ Flux's image controllers run beside tagline's (flux-system/image-automation-controller)" in errors


def test_git_repositories_of_flux_stay_fluxs(kubectl: Kubectl) -> None:
    crd = ROOT / "manifests" / "crds" / "source.toolkit.fluxcd.io_gitrepositories.yaml"
    kubectl("apply", "-f", str(crd))
    kubectl("label", "crd", "gitrepositories.source.toolkit.fluxcd.io", "app.kubernetes.io/part-of=flux")
    output, errors = install(kubectl)
    assert "gitrepositories.source.toolkit.fluxcd.io" not in output
    assert "gitrepositories.source.toolkit.fluxcd.io is not tagline's: it is left as it is\n" in errors
    assert tagline(kubectl, "uninstall", "--silent", "--crds")[0] == 0
    assert kubectl("get", "crd", "gitrepositories.source.toolkit.fluxcd.io").returncode == 0


def test_what_others_have_under_the_same_names_stays_theirs(kubectl: Kubectl) -> None:
    kubectl("create", "namespace", "flux-system")
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "allow-egress", "namespace": "flux-system", "labels": {PART_OF: "flux"}},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(policy))
    kubectl("create", "secret", "generic", "pull", "-n", "flux-system", "--from-literal=a=b")
    flags = ("-n", "flux-system", "--image-pull-secret=pull")
    status, _, errors = tagline(kubectl, "install", *flags, "--registry-creds=me:s3cr:t", "--timeout=5s")
    assert status == 1
    assert "✗ Secret/flux-system/pull: there already, and not tagline's" in errors
    assert not names(kubectl)
    with kubelet(kubectl, "flux-system"):
        status, _, errors = tagline(kubectl, "install", *flags)
    assert status == 0, errors
    assert "NetworkPolicy/flux-system/allow-egress is not tagline's: it is left as it is\n" in errors
    assert tagline(kubectl, "uninstall", "-n", "flux-system", "--silent")[0] == 0
    (left,) = items(kubectl, "networkpolicy", "flux-system")
    assert left["metadata"]["labels"] == {PART_OF: "flux"}
    assert kubectl("get", "secret", "pull", "-n", "flux-system").returncode == 0


def test_an_upgrade_without_credentials_keeps_the_secret_that_pods_are_pulled_with(kubectl: Kubectl) -> None:
    install(kubectl, "--image-pull-secret=pull", "--registry-creds=me:s3cr:t")
    output, _ = install(kubectl, "--image-pull-secret=pull")
    assert "Secret" not in output
    assert kubectl("get", "secret", "pull", "-n", NAMESPACE).returncode == 0
    assert f'"Secret", "{NAMESPACE}", "pull"' in inventory(kubectl)["objects"]
    assert f"Secret/{NAMESPACE}/pull deleted" in install(kubectl)[0]


def test_a_second_installation_that_would_do_the_same_is_refused(kubectl: Kubectl) -> None:
    install(kubectl)
    status, _, errors = tagline(kubectl, "install", "-n", "ops", "--timeout=5s")
    assert status == 1
    assert f"is installed in the namespace {NAMESPACE} already" in errors
    status, _, errors = tagline(kubectl, "uninstall", "-n", "ops", "--silent")
    assert status == 1
    assert f"say `-n {NAMESPACE}`" in errors


def test_installations_for_one_namespace_each_share_what_the_cluster_has_once(kubectl: Kubectl) -> None:
    for namespace in ("ops", NAMESPACE):
        with kubelet(kubectl, namespace):
            flags = ("-n", namespace, "--watch-all-namespaces=false", "--registry-creds=me:s3cr:t")
            status, output, errors = tagline(kubectl, "install", *flags, "--image-pull-secret=pull")
        assert status == 0, errors
    assert "s3cr" not in output + errors
    assert not items(kubectl, "clusterrolebinding", selector="app.kubernetes.io/part-of=tagline")
    status, _, errors = tagline(kubectl, "uninstall", "-n", "ops", "--silent", "--crds")
    assert status == 0, errors
    assert f"⚠️  CustomResourceDefinition/{CRD} stays: another installation uses it\n" in errors
    assert "Secret/ops/pull deleted" in errors
    # While the namespace goes, it counts as gone: what is shared has one user left.
    status, _, errors = tagline(kubectl, "uninstall", "--silent", "--crds")
    assert status == 0, errors
    assert f"✔ CustomResourceDefinition/{CRD} deleted" in errors
    install(kubectl)
    assert len(names(kubectl)) == 29


def test_a_removal_that_was_killed_is_repeated(kubectl: Kubectl) -> None:
    install(kubectl)
    running = start(kubectl, "uninstall", "--silent", "--crds")
    assert running.stderr is not None
    for _ in range(9):
        running.stderr.readline()
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert 0 < len(names(kubectl)) < 29
    status, _, errors = tagline(kubectl, "uninstall", "--silent", "--crds")
    assert status == 0, errors
    eventually(lambda: not names(kubectl), what="all to be gone")


def test_crds_of_other_tools_are_taken_over_only_when_asked(kubectl: Kubectl) -> None:
    crd = ROOT / "manifests" / "crds" / "image.toolkit.fluxcd.io_imagepolicies.yaml"
    kubectl("apply", "-f", str(crd))
    kubectl("label", "crd", "imagepolicies.image.toolkit.fluxcd.io", "app.kubernetes.io/managed-by=Helm")
    status, output, errors = tagline(kubectl, "install", "--timeout=5s")
    assert status == 1
    assert "imagepolicies.image.toolkit.fluxcd.io: applied by Helm, which may put its own back" in errors
    assert "Are you sure you want to override the Helm installation? Y/N? [y/N]" in output
    assert "--force" in errors
    install(kubectl, "--force")
    kubectl("label", "crd", "imagepolicies.image.toolkit.fluxcd.io", "app.kubernetes.io/part-of=tagline", "--overwrite")


def test_who_may_not_is_told_which_verb_on_which_resource(kubectl: Kubectl) -> None:
    status, _, errors = tagline(kubectl, "install", "--as", "jane")
    assert status == 1
    assert 'User "jane" cannot get resource "namespaces" in API group "" in the namespace "tagline-system"' in errors
    status, _, errors = tagline(kubectl, "check", "--pre", "--as", "jane")
    assert status == 0
    assert "⚠️  what versions the CRDs store cannot be looked at: customresourcedefinitions" in errors
    assert "⚠️  you may not create clusterroles.rbac.authorization.k8s.io, which `tagline install` does" in errors


def test_a_right_that_somebody_took_away_is_named(kubectl: Kubectl) -> None:
    install(kubectl)
    lead(kubectl)
    patch = '[{"op": "remove", "path": "/rules/1"}]'
    kubectl("patch", "clusterrole", "tagline-imagepolicy-controller", "--type=json", "-p", patch)
    kubectl("delete", "deploy", "imagerepository-controller", "-n", NAMESPACE)
    status, _, errors = tagline(kubectl, "check")
    assert status == 1
    refused = "imagepolicy-controller: may not patch imagepolicies/status.image.toolkit.fluxcd.io in all namespaces"
    assert f"✗ {refused}: repeat `tagline install`" in errors
    assert "✗ imagerepository-controller: there is no such Deployment any more" in errors


def flux_deployment(name: str) -> str:
    labels = {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/component": name}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "manager", "image": name}]}}
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "flux-system", "labels": labels},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
        }
    )
