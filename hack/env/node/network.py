"""The node's addresses: a pair of virtual devices between the machine and the node, and a network for pods behind it.

Every environment takes a network 10.N.0.0/16 that this machine does not use, so several nodes can run side by side.
Machine and pods reach each other at the same addresses in both directions, without any translation. The node's end and
all that is behind it lie in its network namespace and go with it. Nothing of the machine's firewall is touched, and
nothing is forwarded: pods reach this machine's `host` address and nothing beyond.
"""

import ipaddress
import json
import subprocess
from dataclasses import dataclass

from hack.env.node.check import search_path
from hack.env.tools import cache_root, file_lock

NETWORKS = range(128, 224)
DNS_SERVICE = "10.96.0.10"
"""Of the Services' network, which is known inside of the node only."""


class NoNetwork(RuntimeError):
    """No network is free, or the devices could not be made."""


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses of one environment: of this machine as pods see it, of the node, and of pods."""

    device: str
    host: str
    node: str
    pods: str


def create(namespace_pid: int) -> Network:
    """Create the devices between this machine and the network namespace of a process. Raises NoNetwork."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with file_lock(cache_root() / "node-network.lock"):
        network = free_network(_used_networks())
        _ip("link", "add", network.device, "type", "veth", "peer", "name", "eth0", "netns", str(namespace_pid))
        try:
            _ip("addr", "add", f"{network.host}/30", "dev", network.device)
            _ip("link", "set", network.device, "up")
            _ip("addr", "add", f"{network.node}/30", "dev", "eth0", namespace_pid=namespace_pid)
            _ip("link", "set", "eth0", "up", namespace_pid=namespace_pid)
            _ip("link", "set", "lo", "up", namespace_pid=namespace_pid)
            _ip("route", "add", "default", "via", network.host, namespace_pid=namespace_pid)
            _ip("route", "add", network.pods, "via", network.node, "dev", network.device)
        except NoNetwork:
            remove(network)
            raise
    return network


def remove(network: Network) -> None:
    """Remove the devices and the route; it does not matter if they are gone."""
    subprocess.run(
        ["ip", "link", "delete", network.device], check=False, capture_output=True, env={"PATH": search_path()}
    )


def free_network(used: list[ipaddress.IPv4Network]) -> Network:
    """Return the first network that overlaps none of those in use. Raises NoNetwork."""
    for number in NETWORKS:
        if not any(ipaddress.IPv4Network(f"10.{number}.0.0/16").overlaps(other) for other in used):
            return Network(f"tagline{number}", f"10.{number}.0.1", f"10.{number}.0.2", f"10.{number}.1.0/24")
    raise NoNetwork(f"this machine uses all of 10.{NETWORKS[0]}.0.0/16 to 10.{NETWORKS[-1]}.0.0/16")


def _used_networks() -> list[ipaddress.IPv4Network]:
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all") or "[]")
    return [
        ipaddress.IPv4Network(route["dst"], strict=False)
        for route in routes
        if route.get("dst", "default") != "default"
    ]


def _ip(*arguments: str, namespace_pid: int = 0) -> str:
    enter = ["nsenter", "--target", str(namespace_pid), "--net"] if namespace_pid else []
    command = [*enter, "ip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": search_path()})
    if done.returncode:
        raise NoNetwork(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
