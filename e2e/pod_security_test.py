"""`manifests`: pods are admitted where the Pod Security Standard `restricted` is enforced, with every component.

https://kubernetes.io/docs/concepts/security/pod-security-standards/. The API server decides; no pod runs.
"""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import manifests
from e2e.conftest import Parts
from e2e.manifests import Objects, parse
from hack.controllers import ROOT, Kubectl, KubectlFailed

NAMESPACE = "restricted"
COMPONENTS = sorted(path.name for path in (ROOT / "manifests" / "components").iterdir() if path.is_dir())
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def kubectl(parts: Parts) -> Iterator[Kubectl]:
    """Yield kubectl on a cluster with a namespace that enforces the standard."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }
    parts.kubectl("apply", "-f", "-", stdin=json.dumps(namespace))
    yield parts.kubectl
    parts.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def rendered(kubectl: Kubectl, folder: Path, *components: str) -> Objects:
    objects = parse(manifests.render(kubectl, folder, *components, namespace=NAMESPACE))
    for obj in objects:
        if obj["kind"] == "ServiceAccount":
            kubectl("apply", "-f", "-", stdin=json.dumps(obj))
    return objects


def pods(objects: Objects) -> list[dict[str, Any]]:
    """Return the pods that Deployments would make."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**deployment["spec"]["template"]["metadata"], "name": deployment["metadata"]["name"]},
            "spec": copy.deepcopy(deployment["spec"]["template"]["spec"]),
        }
        for deployment in objects
        if deployment["kind"] == "Deployment"
    ]


def admit(kubectl: Kubectl, pod: dict[str, Any]) -> dict[str, Any]:
    """Return a pod as the API server would store it. Raises KubectlFailed where it would not."""
    pod["metadata"]["namespace"] = NAMESPACE
    answer = kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(pod)).stdout
    found: dict[str, Any] = json.loads(answer)
    return found


@pytest.mark.parametrize("component", [(), *((name,) for name in COMPONENTS if name != "namespaced")])
def test_pods_are_admitted(kubectl: Kubectl, tmp_path: Path, component: tuple[str, ...]) -> None:
    found = [admit(kubectl, pod) for pod in pods(rendered(kubectl, tmp_path, *component))]
    assert len(found) >= 3
    for pod in found:
        spec = pod["spec"]
        tokens = [volume for volume in spec["volumes"] if volume["name"].startswith("kube-api-access")]
        assert len(tokens) == 1, "a controller without a token cannot work"
        (container,) = spec["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["resources"].keys() == {"limits", "requests"}
        name = pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"]
        assert name == container["name"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda pod: pod.pop("securityContext"), "", id="what-the-container-says-is-enough"),
        pytest.param(
            lambda pod: (pod.pop("securityContext"), pod["containers"][0].pop("securityContext")),
            "allowPrivilegeEscalation != false.*unrestricted capabilities.*runAsNonRoot != true.*seccompProfile",
            id="nothing-said",
        ),
        pytest.param(
            lambda pod: pod["containers"][0]["securityContext"]["capabilities"].pop("drop"),
            "unrestricted capabilities",
            id="capabilities",
        ),
        pytest.param(lambda pod: pod.update(hostNetwork=True), "host namespaces", id="host-network"),
    ],
)
def test_the_standard_is_enforced(kubectl: Kubectl, tmp_path: Path, change: Change, said: str) -> None:
    pod = pods(rendered(kubectl, tmp_path))[0]
    change(pod["spec"])
    if not said:
        admit(kubectl, pod)
        return
    with pytest.raises(KubectlFailed, match=said):
        admit(kubectl, pod)


def test_accounts_give_their_token_to_no_pod_that_does_not_ask_for_it(kubectl: Kubectl, tmp_path: Path) -> None:
    for pod in pods(rendered(kubectl, tmp_path)):
        del pod["spec"]["automountServiceAccountToken"]
        volumes = admit(kubectl, pod)["spec"]["volumes"]
        assert [volume["name"] for volume in volumes] == ["temp"]
