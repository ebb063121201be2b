"""`manifests`: what the kernel and the kubelet make of the pods: identity, limits, probes, tokens, memory, start-up."""

import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from e2e.cluster import condition, eventually
from e2e.node.workload import Workload, container_id, pids, status_of
from hack.controllers import NAMESPACE
from hack.env import process
from hack.env.node import cgroups

NOBODY = "65534"
FILTERED = "2"
"""Of Seccomp in proc_pid_status(5): a filter."""
MIB = 1 << 20
START_SECONDS = 20
PROBE_SECONDS = 90
"""Three failures, ten seconds apart, the grace period, and a start."""

WRITER = """
import os, tempfile
for folder, _, _ in os.walk("/", onerror=None):
    if not folder.startswith(("/proc", "/sys", "/dev")):
        try:
            tempfile.TemporaryFile(dir=folder)
        except OSError:
            continue
        print(folder)
"""
"""Tries every folder."""

Record = Callable[[str, object], None]


def test_processes_are_nobody_without_capabilities_behind_a_filter(any_workload: Workload) -> None:
    (pod,) = any_workload.wait_ready()
    for pid in pids(any_workload.node, pod):
        status = status_of(pid)
        assert set(status["Uid"].split()) == {NOBODY}
        assert set(status["Gid"].split()) == {NOBODY}
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", FILTERED)


def test_only_the_temporary_folder_can_be_written(any_workload: Workload) -> None:
    (pod,) = any_workload.wait_ready()
    first = pids(any_workload.node, pod)[0]
    mounts = [line.split() for line in Path(f"/proc/{first}/mountinfo").read_text().splitlines()]
    (root,) = (fields[5].split(",") for fields in mounts if fields[4] == "/")
    assert "ro" in root
    written = any_workload.kubectl("exec", "-n", NAMESPACE, pod["metadata"]["name"], "--", "python", "-c", WRITER)
    assert {folder for folder in written.stdout.split() if not folder.startswith("/tmp/")} == {"/tmp"}


def test_limits_of_the_manifests_are_those_of_the_kernel(any_workload: Workload) -> None:
    (pod,) = any_workload.wait_ready()
    assert kernel_limits(any_workload, pod) == {"memory": 1024 * MIB, "cpu": 1.0}


def kernel_limits(workload: Workload, pod: dict[str, object]) -> dict[str, float]:
    """Return memory in bytes and CPUs that the kernel gives a pod's container at most, in both versions of cgroups."""
    out: dict[str, float] = {}
    for tree in cgroups.existing(workload.node.cgroup):
        for group in tree.rglob(container_id(pod)):
            for name in ("memory.limit_in_bytes", "memory.max"):
                if (group / name).exists():
                    out["memory"] = int((group / name).read_text())
            if (group / "cpu.cfs_quota_us").exists():
                out["cpu"] = int((group / "cpu.cfs_quota_us").read_text()) / int(
                    (group / "cpu.cfs_period_us").read_text()
                )
            if (group / "cpu.max").exists():
                quota, period = (group / "cpu.max").read_text().split()
                out["cpu"] = int(quota) / int(period)
    return out


def test_hung_process_is_found_by_its_probe_and_started_again(any_workload: Workload) -> None:
    (pod,) = any_workload.wait_ready()
    before = any_workload.restarts()
    for pid in pids(any_workload.node, pod):
        os.kill(pid, signal.SIGSTOP)
    eventually(lambda: not any_workload.ready_pods(), what="the pod not to be ready", seconds=PROBE_SECONDS)
    eventually(lambda: any_workload.restarts() == before + 1, what="a restart", seconds=PROBE_SECONDS)
    any_workload.wait_ready()
    assert any_workload.last_end()["exitCode"] == 128 + signal.SIGKILL


def test_memory_and_start_of_each_process(any_workload: Workload, record_property: Record) -> None:
    (old,) = any_workload.wait_ready()
    any_workload.kubectl("delete", "pod", old["metadata"]["name"], "-n", NAMESPACE, "--wait=false")
    fresh = eventually(lambda: fresh_address(any_workload, old), what="the next pod's address", seconds=60)
    started = eventually(lambda: first_pid_start(any_workload, fresh), what="its process", seconds=60)
    ready = process.http_probe(f"http://{fresh}:9440/readyz", below=300)
    eventually(ready, what="the process to be ready", seconds=START_SECONDS)
    cold = time.clock_gettime(time.CLOCK_BOOTTIME) - started
    (pod,) = any_workload.wait_ready()
    first = pids(any_workload.node, pod)[0]
    mib = int(status_of(first)["VmRSS"].split()[0]) / 1024
    with urllib.request.urlopen(f"http://{fresh}:8080/metrics", timeout=5) as answer:
        assert b"workqueue_depth" in answer.read()
    print(f"\n{any_workload.name}: ready {cold:.2f} s after its process began, {mib:.0f} MiB resident")
    record_property("cold_start_seconds", round(cold, 2))
    record_property("rss_mib", round(mib))
    assert cold < START_SECONDS
    assert mib < 200


def fresh_address(workload: Workload, old: dict[str, object]) -> str:
    """Return the address of the pod that has taken the place of another one; empty while it has none."""
    others = [pod for pod in workload.pods() if pod["metadata"]["uid"] != old["metadata"]["uid"]]  # type: ignore[index]
    return str(others[0]["status"].get("podIP", "")) if others else ""


def first_pid_start(workload: Workload, address: str) -> float:
    """Return when a pod's process began, in seconds since the machine was started; 0 while it has none."""
    pod = next((pod for pod in workload.pods() if pod["status"].get("podIP") == address), None)
    if not pod or not pod["status"].get("containerStatuses", [{}])[0].get("containerID"):
        return 0
    found = pids(workload.node, pod)
    if not found:
        return 0
    ticks = Path(f"/proc/{found[0]}/stat").read_text().rpartition(")")[2].split()[19]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def test_conditions_name_the_node(any_workload: Workload) -> None:
    (pod,) = any_workload.wait_ready()
    assert pod["spec"]["nodeName"] == any_workload.node.name
    assert condition(pod, "PodScheduled")["status"] == "True"
    assert re.fullmatch(r"10\.\d+\.1\.\d+", pod["status"]["podIP"])
