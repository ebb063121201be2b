"""`manifests`: bad days of a cluster; a tag that is pushed on one is committed once, on that day or right after.

docs/operations.md says the same in words. Each test leaves the cluster as it found it.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster import condition, eventually
from e2e.conftest import Parts
from e2e.journeys import Journey, build
from e2e.node.workload import Workload
from hack.controllers import NAMESPACE, Kubectl
from hack.env import pki, process, registry
from hack.env.environment import Environment
from hack.env.node import Node

SECONDS = 120
RENEWAL_SECONDS = 25
"""A leader that cannot renew its lease for thirty seconds ends, as it should; a slow machine takes so long."""
HOG = """
import os, time
for _ in range(40):
    if os.fork() == 0:
        held = b"x" * (24 << 20)
        time.sleep(60)
time.sleep(60)
"""
"""Many processes that are each smaller than ours: out of memory, the kernel kills the largest."""


def deliver(journey: Journey, number: int) -> None:
    """Push a tag and wait until it is committed and reported."""
    journey.push(build(number))
    journey.scan()
    eventually(journey.repository_has(build(number)), what=f"build {number} in Git", seconds=SECONDS)
    journey.settle(build(number))


def require_builds(journey: Journey, count: int) -> None:
    """Assert that there is one commit for each build after the first, and none besides."""
    journey.require_exact(journey.commits(), [build(number) for number in range(count + 1)])


@pytest.fixture
def wrong_secret(cluster: Parts) -> Iterator[str]:
    """Create a pull secret in our namespace with a password that the registry refuses; yield its name."""
    cluster.kubectl(
        "create", "secret", "docker-registry", "wrong", "-n", NAMESPACE, f"--docker-server={cluster.registry}",
        f"--docker-username={cluster.registry_user}", "--docker-password=not-it",
    )  # fmt: skip
    yield "wrong"
    cluster.kubectl("delete", "secret", "wrong", "-n", NAMESPACE)


def without_image(parts: Parts) -> dict[str, Any]:
    return {"containers": [{"name": "manager", "image": f"{parts.open_registry}/tagline:none"}]}


def without_login(parts: Parts) -> dict[str, Any]:
    image = f"{parts.registry}/tagline:none"
    return {"containers": [{"name": "manager", "image": image}], "imagePullSecrets": [{"name": "wrong"}]}


def without_room(_parts: Parts) -> dict[str, Any]:
    memory = {"memory": "500Gi"}
    return {"containers": [{"name": "manager", "resources": {"requests": memory, "limits": memory}}]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(without_image, "not found", id="image-that-is-not-there"),
        pytest.param(without_login, "401 Unauthorized", id="wrong-pull-secret"),
        pytest.param(without_room, "Insufficient memory", id="node-full"),
    ],
)
@pytest.mark.usefixtures("wrong_secret")
def test_update_that_cannot_start_leaves_the_old_version_at_work(
    change: Callable[[Parts], dict[str, Any]], words: str, restored: Workload, journey: Journey, parts: Parts
) -> None:
    (old,) = restored.wait_ready()
    restored.patch({"template": {"spec": change(parts)}})
    eventually(lambda: words in str(restored.waiting()), what=f"{words!r} in {restored.waiting()}", seconds=SECONDS)
    deliver(journey, 1)
    assert [pod["metadata"]["uid"] for pod in restored.ready_pods()] == [old["metadata"]["uid"]]
    require_builds(journey, 1)


def test_pods_work_on_while_the_kubelet_is_away_and_are_not_started_again(
    environment: Environment, automation: Workload, journey: Journey
) -> None:
    restarts = automation.restarts()
    command = environment.halt("kubelet")
    deliver(journey, 1)
    environment.resume("kubelet", command)
    automation.wait_ready()
    deliver(journey, 2)
    assert automation.restarts() == restarts
    require_builds(journey, 2)


def test_pods_outlive_containerd(environment: Environment, automation: Workload, journey: Journey) -> None:
    restarts = automation.restarts()
    command = environment.halt("containerd")
    deliver(journey, 1)
    environment.resume("containerd", command)
    automation.wait_ready()
    deliver(journey, 2)
    assert automation.restarts() == restarts
    require_builds(journey, 2)


def test_tag_of_the_time_without_an_api_server_is_committed_afterwards(
    environment: Environment, automation: Workload, journey: Journey
) -> None:
    restarts = automation.restarts()
    command = environment.halt("kube-apiserver")
    journey.push(build(1))
    gone = time.monotonic()
    time.sleep(5)  # long enough for watches, leases and probes to fail
    environment.resume("kube-apiserver", command)
    wait_api(environment)
    away = time.monotonic() - gone
    journey.scan()
    eventually(journey.repository_has(build(1)), what="the commit", seconds=SECONDS)
    journey.settle(build(1))
    assert automation.restarts() == restarts or away > RENEWAL_SECONDS
    require_builds(journey, 1)


def test_keys_of_service_account_tokens_are_replaced_and_no_process_ends(
    environment: Environment, workloads: list[Workload], journey: Journey
) -> None:
    """The old tokens are refused; the kubelet fetches new ones when it starts; processes read them again."""
    restarts = [workload.restarts() for workload in workloads]
    tokens = [token_file(workload) for workload in workloads]
    before = [token.read_text() for token in tokens]
    gone = time.monotonic()
    pki.signing_key(environment.folder / "sa.key")
    environment.resume("kube-apiserver", environment.halt("kube-apiserver"))
    wait_api(environment)
    environment.resume("kubelet", environment.halt("kubelet"))
    eventually(
        lambda: all(token.read_text() != old for token, old in zip(tokens, before, strict=True)),
        what="new tokens", seconds=SECONDS,
    )  # fmt: skip
    refused = time.monotonic() - gone
    deliver(journey, 1)
    assert [workload.restarts() for workload in workloads] == restarts or refused > RENEWAL_SECONDS
    require_builds(journey, 1)


def token_file(workload: Workload) -> Path:
    """Return the file with the token of a workload's pod, where the kubelet keeps it."""
    (pod,) = workload.wait_ready()
    file_system = Path("/proc") / str(workload.node.namespaces.holder.pid) / "root"
    (token,) = (file_system / "var/lib/kubelet").glob(
        f"pods/{pod['metadata']['uid']}/volumes/kubernetes.io~projected/*/token"
    )
    return token


def wait_api(environment: Environment) -> None:
    """Wait until the API server is ready."""
    running = next(p for p in environment.processes if p.name == "kube-apiserver")
    ready = process.http_probe(f"{environment.server}/readyz", authority=environment.authority, below=300)
    process.wait_until(ready, running)


def test_process_that_runs_out_of_memory_while_it_pushes_commits_once(
    restored: Workload, journey: Journey, tmp_path: Path
) -> None:
    restored.patch_container(resources={"requests": {"memory": "64Mi"}, "limits": {"memory": "200Mi"}})
    eventually(lambda: len(restored.pods()) == 1 and limit(restored) == "200Mi", what="the limit", seconds=SECONDS)
    restored.wait_ready()
    pushing = tmp_path / "pushing"
    slow_pushes(journey, f"touch {pushing}; sleep 8")
    journey.push(build(1))
    journey.scan()
    eventually(pushing.exists, what="the push to begin", seconds=SECONDS)
    (pod,) = restored.pods()
    with ThreadPoolExecutor(1) as pool:
        eat = ["exec", "-n", NAMESPACE, pod["metadata"]["name"], "--", "python", "-c", HOG]
        pool.submit(restored.kubectl, *eat, check=False)
        eventually(lambda: restored.last_end().get("reason") == "OOMKilled", what="OOMKilled", seconds=SECONDS)
    slow_pushes(journey, "true")
    restored.wait_ready()
    eventually(journey.repository_has(build(1)), what="the commit", seconds=SECONDS)
    journey.settle(build(1))
    require_builds(journey, 1)


def limit(workload: Workload) -> str:
    """Return the memory limit of the newest pod of a workload."""
    return str(workload.pods()[-1]["spec"]["containers"][0]["resources"]["limits"]["memory"])


def slow_pushes(journey: Journey, script: str) -> None:
    """Let the Git host run a script before it takes a push."""
    host, name = journey.repository.host, journey.repository.name
    host.call("PATCH", f"/repos/{host.user}/{name}/hooks/git/pre-receive", {"content": f"#!/bin/sh\n{script}\n"})


def test_pods_that_a_node_under_pressure_evicts_come_back_and_have_lost_nothing(
    environment: Environment, node: Node, workloads: list[Workload], journey: Journey
) -> None:
    """Which of them go first is the kubelet's to say: those that use more than they have asked for."""
    config = node.folder / "kubelet.json"
    before = config.read_text()
    settings = json.loads(before)
    settings["evictionHard"] = {"memory.available": "99%"}
    settings["evictionPressureTransitionPeriod"] = "5s"
    try:
        config.write_text(json.dumps(settings))
        environment.resume("kubelet", environment.halt("kubelet"))
        journey.push(build(1))
        journey.scan()
        evicted = eventually(lambda: evictions(workloads), what="an eviction", seconds=SECONDS)
    finally:
        config.write_text(before)
        environment.resume("kubelet", environment.halt("kubelet"))
    assert "low on resource: memory" in evicted[0]
    for workload in workloads:
        workload.kubectl(
            "delete", "pods", "-n", NAMESPACE, "--field-selector=status.phase!=Running,status.phase!=Pending"
        )
        workload.wait_ready()
    eventually(journey.repository_has(build(1)), what="the commit", seconds=SECONDS)
    journey.settle(build(1))
    require_builds(journey, 1)


def evictions(workloads: list[Workload]) -> list[str]:
    """Return why pods were evicted, of any of the Deployments."""
    return [message for workload in workloads for message in workload.evicted()]


@pytest.fixture
def tls_registry(node: Node, environment: Environment, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name of an image behind TLS, and the file of the authority that has signed for its registry."""
    authority = pki.new_authority("somebody")
    trusted = tmp_path / "authority.crt"
    trusted.write_bytes(authority.certificate_pem())
    crt, key = authority.issue("registry", tmp_path, addresses=(node.pod_address_of_host,))
    files = registry.TlsFiles(crt, key, trusted)
    started = registry.start(tmp_path / "registry", tls=files, address=node.pod_address_of_host)
    image = f"{started.host}/app:1"
    node.push_image(node.load_busybox(), image, plain_http=False)
    yield image, trusted
    process.stop(started.process, kill=True)


def test_node_refuses_a_registry_whose_certificate_it_does_not_know(
    node: Node, kubectl: Kubectl, namespace: str, tls_registry: tuple[str, Path]
) -> None:
    image, authority = tls_registry
    run_pod(kubectl, namespace, image)
    eventually(
        lambda: "certificate signed by unknown authority" in str(pod_status(kubectl, namespace)),
        what="why it does not run", seconds=SECONDS,
    )  # fmt: skip
    node.trust(image.partition("/")[0], authority)
    eventually(lambda: is_ready(kubectl, namespace), what="the pod to run", seconds=SECONDS)


def test_pull_secret_opens_a_private_registry_to_the_node(
    node: Node, kubectl: Kubectl, namespace: str, parts: Parts
) -> None:
    image = f"{parts.registry}/{namespace}/app:1"
    node.push_image(node.load_busybox(), image, user=f"{parts.registry_user}:{parts.registry_password}")
    run_pod(kubectl, namespace, image, imagePullSecrets=[{"name": "pull"}])
    eventually(lambda: "401 Unauthorized" in str(pod_status(kubectl, namespace)), what="refusal", seconds=SECONDS)
    kubectl(
        "create", "secret", "docker-registry", "pull", "-n", namespace, f"--docker-server={parts.registry}",
        f"--docker-username={parts.registry_user}", f"--docker-password={parts.registry_password}",
    )  # fmt: skip
    eventually(lambda: is_ready(kubectl, namespace), what="the pod to run", seconds=SECONDS)


def run_pod(kubectl: Kubectl, namespace: str, image: str, **spec: object) -> None:
    """Create a pod `app` that sleeps."""
    container = {"name": "app", "image": image, "command": ["/bin/sleep", "600"]}
    body = {"containers": [container], "terminationGracePeriodSeconds": 0, **spec}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": namespace}, "spec": body}
    kubectl("apply", "-f", "-", stdin=json.dumps(pod))


def pod_status(kubectl: Kubectl, namespace: str) -> dict[str, Any]:
    """Return the status of the pod `app`."""
    return dict(json.loads(kubectl("get", "pod", "app", "-n", namespace, "-o", "json").stdout)["status"])


def is_ready(kubectl: Kubectl, namespace: str) -> bool:
    """Return whether the pod `app` is ready."""
    return condition({"status": pod_status(kubectl, namespace)}, "Ready").get("status") == "True"
