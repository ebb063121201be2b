"""containerd with runc, and the CNI configuration: point-to-point links, addresses from a range, port mappings.

Settings that are not the usual ones are for small virtual machines: without CAP_SYS_RESOURCE no process can lower its
`oom_score_adj`, so containerd must not ask for less than its own.
"""

import json
import re
import time
from pathlib import Path

from hack.env import process
from hack.env.node import images
from hack.env.node.namespaces import Namespaces
from hack.env.node.network import Network
from hack.env.node.parts import Parts

SOCKET = "/run/containerd/containerd.sock"
START_SECONDS = 60
IMPORT_SECONDS = 60


def start(namespaces: Namespaces, parts: Parts, network: Network) -> process.Process:
    """Start containerd and return when it answers. Its registries' settings are below `certs.d` of the folder."""
    folder = namespaces.folder
    (folder / "certs.d").mkdir(exist_ok=True)
    (folder / "cni").mkdir(exist_ok=True)
    (folder / "cni" / "10-tagline.conflist").write_text(json.dumps(_cni(network), indent=1))
    (folder / "containerd.toml").write_text(_config(folder, parts))
    # Which kind of iptables the kernel has shows only when it is asked.
    parts.link_iptables(folder, "nft")
    try:
        namespaces.run("iptables", "-t", "nat", "-S")
    except process.NotStarted:
        parts.link_iptables(folder, "legacy")
        namespaces.run("iptables", "-t", "nat", "-S")
    command = [parts.packages / "usr/bin/containerd", "--config", folder / "containerd.toml"]
    started = namespaces.start("containerd", command)
    process.wait_until(lambda: _answers(namespaces), started, timeout_seconds=START_SECONDS)
    return started


def allow_plain_http(folder: Path, registry: str) -> None:
    """Let the node pull from `registry` (`host:port`) without TLS. No restart is needed."""
    _hosts(folder, registry, f'[host."http://{registry}"]\n  capabilities = ["pull", "resolve"]\n', scheme="http")


def trust(folder: Path, registry: str, authority: Path) -> None:
    """Let the node believe what `authority` (a file) says of `registry`. No restart is needed."""
    table = f'[host."https://{registry}"]\n  capabilities = ["pull", "resolve"]\n  ca = "{authority}"\n'
    _hosts(folder, registry, table, scheme="https")


def load(namespaces: Namespaces, archive: bytes) -> list[str]:
    """Import an archive of images (of Docker's form or OCI's); return their names once the kubelet can see them.

    Raises `process.NotStarted` with what containerd says, `TimeoutError`.
    """
    said = namespaces.run(*_ctr(), "images", "import", "-", stdin=archive).stdout.decode()
    imported = re.findall(r"^unpacking (\S+) \(", said, re.MULTILINE)
    _wait_visible(namespaces, imported)
    return imported


def tag(namespaces: Namespaces, image: str, name: str) -> str:
    """Give an image another name; return it once the kubelet can see it."""
    namespaces.run(*_ctr(), "images", "tag", "--force", image, name)
    _wait_visible(namespaces, [name])
    return name


def _wait_visible(namespaces: Namespaces, names: list[str]) -> None:
    """Wait until containerd's part for Kubernetes has taken note of images, a moment after the rest of it."""
    deadline = time.monotonic() + IMPORT_SECONDS
    while not set(names) <= visible_images(namespaces):
        if time.monotonic() > deadline:
            raise TimeoutError(f"containerd has not taken note of {names} within {IMPORT_SECONDS} s")
        time.sleep(0.05)


def push(namespaces: Namespaces, image: str, to: str, *, user: str, plain_http: bool) -> None:
    """Push an image of the node to a registry as `to` (`host:port/name:tag`). Raises `process.NotStarted`."""
    account = ["--user", user] if user else []
    way = "--plain-http" if plain_http else "--skip-verify"
    namespaces.run(*_ctr(), "images", "push", way, *account, to, image)


def visible_images(namespaces: Namespaces) -> set[str]:
    """Return the names of the images that the kubelet can see."""
    listed = namespaces.run(*_ctr(), "images", "list", "-q", f'labels."{_MANAGED}"==managed').stdout
    return set(listed.decode().split())


_MANAGED = "io.cri-containerd.image"


def _ctr() -> list[str]:
    return ["ctr", "--address", SOCKET, "--namespace", "k8s.io"]


def _answers(namespaces: Namespaces) -> bool:
    try:
        namespaces.run(*_ctr(), "version")
    except process.NotStarted:
        return False
    return True


def _hosts(folder: Path, registry: str, table: str, *, scheme: str) -> None:
    (folder / "certs.d" / registry).mkdir(exist_ok=True)
    (folder / "certs.d" / registry / "hosts.toml").write_text(f'server = "{scheme}://{registry}"\n\n{table}')


def _cni(network: Network) -> dict[str, object]:
    return {
        "cniVersion": "0.4.0",
        "name": "tagline",
        "plugins": [
            {
                # A link for each pod, not a bridge: replies of Services then pass the rules that translate them back,
                # whether or not the kernel can filter on bridges.
                "type": "ptp",
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": network.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": "/run/cni",
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _config(folder: Path, parts: Parts) -> str:
    return f"""version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]

[grpc]
  address = "{SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{images.PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{parts.plugins}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{folder}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{parts.packages}/usr/sbin/runc"
        SystemdCgroup = false
"""
