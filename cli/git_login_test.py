"""`cli.git_login`: Git is asked for logins as it asks itself, and nobody else is."""

import os
from pathlib import Path

import pytest

from cli.git_login import GitLogins, with_git_login
from cli.objects import Manifests, read_manifests
from cli.pushed_repository import PushedRepository
from controllers.git.remote import Basic, Remote
from hack.githttp import ENVIRONMENT

HELPER = "!f() {{ cat >>'{log}'; echo \"=$1\" >>'{log}'; test \"$1\" = get && printf '%s' '{answer}'; }}; f"


@pytest.fixture
def logins(tmp_path: Path) -> GitLogins:
    return make(tmp_path, "username=bot\npassword=hunter2\n")


def make(folder: Path, answer: str, *, helper: str = HELPER, seconds: float = 30) -> GitLogins:
    helper = helper.format(log=folder / "log", answer=answer)
    environ = ENVIRONMENT | {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "credential.helper", "GIT_CONFIG_VALUE_0": helper,
        "GIT_CONFIG_KEY_1": "core.askPass", "GIT_CONFIG_VALUE_1": f"touch {folder}/window;",
        "GIT_ASKPASS": f"touch {folder}/window;", "SSH_ASKPASS": f"touch {folder}/window;",
    }  # fmt: skip
    return GitLogins(folder, environ=environ, seconds=seconds)


def log(folder: Path) -> list[str]:
    return (folder / "log").read_text().splitlines() if (folder / "log").exists() else []


def test_a_login_is_asked_for_once_a_look(logins: GitLogins, tmp_path: Path) -> None:
    for _ in range(2):
        logins.begin()
        for _ in range(2):
            login = logins.find("https://git.example.com:8443/org/fleet.git")
            assert login
            assert (login.username, login.password) == ("bot", "hunter2")
    assert [line for line in log(tmp_path) if line[0] in "hp="] == [
        "protocol=https", "host=git.example.com:8443", "=get"
    ] * 2  # fmt: skip
    assert "hunter2" not in repr(login)


@pytest.mark.parametrize(
    "url",
    ["ssh://git@git.example.com/x", "https://a:b@git.example.com/x", "https://git.example.com/%0ahost=other",
     "https://[x", "file:///x"],
)  # fmt: skip
def test_other_urls_are_no_question(logins: GitLogins, tmp_path: Path, url: str) -> None:
    assert (logins.find(url), log(tmp_path)) == (None, [])


def test_without_an_answer_nobody_is_asked_on_a_terminal_or_in_a_window(tmp_path: Path) -> None:
    logins = make(tmp_path, "")
    assert logins.find("https://git.example.com/x") is None
    assert (log(tmp_path)[-1], (tmp_path / "window").exists(), logins.notices) == ("=get", False, [])


def test_a_helper_that_waits_is_not_waited_for(tmp_path: Path) -> None:
    logins = make(tmp_path, "", helper="!sleep 60;:", seconds=0.3)
    assert logins.find("https://git.example.com/x") is None
    assert logins.notices == ["git credential fill did not answer within 0.3 s"]


def test_a_helper_that_waits_is_asked_once_a_look_for_each_host(tmp_path: Path) -> None:
    """One of a hundred repositories is enough to know."""
    logins = make(tmp_path, "", helper=f"!echo asked >>'{tmp_path}/log'; sleep 60;:", seconds=0.5)
    urls = [f"https://git.example.com/{number}" for number in range(3)]
    for _ in range(2):
        logins.begin()
        assert [logins.find(url) for url in urls] == [None] * 3
        assert len(logins.notices) == 1
    assert log(tmp_path) == ["asked"] * 2


@pytest.mark.parametrize("was_good", [False, True])
def test_a_refused_login_is_asked_for_again(logins: GitLogins, tmp_path: Path, was_good: bool) -> None:
    """It has expired, perhaps long after it was good."""
    url = "https://git.example.com/x"
    remote = Remote(url, Basic("bot", "hunter2"))
    logins.find(url)
    if was_good:
        logins.report(remote, is_good=True)
    logins.report(remote, is_good=False)
    assert logins.find(url)
    assert [line for line in log(tmp_path) if line[0] == "="] == [
        "=get", *["=store"] * was_good, "=erase", "=get",
    ]  # fmt: skip


def test_a_password_may_have_other_ends_of_lines_in_it(tmp_path: Path) -> None:
    login = make(tmp_path, "username=bot\npassword=hun\x0cter\u20282\n").find("https://git.example.com/x")
    assert login
    assert login.password == "hun\x0cter\u20282"


@pytest.mark.parametrize(("is_good", "verb"), [(True, "=store"), (False, "=erase")])
def test_what_became_of_a_login_is_reported_once_and_only_of_those_that_git_gave(
    logins: GitLogins, tmp_path: Path, is_good: bool, verb: str
) -> None:
    url = "https://git.example.com/x"
    logins.find(url)
    logins.report(Remote(url, Basic("bot", "another")), is_good=is_good)
    logins.report(Remote(url), is_good=is_good)
    for _ in range(2):
        logins.report(Remote(url, Basic("bot", "hunter2")), is_good=is_good)
    lines = log(tmp_path)
    assert [line for line in lines if line[0] == "="] == ["=get", verb]
    assert "password=hunter2" in lines


def test_a_user_in_the_url_gets_the_password_and_a_whole_login_stays(logins: GitLogins, tmp_path: Path) -> None:
    checkout = PushedRepository(tmp_path, "https://git.example.com/x", "main", {"username": "bot", "password": ""}, {})
    assert logins.complete(checkout).login == {"username": "bot", "password": "hunter2"}
    assert "username=bot" in log(tmp_path)
    assert "hunter2" not in repr(logins.complete(checkout))
    whole = PushedRepository(tmp_path, "https://git.example.com/x", "main", {"username": "me", "password": "p"}, {})
    assert logins.complete(whole) == whole


def read(folder: Path, *specs: str) -> Manifests:
    texts = [
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        f"metadata: {{name: r{number}, namespace: apps}}\nspec: {{interval: 1m, {spec}}}\n"
        for number, spec in enumerate(specs)
    ]
    texts += [
        f"apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata: {{name: a{number}, "
        f"namespace: apps}}\nspec: {{interval: 1m, sourceRef: {{kind: GitRepository, name: r{number}}}}}\n"
        for number in range(len(specs) - 1)
    ]
    (folder / "o.yaml").write_text("---\n".join(texts))
    return read_manifests([str(folder / "o.yaml")], namespace="default", environ=os.environ)


def test_repositories_that_automations_push_to_and_that_name_no_login_get_one(
    logins: GitLogins, tmp_path: Path
) -> None:
    url = 'url: "https://git.example.com/x"'
    made = with_git_login(
        read(tmp_path, url, f"{url}, secretRef: {{name: own}}", f"{url}, provider: azure", url), logins
    )
    refs = [(manifest.body["spec"].get("secretRef") or {}).get("name") for manifest in made.of("GitRepository")]
    assert refs == ["tagline-git-credential-r0", "own", None, None]  # nobody pushes to the last one
    (secret,) = made.of("Secret")
    assert (secret.key.name, secret.body["data"]) == (
        "tagline-git-credential-r0", {"username": "Ym90", "password": "aHVudGVyMg=="}
    )  # fmt: skip
    assert "aHVudGVyMg" not in repr(made)
