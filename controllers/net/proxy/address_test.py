"""Logins in addresses: nothing in them can change where the address leads."""

import pytest

from controllers.net.proxy.address import with_userinfo


@pytest.mark.parametrize(
    ("username", "password", "want"),
    [
        pytest.param("", "", "http://proxy:3128", id="no-login"),
        pytest.param("ci", "secret", "http://ci:secret@proxy:3128", id="login"),
        pytest.param("c@i", "a/b:c?d#e%f", "http://c%40i:a%2Fb%3Ac%3Fd%23e%25f@proxy:3128", id="escaped"),
        pytest.param("ci", "", "http://ci:@proxy:3128", id="no-password"),
    ],
)
def test_login_goes_into_the_address(username: str, password: str, want: str) -> None:
    assert with_userinfo("http://proxy:3128", username, password) == want
