"""From a spec, a GitRepository and Secrets to a forge and a login."""

from typing import Any

import pytest

from api.pullrequest import PullRequestSpec
from controllers.forge.model import ForgeKind
from controllers.git.remote import Basic, Bearer, Remote, SshKey
from controllers.gitaccess.forge import BadForge, find_location, login_from_secret, login_of
from testing.builders import git_repository


@pytest.mark.parametrize(
    ("url", "spec", "want"),
    [
        pytest.param("https://github.com/org/fleet", {}, ForgeKind.GITHUB, id="by-host"),
        pytest.param("ssh://git@gitlab.example.com/org/fleet.git", {}, ForgeKind.GITLAB, id="by-a-word-in-it"),
        pytest.param("https://git.example.com/org/fleet", {"forge": "gitea"}, ForgeKind.GITEA, id="as-it-says"),
    ],
)
def test_forge(url: str, spec: dict[str, Any], want: ForgeKind) -> None:
    assert find_location(PullRequestSpec(**spec), git_repository(url=url)).kind is want


def test_provider_of_the_repository_counts() -> None:
    repository = git_repository(url="https://git.example.com/org/fleet", provider="github")
    assert find_location(PullRequestSpec(), repository).kind is ForgeKind.GITHUB


@pytest.mark.parametrize(
    ("url", "spec", "words"),
    [
        pytest.param("https://git.example.com/org/fleet", {}, "set spec.git.pullRequest.forge", id="unknown-host"),
        pytest.param("https://github.com/fleet", {}, "does not name a repository", id="no-owner"),
        pytest.param("https://github.com/a/b", {"api": "ftp://x"}, "is not a URL for HTTP", id="bad-api"),
    ],
)
def test_no_forge(url: str, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(BadForge, match=words):
        find_location(PullRequestSpec(**spec), git_repository(url=url))


@pytest.mark.parametrize(
    ("data", "want"),
    [
        pytest.param({"token": b"t\n"}, Bearer("t"), id="token"),
        pytest.param({"bearerToken": b"t"}, Bearer("t"), id="as-for-git"),
        pytest.param({"username": b"u", "password": b"p"}, Basic("u", "p"), id="user-and-password"),
        pytest.param({"password": b"p"}, Bearer("p"), id="password-alone"),
    ],
)
def test_login(data: dict[str, bytes], want: Basic | Bearer) -> None:
    assert login_from_secret(data, secret_name="apps/x") == want


@pytest.mark.parametrize("data", [{}, {"username": b"u"}, {"token": b"a b\x00c"}, {"token": b""}])
def test_no_login_names_the_secret_and_shows_nothing_of_it(data: dict[str, bytes]) -> None:
    with pytest.raises(BadForge, match="secret 'apps/x'") as caught:
        login_from_secret(data, secret_name="apps/x")
    assert "a b" not in str(caught.value)


def test_login_of_the_repository() -> None:
    assert login_of(Remote("https://x/y", credentials=Basic("u", "p"))) == Basic("u", "p")
    with pytest.raises(BadForge, match="logs in with a key: name a Secret"):
        login_of(Remote("ssh://x/y", credentials=SshKey("k", "h")))
    with pytest.raises(BadForge, match="has no login"):
        login_of(Remote("https://x/y"))
