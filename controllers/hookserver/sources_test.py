from ipaddress import ip_network

import pytest

from controllers.hookserver.sources import Sources

PROXIES = Sources((ip_network("10.0.0.0/8"), ip_network("fd00::/8")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        pytest.param("203.0.113.9", ["198.51.100.1"], "203.0.113.9", id="not-a-proxy"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="proxy-without-a-word"),
        pytest.param("10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="proxy"),
        pytest.param("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1", id="invented-before"),
        pytest.param("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1", id="two-proxies-two-headers"),
        pytest.param("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1", id="nonsense-last"),
        pytest.param("10.0.0.1", ["nonsense, 198.51.100.1:4711"], "198.51.100.1", id="with-a-port"),
        pytest.param("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::/64", id="ipv6-is-a-network"),
        pytest.param("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="proxy-as-ipv6"),
        pytest.param("fd00::1", ["::ffff:198.51.100.1"], "198.51.100.1", id="source-as-ipv6"),
        pytest.param("2001:db8::1:2:3:4", [], "2001:db8::/64", id="ipv6-peer"),
        pytest.param("", ["198.51.100.1"], "unknown", id="no-peer"),
        pytest.param("10.0.0.1", [", ".join(["10.0.0.9"] * 5000)], "10.0.0.9", id="many-hops"),
    ],
)
def test_whom_a_request_is_from(peer: str, forwarded: list[str], source: str) -> None:
    assert PROXIES.source_of(peer, forwarded) == source
