"""`manifests`: what the kernel and the kubelet make of the pods: identity, limits, probes, tokens, memory, start-up."""

import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from e2e import metrics
from e2e.cluster import condition, eventually
from e2e.node.workload import Workload, container_id, pids, status_of
from hack.controllers import NAMESPACE
from hack.env import process
from hack.env.node import cgroups

NOBODY = "65534"
FILTERED = "2"
"""Of Seccomp in proc_pid_status(5): a filter."""
MIB = 1 << 20
START_SECONDS = 60
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
    found = pids(any_workload.node, pod)
    assert found
    for pid in found:
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


def kernel_limits(workload: Workload, pod: Mapping[str, Any]) -> dict[str, float]:
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


def test_hung_process_is_found_by_its_probe_and_started_again(workloads: list[Workload]) -> None:
    before = [workload.restarts() for workload in workloads]
    for workload in workloads:
        (pod,) = workload.wait_ready()
        for pid in pids(workload.node, pod):
            os.kill(pid, signal.SIGSTOP)
    for workload, restarts in zip(workloads, before, strict=True):
        eventually(lambda w=workload, r=restarts: w.restarts() == r + 1, what="a restart", seconds=PROBE_SECONDS)  # type: ignore[misc]
        workload.wait_ready()
        assert workload.last_end()["exitCode"] == 128 + signal.SIGKILL


def test_memory_and_start_of_each_process(workloads: list[Workload], record_property: Record) -> None:
    """Each starts alone, with nothing to do."""
    for workload in workloads:
        (old,) = workload.wait_ready()
        workload.kubectl("delete", "pod", old["metadata"]["name"], "-n", NAMESPACE, "--wait=false")
        cold, address = seconds_to_ready(workload, old)
        (pod,) = workload.wait_ready()
        mib = int(status_of(pids(workload.node, pod)[0])["VmRSS"].split()[0]) / 1024
        assert metrics.total(f"http://{address}:8080", "process_resident_memory_bytes") > 0
        print(f"\n{workload.name}: ready {cold:.2f} s after its process began, {mib:.0f} MiB resident")
        record_property(f"{workload.name}.cold_start_seconds", round(cold, 2))
        record_property(f"{workload.name}.rss_mib", round(mib))
        assert mib < 200


def seconds_to_ready(workload: Workload, old: Mapping[str, Any]) -> tuple[float, str]:
    """Return how long the process of the pod that takes the place of `old` took to be ready, and the pod's address."""

    def fresh() -> str:
        others = [pod for pod in workload.pods() if pod["metadata"]["uid"] != old["metadata"]["uid"]]
        return str(others[0]["status"].get("podIP", "")) if others else ""

    address = eventually(fresh, what="the next pod's address", seconds=START_SECONDS)
    ready = process.http_probe(f"http://{address}:9440/readyz", below=300)
    eventually(ready, what="the process to be ready", seconds=START_SECONDS)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    (pod,) = [pod for pod in workload.pods() if pod["status"].get("podIP") == address]
    ticks = Path(f"/proc/{pids(workload.node, pod)[0]}/stat").read_text().rpartition(")")[2].split()[19]
    return now - int(ticks) / os.sysconf("SC_CLK_TCK"), address


def test_conditions_name_the_node(any_workload: Workload) -> None:
    (pod,) = any_workload.wait_ready()
    assert pod["spec"]["nodeName"] == any_workload.node.name
    assert condition(pod, "PodScheduled")["status"] == "True"
    assert re.fullmatch(r"10\.\d+\.1\.\d+", pod["status"]["podIP"])
