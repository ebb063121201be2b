"""Where the URLs of tenants and servers may lead: not to this machine, its link, or the cluster's service network.

A tenant names hosts in a spec, and servers name further ones in redirects, realms and proxies; all are reached with the
process's own place in the network. Whoever connects resolves a name once, asks `Destinations.check` about each address,
and connects to an address that passed: a name that is resolved again could lead elsewhere. Cloud SDKs reach their
metadata services by themselves and do not ask. Pure: resolving and connecting are up to the caller.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

ALL_NETWORKS: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))
LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
NEVER_MEANT: Final = {
    "link-local": (ip_network("169.254.0.0/16"), ip_network("fe80::/10")),
    "the metadata service of a cloud": (ip_network("fd00:ec2::/32"), ip_network("100.100.100.200/32")),
    "no host": (
        ip_network("0.0.0.0/8"),
        ip_network("::/128"),
        ip_network("224.0.0.0/4"),
        ip_network("ff00::/8"),
        ip_network("255.255.255.255/32"),
    ),
}
"""Refused also where the user's own spec names them, unless the operator allows them. Metadata services of AWS (IPv6)
and Alibaba Cloud are not link-local."""

NAT64: Final = IPv6Network("64:ff9b::/96")
LOCAL_NAME: Final = "localhost"
CLUSTER_DOMAINS: Final = (".svc", ".svc.cluster.local")

FIX: Final = "if that is meant, allow it with --allowed-networks"


class DestinationRefused(Exception):
    """A URL leads where it must not; the message names host, address, reason and the flag that allows it."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """A policy. Hashable: connections made under one policy are not used under another."""

    denied: tuple[Network, ...] = ()
    """Refused besides loopback, link-local and addresses of no host: the cluster's service network, and the flag's."""
    allowed: tuple[Network, ...] = ()
    """Exceptions that the operator makes; they win over everything else."""
    home: str = field(default="", kw_only=True)
    """The host that the user's spec names, where it is plainly this machine or in the cluster; else empty."""

    def starting_from(self, host: str) -> "Destinations":
        """Return the policy for whatever begins with the host that a user's spec names.

        A local name or address opens loopback. A name or address of the cluster opens that very host. Another name does
        not, wherever it is resolved to: a spec that reads as if it led out of the cluster must not lead into it.
        """
        name = normalize_host(host)
        return replace(self, home=name) if self._is_plainly_internal(name) else self

    def check(self, host: str, address: str) -> None:
        """Raise DestinationRefused when `host`, as it was asked for, was resolved to an address that is refused.

        address: as the resolver gives it; a scope (`fe80::1%eth0`) does not count.
        """
        self._check(host, normalize_host(host), _parse(address))

    def _check(self, host: str, name: str, found: Address) -> None:
        if _is_in(found, self.allowed):
            return
        if fault := self._fault(name, found):
            at = "" if name == str(found) else f" at {found}"
            short = _is_in(found, self.denied) and name.count(".") == 1
            hint = f", or name the Service in full in the spec: {name}.svc" if short else ""
            raise DestinationRefused(f"{host}{at} is refused, because it is {fault}; {FIX}{hint}")

    def allowed_of(self, host: str, addresses: Iterable[str]) -> Sequence[str]:
        """Return the addresses of a host that are not refused. Raises DestinationRefused when all of them are."""
        allowed: list[str] = []
        refused: DestinationRefused | None = None
        for address in addresses:
            try:
                self.check(host, address)
            except DestinationRefused as error:
                refused = refused or error
            else:
                allowed.append(address)
        if refused and not allowed:
            raise refused
        return allowed

    def must_resolve(self, host: str) -> bool:
        """Return whether `check_name` needs the addresses: of a host in the cluster, part of which is allowed."""
        return bool(self.allowed) and self._is_elsewhere_in_cluster(normalize_host(host))

    def check_name(self, host: str, addresses: Collection[str] = ()) -> None:
        """Raise DestinationRefused for what can be refused by its name alone: where a proxy resolves it, not we.

        addresses: what the name is resolved to here, if that is known; see `must_resolve`.
        """
        name = normalize_host(host)
        if (address := parse_address(name)) is not None:
            self._check(host, name, _unwrap(address))
        elif is_loopback_name(name):
            self.check(host, "127.0.0.1")
        elif self._is_elsewhere_in_cluster(name) and not self._are_allowed(addresses):
            raise DestinationRefused(f"{host} is refused, because it is in the cluster; {FIX}")

    def _is_elsewhere_in_cluster(self, name: str) -> bool:
        return bool(self.denied) and name.endswith(CLUSTER_DOMAINS) and name != self.home

    def _are_allowed(self, addresses: Collection[str]) -> bool:
        # All of them: which one a proxy takes is not known.
        return bool(addresses) and all(_is_in(_parse(address), self.allowed) for address in addresses)

    def _fault(self, host: str, address: Address) -> str:
        """Return what an address is that makes it one to refuse; empty for nothing."""
        if never := _never_meant(address):
            return never
        if _is_in(address, LOOPBACK):
            return "" if _is_loopback_host(self.home) else "this machine itself"
        if _is_in(address, self.denied):
            return "" if host == self.home else "in a network that is not for the URLs of tenants and servers"
        return ""

    def _is_plainly_internal(self, name: str) -> bool:
        address = parse_address(name)
        if address is None:
            return is_loopback_name(name) or name.endswith(CLUSTER_DOMAINS)
        return _is_in(_unwrap(address), (*LOOPBACK, *self.denied))


def normalize_host(host: str) -> str:
    """Return a host without port and brackets, in lower case, without the dot at the end of a full name."""
    text = host.lower()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return text.rstrip(".")


@lru_cache(maxsize=1024)  # each request asks about the same few hosts
def parse_address(host: str) -> Address | None:
    """Return the address that a host is written as, None for a name."""
    text = host.partition("%")[0]
    if ":" not in text and not text[-1:].isdigit():
        return None  # each request asks, and an exception costs ten times as much
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_loopback_name(name: str) -> bool:
    """Return whether a name means this machine by RFC 6761 section 6.3."""
    return name == LOCAL_NAME or name.endswith(f".{LOCAL_NAME}")


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return networks in CIDR form; an address alone is one, `all` is all. Raises ValueError."""
    networks: list[Network] = []
    for text in texts:
        if text == "all":
            networks += ALL_NETWORKS
            continue
        try:
            networks.append(ip_network(text))
        except ValueError:
            raise ValueError(f"want networks like 10.96.0.0/12, separated by commas, or all; got {text!r}") from None
    return tuple(networks)


def service_networks(environ: Mapping[str, str]) -> tuple[Network, ...]:
    """Return the cluster's service network as a pod can know it; empty outside a cluster.

    `KUBERNETES_SERVICE_HOST` is the first address of that network (kube-apiserver's `--service-cluster-ip-range`); its
    size is not in it. Taken is what installers use where it fits: 10.96.0.0/12 as kubeadm, else /16, /20 or /24 by
    how many bits of the base are zero; /108 for IPv6. The flag is for networks of other sizes.
    """
    first = parse_address(environ.get("KUBERNETES_SERVICE_HOST", ""))
    if first is None:
        return ()
    base = int(first) - 1
    if isinstance(first, IPv6Address):
        return (_fitting(base, 128, (108, 112, 120)),)
    return (_fitting(base, 32, (12, 16, 20, 24) if base == int(IPv4Address("10.96.0.0")) else (16, 20, 24)),)


def _fitting(base: int, bits: int, sizes: Iterable[int]) -> Network:
    """Return the largest network of these sizes that begins at `base`; if none does, the one address after it."""
    for size in sizes:
        if base >= 0 and base % (1 << (bits - size)) == 0:
            return ip_network((base, size)) if bits == 32 else IPv6Network((base, size))
    return IPv4Network((base + 1, 32)) if bits == 32 else IPv6Network((base + 1, 128))


def _is_loopback_host(name: str) -> bool:
    address = parse_address(name)
    return is_loopback_name(name) if address is None else _is_in(_unwrap(address), LOOPBACK)


def _parse(address: str) -> Address:
    return _unwrap(ip_address(address.partition("%")[0]))


def _unwrap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does: packets end there."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


@lru_cache(maxsize=1024)  # as in `parse_address`
def _never_meant(address: Address) -> str:
    """Return what an address is that nobody means; empty for another one."""
    return next((what for what, networks in NEVER_MEANT.items() if _is_in(address, networks)), "")


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
