"""Addresses of nodes: networks that the machine uses are passed over."""

from ipaddress import IPv4Network

import pytest

from hack.env.node.network import NETWORKS, Network, NoNetwork, free_network


def test_first_network_that_nobody_uses_is_taken() -> None:
    used = [IPv4Network("10.128.0.0/30"), IPv4Network("10.129.1.0/24"), IPv4Network("192.168.0.0/16")]
    assert free_network(used) == Network("tagline130", "10.130.0.1", "10.130.0.2", "10.130.1.0/24")


def test_route_that_holds_the_networks_is_seen() -> None:
    with pytest.raises(NoNetwork, match=rf"10\.{NETWORKS[0]}\.0\.0/16"):
        free_network([IPv4Network("10.0.0.0/8")])
