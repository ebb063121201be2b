"""Whom a request is from, as far as limits go: an address, or the network that one customer has.

Behind a proxy all requests come from its address, so that its word is taken, but only where the operator names it:
everybody else may write what they like into `X-Forwarded-For`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from controllers.net.destinations import Network

UNKNOWN: Final = "unknown"
_CUSTOMER_BITS: Final = 64
"""Of IPv6: what is given to one customer at least, who may have an address of it for each request (RFC 6177)."""
MAX_HOPS: Final = 32


@dataclass(frozen=True, slots=True)
class Sources:
    """Which peers are proxies."""

    trusted: tuple[Network, ...] = ()

    def is_trusted(self, peer: str) -> bool:
        """Return whether a peer is one of the operator's proxies."""
        address = _parse(peer)
        return address is not None and self._is_proxy(address)

    def source_of(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return whom a request is from.

        forwarded: values of `X-Forwarded-For`; each proxy adds its own peer at the end. So the last address that is
        none of a trusted proxy counts, and what stands before it is the sender's own invention.
        """
        last = _parse(peer)
        if last is None or not self._is_proxy(last):
            return _key(last)
        hops = [hop.strip() for value in forwarded for hop in value.split(",")][-MAX_HOPS:]
        for hop in reversed(hops):
            address = _parse(hop)
            if address is None:
                break
            last = address
            if not self._is_proxy(address):
                break
        return _key(last)

    def _is_proxy(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address.version == network.version and address in network for network in self.trusted)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address as proxies write it: with a port, or in brackets. None for anything else."""
    host = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    host = host.partition(":")[0] if host.count(":") == 1 else host
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _key(address: IPv4Address | IPv6Address | None) -> str:
    if isinstance(address, IPv6Address):
        bits = 128 - _CUSTOMER_BITS
        return f"{IPv6Address(int(address) >> bits << bits)}/{_CUSTOMER_BITS}"
    return str(address) if address else UNKNOWN
