"""`hack.env.node`: a node that has been stopped has left nothing on the machine, pods and all; and two do not meet."""

import re
import subprocess
from pathlib import Path

import pytest

from e2e.cluster import eventually
from e2e.node.bad_days_test import is_ready, run_pod
from hack.controllers import Kubectl
from hack.env import environment as environments
from hack.env.environment import Environment
from hack.env.node import Node, cgroups

OURS = re.compile(r"kubelet|containerd|/netns|kube-|KUBE|CNI|cni|tagline\d")
PLACES = ("/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni", "/var/log/pods", "/etc/cni", "/opt/cni",
          "/run/netns", "/run/containerd", "/run/xtables.lock")  # fmt: skip
SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
            "kernel/keys/root_maxbytes", "net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet",
            "net/netfilter/nf_conntrack_max")  # fmt: skip


def traces(node: Node, folder: Path) -> dict[str, object]:
    """Return what a node could leave behind on this machine."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout.splitlines()
    return {
        "mounts": [line for line in mounts if str(folder) in line],
        "devices": [line for line in links if f" {node.network.device}@" in line],
        "routes": [line for line in routes if node.network.device in line],
        "rules": [line for line in rules(node) if OURS.search(line)],
        "cgroups": cgroups.existing(node.cgroup),
        "processes": [pid for pid in Path("/proc").glob("[0-9]*") if str(folder) in read(pid / "cmdline")],
        "files": folder.exists(),
    }


def rules(node: Node) -> list[str]:
    """Return the rules of the machine's own firewall."""
    save = node.parts.packages / "usr/sbin/xtables-nft-multi"
    done = subprocess.run([save, "iptables-nft-save"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def machine() -> dict[str, object]:
    """Return what belongs to the machine, and a node must not change."""
    return {
        "places": {place: Path(place).exists() for place in PLACES},
        "settings": {name: read(Path("/proc/sys") / name) for name in SETTINGS},
    }


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.mark.usefixtures("node")
def test_stopped_node_has_left_nothing(environment: Environment, node: Node, tmp_path: Path) -> None:
    before = machine()
    folder = tmp_path / "second"
    second = environments.up(folder, node=True)
    try:
        assert second.node
        assert second.node.network.host != node.network.host
        kubectl = Kubectl(second.kubectl, second.kubeconfig)
        run_pod(kubectl, "default", second.node.load_busybox())
        eventually(lambda: is_ready(kubectl, "default"), what="a pod on the second node", seconds=60)
        assert traces(second.node, folder)["cgroups"]
        assert traces(second.node, folder)["devices"]
    finally:
        environments.down(second)
    found = traces(second.node, folder)
    assert {name: what for name, what in found.items() if what} == {}
    assert machine() == before
    assert node.is_up()
