"""One node of a cluster: what is started, in which order, and how all of it is taken away again.

`prepare` makes namespaces and addresses, since the control plane has to listen where pods can reach it; `start` then
starts containerd, the kubelet, kube-proxy, the scheduler and CoreDNS. `stop` kills the first process of the
namespaces: the kernel ends all others, pods included, and with the namespaces go mounts, devices, and rules of the
firewall. What is left is removed by name: the cgroup and this machine's end of the link.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from hack.env import process
from hack.env.node import cgroups, check, dns, images, kubernetes, namespaces, network, parts, runtime

READY_SECONDS = 120


@dataclass(slots=True)
class Node:
    """A node. Its images, containers and pods are its own; `network.host` is this machine as pods see it."""

    folder: Path
    cgroup: str
    network: network.Network
    namespaces: namespaces.Namespaces
    parts: parts.Parts
    programs: dict[str, process.Process] = field(default_factory=dict)
    """containerd, kubelet, kube-proxy (in the namespaces), kube-scheduler (beside the control plane)."""

    @property
    def name(self) -> str:
        """The name of the Node object."""
        return kubernetes.NODE

    @property
    def pod_address_of_host(self) -> str:
        """The address at which pods, the node and this machine itself reach servers of this machine."""
        return self.network.host

    def load_image(self, archive: Path | bytes) -> list[str]:
        """Import an archive of images (of `docker save`, or of OCI's form) and return the images' names.

        Pods use them with `imagePullPolicy: Never` or `IfNotPresent`. Raises `process.NotStarted` with what
        containerd says.
        """
        return runtime.load(self.namespaces, archive if isinstance(archive, bytes) else archive.read_bytes())

    def load_busybox(self) -> str:
        """Import an image with a shell and small tools; return its name."""
        (name,) = self.load_image(images.busybox(self.parts.busybox))
        return name

    def tag_image(self, image: str, name: str) -> str:
        """Give one of the node's images another name; return it."""
        return runtime.tag(self.namespaces, image, name)

    def push_image(self, image: str, to: str, *, user: str = "", plain_http: bool = True) -> None:
        """Push one of the node's images to a registry, as `to` (`host:port/name:tag`). user: `name:password`.

        With TLS the registry's certificate is not looked at.
        """
        runtime.push(self.namespaces, image, to, user=user, plain_http=plain_http)

    def allow_plain_http(self, registry: str) -> None:
        """Let the node pull from a registry (`host:port`) without TLS. Pull secrets work as usual."""
        runtime.allow_plain_http(self.folder, registry)

    def trust(self, registry: str, authority: Path) -> None:
        """Let the node pull from a registry with a certificate of `authority` (a file)."""
        runtime.trust(self.folder, registry, authority)

    def run(self, *command: object, stdin: bytes = b"") -> str:
        """Run a program in the node's namespaces to its end and return what it prints; `ctr` and `ip` for example."""
        return self.namespaces.run(*command, stdin=stdin).stdout.decode(errors="replace")

    def halt(self, name: str) -> list[str]:
        """Kill one of the programs; return its command, for `resume`."""
        running = self.programs[name]
        command = process.command_of(running)
        process.stop(running, kill=True)
        return command

    def resume(self, name: str, command: list[str]) -> None:
        """Start a halted program of the namespaces again."""
        self.programs[name] = self.namespaces.start(name, command)

    def pids(self) -> Iterator[int]:
        """Yield the process ids, as this machine sees them, of all that lives in the node, its pods included."""
        for group in {path for tree in cgroups.existing(self.cgroup) for path in tree.rglob("cgroup.procs")}:
            with contextlib.suppress(OSError):
                yield from map(int, group.read_text().split())

    def start(self, plane: Path, kubectl: Path) -> None:
        """Start the node's programs; return when the node is ready and has CoreDNS.

        plane: the folder of the control plane.
        """
        scheduler = kubernetes.start_scheduler(self.parts, self.folder, plane=plane)
        self.programs["kube-scheduler"] = scheduler
        self.programs["containerd"] = runtime.start(self.namespaces, self.parts, self.network)
        self.load_image(images.pause(self.parts.busybox))
        coredns = {"coredns": self.parts.tools["coredns"]}
        self.load_image(images.archive(images.COREDNS, coredns, ["/coredns"]))
        self.programs["kubelet"] = kubernetes.start_kubelet(
            self.namespaces, self.parts, self.network, cgroup=self.cgroup, plane=plane
        )
        self.programs["kube-proxy"] = kubernetes.start_proxy(self.namespaces, self.parts, self.network, plane=plane)
        ask = [str(kubectl), "--kubeconfig", str(plane / "kubeconfig")]
        _kubectl(ask, "apply", "-f", "-", stdin=json.dumps(dns.objects()))
        self._wait(ask)

    def stop(self) -> None:
        """End everything and remove what was made. It does not matter how far the start came."""
        if scheduler := self.programs.get("kube-scheduler"):
            process.stop(scheduler, kill=True)
        self.namespaces.stop()
        network.remove(self.network)
        cgroups.remove(self.cgroup)
        self.programs.clear()

    def is_up(self) -> bool:
        """Return True while all programs run."""
        return bool(self.programs) and all(process.is_running(p) for p in self.programs.values())

    def _wait(self, ask: list[str]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        for what, arguments in (
            ("the node to be ready", ["get", "node", self.name, "-o", _READY_PATH]),
            ("CoreDNS", ["get", "deployment", dns.NAME, "-n", dns.NAMESPACE, "-o", _AVAILABLE_PATH]),
        ):
            while _kubectl(ask, *arguments, check=False) != "True":
                if time.monotonic() > deadline:
                    raise process.NotStarted(f"waited {READY_SECONDS} s in vain for {what}; logs are in {self.folder}")
                time.sleep(0.1)


_READY_PATH = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
_AVAILABLE_PATH = 'jsonpath={.status.conditions[?(@.type=="Available")].status}'


def prepare(folder: Path) -> Node:
    """Make the namespaces and addresses of a node with its files in `folder`.

    Raises `check.NodeImpossible`, what builds and fetches raise, `network.NoNetwork`, `process.NotStarted`.
    """
    check.require(folder)
    found = parts.ensure()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        variables = found.variables(folder)
        spaces = namespaces.create(folder, {**_inherited(), **variables})
        undo.callback(spaces.stop)
        addresses = network.create(spaces.holder.pid)
        undo.callback(network.remove, addresses)
        cgroups.create(addresses.device)
        undo.pop_all()
    return Node(folder, addresses.device, addresses, spaces, found)


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TZ")}


def _kubectl(ask: list[str], *arguments: str, stdin: str = "", check: bool = True) -> str:
    done = subprocess.run([*ask, *arguments], input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise process.NotStarted(f"kubectl {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout.strip()
