"""Remotes: where user-info of a URL goes, which URLs are refused, what is never shown."""

import pytest

from controllers.git.errors import BadUrl
from controllers.git.remote import Basic, Bearer, Credentials, Proxy, Remote, SshKey, Tls


@pytest.mark.parametrize(
    ("given", "url", "credentials", "user"),
    [
        pytest.param("https://u:p%40@h/x", "https://h/x", Basic("u", "p@"), "", id="login-of-the-url"),
        pytest.param("https://token@h:1/x", "https://h:1/x", Basic("token", ""), "", id="user-alone"),
        pytest.param("https://h/x", "https://h/x", None, "", id="none"),
        pytest.param("ssh://me@h/x", "ssh://h/x", None, "me", id="ssh-user"),
        pytest.param("ssh://h/x", "ssh://h/x", None, "git", id="ssh-default-user"),
    ],
)
def test_user_info_moves_out_of_the_url(given: str, url: str, credentials: Credentials | None, user: str) -> None:
    remote = Remote(given)
    assert (remote.url, remote.credentials, remote.user) == (url, credentials, user)


@pytest.mark.parametrize(
    "url", ["https://u:HUSH@[::1/x", "https://u:HUSH@h:port/x", "https://", "fleet.git", "https://u:HUSH@/x"]
)
def test_a_text_that_is_not_a_url_is_refused_without_its_login(url: str) -> None:
    with pytest.raises(BadUrl, match="is not a URL") as refused:
        Remote(url)
    assert "HUSH" not in str(refused.value)


def test_a_secret_wins_over_the_url() -> None:
    assert Remote("https://u:p@h/x", credentials=Basic("v", "q")).credentials == Basic("v", "q")


def test_secrets_do_not_show_in_repr() -> None:
    for remote in (
        Remote("https://u:HUSH@h/x", tls=Tls(key=b"HUSH"), proxy=Proxy("http://p", "u", "HUSH")),
        Remote("https://h/x", credentials=Basic("HUSH", "HUSH")),
        Remote("https://h/x", credentials=Bearer("HUSH")),
        Remote("ssh://git:HUSH@h/x", credentials=SshKey("HUSH", "hosts", "HUSH")),
    ):
        assert "HUSH" not in repr(remote)
        assert hash(remote) is not None
