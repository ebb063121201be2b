"""What SDKs are given for a tenant's proxy: an address that was judged, or nothing."""

import socket
from typing import Any

import pytest

from controllers.cloud.errors import LoginFailed
from controllers.cloud.proxies import pin_proxy
from controllers.net.destinations import Destinations, parse_networks

IN_A_POD = Destinations(denied=parse_networks(["10.96.0.0/12"]))


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return the addresses of names, for the test to fill."""
    known: dict[str, list[str]] = {}

    def getaddrinfo(host: str, port: int | None, **_: object) -> list[Any]:
        if host.endswith(".example") and host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (address, port)) for address in known.get(host, [host])]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.mark.parametrize(
    ("url", "addresses", "pinned"),
    [
        ("http://proxy.example:3128", ["10.0.0.1"], "http://10.0.0.1:3128"),
        ("http://me:p%40ss@proxy.example:3128", ["10.0.0.1"], "http://me:p%40ss@10.0.0.1:3128"),
        ("http://proxy.example", ["10.0.0.1"], "http://10.0.0.1"),
        ("socks5h://proxy.example:1080", ["2001:db8::1"], "socks5h://[2001:db8::1]:1080"),
        ("http://proxy.example:3128", ["169.254.169.254", "10.0.0.1"], "http://10.0.0.1:3128"),
        # Its certificate is for the name.
        ("https://proxy.example:3128", ["10.0.0.1"], "https://proxy.example:3128"),
    ],
)
def test_a_proxy_is_asked_at_the_address_that_was_judged(
    names: dict[str, list[str]], url: str, addresses: list[str], pinned: str
) -> None:
    names["proxy.example"] = addresses
    assert pin_proxy(url, IN_A_POD) == pinned


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "10.96.0.1", "fd00:ec2::254"])
@pytest.mark.parametrize("host", ["proxy.example", ""], ids=["by-name", "by-address"])
def test_a_proxy_inside_is_refused(names: dict[str, list[str]], scheme: str, address: str, host: str) -> None:
    names["proxy.example"] = [address]
    written = host or (f"[{address}]" if ":" in address else address)
    with pytest.raises(LoginFailed) as caught:
        pin_proxy(f"{scheme}://me:hush@{written}:80", IN_A_POD)
    assert str(caught.value).startswith(f"proxy {scheme}://{written}:80: ")
    assert "--allowed-networks" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_proxy_without_an_address_is_not_left_to_the_sdk() -> None:
    """Which would resolve the name once more, perhaps to another answer."""
    with pytest.raises(LoginFailed, match=r"^proxy http://gone.example:80: Name or service not known$"):
        pin_proxy("http://gone.example:80", IN_A_POD)
