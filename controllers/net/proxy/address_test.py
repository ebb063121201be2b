"""Addresses of proxies: which are valid, and where a login in them goes."""

import pytest

from controllers.net.proxy.address import BadProxy, Proxy


@pytest.mark.parametrize(
    ("address", "username", "want"),
    [
        pytest.param("http://p:3128/", "", ("http://p:3128", "", ""), id="plain"),
        pytest.param("socks5://me:p%40ss@p:1080", "", ("socks5://p:1080", "me", "p@ss"), id="user-info"),
        pytest.param("http://me:pass@p", "robot", ("http://p", "robot", "hush"), id="the-secret-wins"),
    ],
)
def test_user_info_leaves_the_address(address: str, username: str, want: tuple[str, str, str]) -> None:
    proxy = Proxy(address, username, "hush" if username else "")
    assert (proxy.address, proxy.username, proxy.password) == want
    assert "pass" not in repr(proxy)


@pytest.mark.parametrize("address", ["p:3128", "http://", "http://p:port", "http://["])
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(BadProxy, match="the address of the proxy is not a URL"):
        Proxy(address)
