"""Kubernetes' own programs of a node: kubelet, kube-proxy and kube-scheduler, with their configurations.

Each logs in with its own token and has the rights of its kind in any cluster: the API server runs the node authorizer
and NodeRestriction.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from hack.env import process
from hack.env.node import runtime
from hack.env.node.namespaces import Namespaces
from hack.env.node.network import DNS_SERVICE, Network
from hack.env.node.parts import Parts

NODE = "tagline-node"
KUBELET_PORT = 10250
START_SECONDS = 60


def start_kubelet(
    namespaces: Namespaces, parts: Parts, network: Network, *, cgroup: str, plane: Path
) -> process.Process:
    """Start the kubelet and return when it is healthy. plane: the folder with credentials for the control plane."""
    folder = namespaces.folder
    _write(folder / "kubelet.json", _kubelet(folder, network, cgroup=cgroup, plane=plane))
    command = [
        parts.tools["kubelet"], "--config", folder / "kubelet.json", "--kubeconfig", plane / "kubelet.kubeconfig",
        "--hostname-override", NODE, "--node-ip", network.node, "--root-dir", "/var/lib/kubelet",
        "--cert-dir", folder / "kubelet-certs",
    ]  # fmt: skip
    started = namespaces.start("kubelet", command)
    _wait(namespaces, started, "http://127.0.0.1:10248/healthz")
    return started


def start_proxy(namespaces: Namespaces, parts: Parts, network: Network, *, plane: Path) -> process.Process:
    """Start kube-proxy and return when it has written its rules."""
    folder = namespaces.folder
    _write(folder / "kube-proxy.json", _proxy(network, plane=plane))
    started = namespaces.start("kube-proxy", [parts.tools["kube-proxy"], "--config", folder / "kube-proxy.json"])
    _wait(namespaces, started, "http://127.0.0.1:10256/healthz")
    return started


def start_scheduler(parts: Parts, folder: Path, *, plane: Path) -> process.Process:
    """Start the scheduler, beside the control plane."""
    port = process.free_ports(1)[0]
    config = plane / "scheduler.kubeconfig"
    command = [
        parts.tools["kube-scheduler"], "--kubeconfig", config, "--authentication-kubeconfig", config,
        "--authorization-kubeconfig", config, "--leader-elect=false", "--bind-address", "127.0.0.1",
        "--secure-port", port, "--cert-dir", folder / "scheduler-certs",
    ]  # fmt: skip
    return process.start("kube-scheduler", command, folder)


def _wait(namespaces: Namespaces, started: process.Process, url: str) -> None:
    def healthy() -> bool:
        try:
            namespaces.run("busybox", "wget", "-q", "-O", "-", url)
        except process.NotStarted:
            return False
        return True

    process.wait_until(healthy, started, timeout_seconds=START_SECONDS)


def _write(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=1))  # JSON is YAML


def _kubelet(folder: Path, network: Network, *, cgroup: str, plane: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.node,
        "port": KUBELET_PORT,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(plane / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(plane / "kubelet.crt"),
        "tlsPrivateKeyFile": str(plane / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{runtime.SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "volumePluginDir": str(folder / "volume-plugins"),
        # The disk is shared with whatever else the machine does: a nearly full one is not the node's business.
        "evictionHard": {
            "memory.available": "50Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%",
            "imagefs.available": "1%", "imagefs.inodesFree": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "nodeStatusUpdateFrequency": "5s",
        "nodeLeaseDurationSeconds": 20,
        "maxPods": 100,
    }  # fmt: skip


def _proxy(network: Network, *, plane: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(plane / "proxy.kubeconfig")},
        "hostnameOverride": NODE,
        "clusterCIDR": network.pods,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # Zero: leave the kernel's table of connections as it is.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "iptables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
    }
