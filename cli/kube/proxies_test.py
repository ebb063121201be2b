"""NO_PROXY: which hosts it names, as Go reads it."""

from urllib.parse import urlsplit

import pytest

from cli.kube.proxies import authorization, is_exempt, proxy_from_environment
from controllers.runtime.kube.errors import NotConfigured


@pytest.mark.parametrize(
    ("host", "rules", "want"),
    [
        ("api.example.com", "example.com", True),
        ("example.com", "example.com", True),
        ("example.com", ".example.com", False),
        ("api.example.com", ".example.com", True),
        ("api.example.com", "*.example.com", True),
        ("badexample.com", "example.com", False),
        ("API.Example.com", "x, EXAMPLE.com", True),
        ("example.com", "example.com:6443", True),
        ("example.com", "example.com:443", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:6443", True),
        ("10.1.2.3", "10.1.2.3:1", False),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "[fd00::1]:6443", True),
        ("fd00::1", "fd00::1", True),
        ("fd00::1", "fd00::2", False),
        ("example.com", "*", True),
        ("example.com", " , ,", False),
        ("example.com", "a/b", False),
    ],
)
def test_exemptions(host: str, rules: str, *, want: bool) -> None:
    assert is_exempt(host, 6443, rules) is want


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_this_machine_is_never_behind_a_proxy(host: str) -> None:
    assert proxy_from_environment(urlsplit(f"https://{host}:6443"), {"HTTPS_PROXY": "http://p"}) == ""


@pytest.mark.parametrize("address", ["socks5://me:hush@p", "http://me:hush@", "http://p:hush", "http://hush\udcff:a@p"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(address: str) -> None:
    with pytest.raises(NotConfigured, match="the variable HTTPS_PROXY") as caught:
        proxy_from_environment(urlsplit("https://h"), {"HTTPS_PROXY": address})
    assert "hush" not in str(caught.value)


def test_a_login_is_sent_whatever_is_in_it() -> None:
    assert authorization(urlsplit("http://me:a%0Ab%20@p")) == [("Proxy-Authorization", "Basic bWU6YQpiIA==")]
