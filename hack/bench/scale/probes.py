"""What processes and servers have used so far, read from outside: /proc, and the metrics of API server and etcd."""

import json
import os
import ssl
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.controllers import Controllers
from hack.env import controlplane, process

TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one or several processes."""

    cpu_seconds: float
    resident_mib: float
    peak_mib: float
    descriptors: int

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.cpu_seconds + other.cpu_seconds,
            self.resident_mib + other.resident_mib,
            self.peak_mib + other.peak_mib,
            self.descriptors + other.descriptors,
        )


def usage(running: process.Process) -> Usage:
    """Return what a process has used."""
    folder = Path(f"/proc/{running.pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    status = (folder / "status").read_text()

    def mib(name: str) -> float:
        return int(status.split(f"{name}:")[1].split()[0]) / 1024

    cpu = sum(int(value) for value in fields[11:15]) / TICKS_A_SECOND
    return Usage(cpu, mib("VmRSS"), mib("VmHWM"), len(os.listdir(folder / "fd")))


def usage_by_kind(shards: list[Controllers]) -> dict[str, Usage]:
    """Return what the processes of each kind have used, all shards together."""
    found: dict[str, Usage] = {}
    for controllers in shards:
        for kind, running in controllers.processes.items():
            found[kind] = found[kind] + usage(running) if kind in found else usage(running)
    return found


class Servers:
    """Reads the metrics of a control plane's API server and etcd."""

    def __init__(self, plane: controlplane.ControlPlane) -> None:
        self._server = plane.server
        user = json.loads(plane.kubeconfig.read_text())["users"][0]["user"]
        self._headers = {"Authorization": f"Bearer {user['token']}"}
        self._context = ssl.create_default_context(cafile=str(plane.authority))
        self._processes = {running.name: running for running in plane.processes}
        command = process.command_of(self._processes["etcd"])
        self._etcd = command[command.index("--listen-client-urls") + 1]

    def usage(self, name: str) -> Usage:
        """Return what `etcd` or `kube-apiserver` has used."""
        return usage(self._processes[name])

    def etcd_mib(self) -> float:
        """Return how much etcd's database has in use."""
        return _samples(self._read(f"{self._etcd}/metrics"))["etcd_mvcc_db_total_size_in_use_in_bytes"] / MIB

    def requests(self) -> Counter[str]:
        """Return the requests so far by verb and resource, watches left out."""
        counts: Counter[str] = Counter()
        for name, value in _samples(self._read(f"{self._server}/metrics")).items():
            family, _, labels = name.partition("{")
            if family != "apiserver_request_total":
                continue
            found = dict(part.split("=", 1) for part in labels.rstrip("}").replace('"', "").split(",") if "=" in part)
            if found.get("verb") not in ("WATCH", "CONNECT"):
                below = f"/{found['subresource']}" if found.get("subresource") else ""
                counts[f"{found.get('verb')} {found.get('resource')}{below}"] += int(value)
        return counts

    def _read(self, url: str) -> str:
        request = urllib.request.Request(url, headers=self._headers)  # noqa: S310 -- addresses of our own
        context = self._context if url.startswith("https:") else None
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:  # noqa: S310
            text: str = answer.read().decode()
        return text


def _samples(text: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def slope(values: list[float]) -> float:
    """Return by how much values grow from one to the next, by least squares; 0 for fewer than two."""
    count = len(values)
    if count < 2:
        return 0.0
    middle, mean = (count - 1) / 2, sum(values) / count
    spread = sum((index - middle) ** 2 for index in range(count))
    return sum((index - middle) * (value - mean) for index, value in enumerate(values)) / spread
