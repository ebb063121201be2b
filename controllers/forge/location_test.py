"""From URLs of repositories to forges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.forge.errors import BadLocation
from controllers.forge.location import detect, locate
from controllers.forge.model import ForgeKind

GITHUB, GITLAB, GITEA = ForgeKind.GITHUB, ForgeKind.GITLAB, ForgeKind.GITEA
CLOUD, SERVER, AZURE = ForgeKind.BITBUCKET, ForgeKind.BITBUCKET_SERVER, ForgeKind.AZURE_DEVOPS


@pytest.mark.parametrize(
    ("kind", "url", "api", "owner", "name", "host"),
    [
        (GITHUB, "https://github.com/org/fleet", "https://api.github.com", "org", "fleet", "github.com"),
        (GITHUB, "ssh://git@github.com/org/fleet.git", "https://api.github.com", "org", "fleet", "github.com"),
        (GITHUB, "ssh://git@ssh.github.com:443/org/fleet.git", "https://api.github.com", "org", "fleet", "github.com"),
        (GITHUB, "https://github.com./org/fleet.git/", "https://api.github.com", "org", "fleet", "github.com"),
        (GITHUB, "https://github.com:443/org/fleet", "https://api.github.com", "org", "fleet", "github.com"),
        (GITHUB, "https://acme.ghe.com:443/o/f", "https://api.acme.ghe.com", "o", "f", "acme.ghe.com"),
        (GITHUB, "https://ghe.example:8443/o/f.git", "https://ghe.example:8443/api/v3", "o", "f", "ghe.example:8443"),
        (GITHUB, "ssh://git@ghe.example:2222/o/f.git", "https://ghe.example/api/v3", "o", "f", "ghe.example"),
        (GITHUB, "https://acme.ghe.com/o/f", "https://api.acme.ghe.com", "o", "f", "acme.ghe.com"),
        (GITLAB, "https://gitlab.com/a/b/c/d.git", "https://gitlab.com/api/v4", "a/b/c", "d", "gitlab.com"),
        (GITLAB, "ssh://git@altssh.gitlab.com:443/a/d.git", "https://gitlab.com/api/v4", "a", "d", "gitlab.com"),
        (GITLAB, "http://[::1]:8080/a/d", "http://[::1]:8080/api/v4", "a", "d", "[::1]:8080"),
        (GITEA, "http://127.0.0.1:3000/o/f.git", "http://127.0.0.1:3000/api/v1", "o", "f", "127.0.0.1:3000"),
        (GITEA, "https://git.example/code/o/f.git", "https://git.example/code/api/v1", "o", "f", "git.example"),
        (GITEA, "ssh://git@git.example:2222/o/f.git", "https://git.example/api/v1", "o", "f", "git.example"),
        (CLOUD, "https://bot@bitbucket.org/w/f.git", "https://api.bitbucket.org/2.0", "w", "f", "bitbucket.org"),
        (CLOUD, "https://bitbucket.org:443/w/f", "https://api.bitbucket.org/2.0", "w", "f", "bitbucket.org"),
        (CLOUD, "ssh://git@altssh.bitbucket.org:443/w/f", "https://api.bitbucket.org/2.0", "w", "f", "bitbucket.org"),
        (SERVER, "https://bb.example/scm/key/f.git", "https://bb.example/rest/api/1.0", "KEY", "f", "bb.example"),
        (SERVER, "https://x.example/bb/scm/~al/f.git", "https://x.example/bb/rest/api/1.0", "~al", "f", "x.example"),
        (SERVER, "ssh://git@bb.example:7999/key/f.git", "https://bb.example/rest/api/1.0", "KEY", "f", "bb.example"),
        (AZURE, "https://dev.azure.com/o/p/_git/f", "https://dev.azure.com/o", "p", "f", "dev.azure.com"),
        (AZURE, "https://o@dev.azure.com/o/My%20P/_git/f", "https://dev.azure.com/o", "My P", "f", "dev.azure.com"),
        (AZURE, "https://dev.azure.com/o/_git/f", "https://dev.azure.com/o", "f", "f", "dev.azure.com"),
        (AZURE, "ssh://git@ssh.dev.azure.com/v3/o/p/f", "https://dev.azure.com/o", "p", "f", "dev.azure.com"),
        (AZURE, "ssh://o@vs-ssh.visualstudio.com/v3/o/p/f", "https://dev.azure.com/o", "p", "f", "dev.azure.com"),
        (AZURE, "https://o.visualstudio.com/p/_git/f", "https://o.visualstudio.com", "p", "f", "o.visualstudio.com"),
        (
            AZURE, "https://o.visualstudio.com/DefaultCollection/p/_git/f", "https://o.visualstudio.com", "p", "f",
            "o.visualstudio.com",
        ),
        (AZURE, "https://tfs.example/tfs/C%20D/p/_git/f", "https://tfs.example/tfs/C%20D", "p", "f", "tfs.example"),
        (AZURE, "https://tfs.example/C/_git/f", "https://tfs.example/C", "f", "f", "tfs.example"),
    ],
)  # fmt: skip
def test_where_the_api_is(kind: ForgeKind, url: str, api: str, owner: str, name: str, host: str) -> None:
    location = locate(kind, url)
    assert (location.api, location.owner, location.name, location.host) == (api, owner, name, host)
    assert location.web.startswith(("https://", "http://"))
    assert " " not in location.web


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (GITHUB, "https://github.com/org"),
        (GITHUB, "https://github.com/org/fleet/tree/main"),
        (GITHUB, "https://github.com/"),
        (GITHUB, "https://github.com/org/.."),
        (GITHUB, "https://github.com/org/.git"),
        (GITHUB, "https://github.com//fleet"),
        (GITHUB, "git@github.com:org/fleet.git"),
        (GITHUB, "file:///srv/fleet.git"),
        (GITHUB, "https://github.com:x/org/fleet"),
        (GITHUB, "https://[/org/fleet"),
        (GITLAB, "https://gitlab.com/fleet"),
        (GITEA, "https://git.example/o/%2e%2e"),
        (GITEA, "https://git.example/o%2Fx/f"),
        (GITEA, "https://git.example/o/f%0a"),
        (SERVER, "https://bb.example/key/f.git"),
        (SERVER, "https://bb.example/scm/f.git"),
        (AZURE, "https://dev.azure.com/o/p/f"),
        (AZURE, "ssh://git@ssh.dev.azure.com/o/p/f"),
        (AZURE, "https://o.visualstudio.com/f"),
        (AZURE, "https://tfs.example/_git/f"),
    ],
)
def test_no_repository(kind: ForgeKind, url: str) -> None:
    with pytest.raises(BadLocation):
        locate(kind, url)


def test_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(BadLocation) as caught:
        locate(GITHUB, "https://bot:s3cret@github.com/org")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "provider", "kind"),
    [
        ("https://github.com/o/f", "", GITHUB),
        ("https://git.example/o/f", "github", GITHUB),
        ("https://git.example/o/f", "azure", AZURE),
        ("https://git.example/o/f", "generic", None),
        ("https://github.example.com/o/f", "", GITHUB),
        ("https://my-gitlab.example.com/o/f", "", GITLAB),
        ("ssh://git@gitlab.com/o/f", "", GITLAB),
        ("https://codeberg.org/o/f", "", GITEA),
        ("https://forgejo.example/o/f", "", GITEA),
        ("https://bitbucket.org/o/f", "", CLOUD),
        ("https://bitbucket.example/scm/o/f", "", SERVER),
        ("https://git.example/scm/o/f.git", "", SERVER),
        ("https://tfs.example/C/p/_git/f", "", AZURE),
        ("https://o.visualstudio.com/p/_git/f", "", AZURE),
        ("https://notgithub.com.evil.example/o/f", "", None),
        ("https://xgithub.com/o/f", "", None),
        ("https://[", "", None),
        ("", "", None),
    ],
)
def test_detection(url: str, provider: str, kind: ForgeKind | None) -> None:
    assert detect(url, provider=provider) is kind


def test_given_address_of_the_api() -> None:
    location = locate(GITLAB, "ssh://git@git.example:2222/a/b.git", api="https://git.example:8443/gitlab/api/v4/")
    assert (location.api, location.owner) == ("https://git.example:8443/gitlab/api/v4", "a")
    with pytest.raises(BadLocation):
        locate(GITLAB, "https://git.example/a/b.git", api="ftp://git.example")


@settings(deadline=None)
@given(st.sampled_from(ForgeKind), st.text() | st.text().map(lambda text: f"https://git.example/{text}"))
def test_any_text_is_a_location_or_refused(kind: ForgeKind, url: str) -> None:
    detect(url)
    try:
        location = locate(kind, url)
    except BadLocation:
        return
    assert location.owner
    assert location.name
    assert ".." not in (location.name, *location.owner.split("/"))
