import json
import subprocess
from pathlib import Path

import pytest

from cli.dockerlogin import SECRET_NAME, with_docker_login
from cli.objects import BadInput, Manifests, read_manifests
from cli.objects_test import policy
from cli.pushed_repository import NAME, find_checkout, needs_automation, with_automation
from cli.secrets import parse_secret_values, with_secrets
from controllers.runtime.key import Key
from hack.githttp import GIT
from testing.gitserver import ENVIRONMENT

REPOSITORY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: {name}}}
spec: {{image: {image}, interval: 1h{more}}}
---
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with a policy in it, pushed to nowhere yet."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "fleet"
    git(tmp_path, "init", "-q", "-b", "main", str(folder))
    (folder / "policy.yaml").write_text(policy())
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    git(folder, "remote", "add", "origin", "https://git.example.com/org/fleet.git")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run([GIT, "-C", str(folder), *arguments], check=True, env=ENVIRONMENT)


def automated(folder: Path, *secrets: Key) -> Manifests:
    manifests = read_manifests([str(folder)], namespace="apps", environ={})
    if not needs_automation(manifests):
        return manifests
    return with_automation(manifests, [find_checkout(str(folder))], secrets)


def test_a_checkout_gets_an_automation(checkout: Path) -> None:
    git(checkout, "config", "user.email", "me@example.com")
    (repository,) = automated(checkout).of("GitRepository")
    (automation,) = automated(checkout).of("ImageUpdateAutomation")
    assert repository.body["spec"] == {
        "url": "https://git.example.com/org/fleet.git",
        "interval": "10m",
        "ref": {"branch": "main"},
    }
    assert automation.key == Key("apps", NAME)
    assert automation.body["spec"]["sourceRef"] == {"kind": "GitRepository", "name": NAME}
    assert automation.body["spec"]["git"]["commit"]["author"] == {"email": "me@example.com"}


def test_a_given_automation_is_enough(checkout: Path) -> None:
    (checkout / "fleet.yaml").write_text(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata: {name: fleet}\n"
        "spec: {interval: 1h, sourceRef: {kind: GitRepository, name: fleet}}\n"
    )
    assert [m.key.name for m in automated(checkout).of("ImageUpdateAutomation")] == ["fleet"]


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("git@git.example.com:org/fleet.git", "ssh://git@git.example.com/org/fleet.git"),
        ("git.example.com:org/fleet.git", "ssh://git@git.example.com/org/fleet.git"),
        ("ssh://git@git.example.com:2222/org/fleet.git", "ssh://git@git.example.com:2222/org/fleet.git"),
        ("http://git.example.com/fleet", "http://git.example.com/fleet"),
    ],
)
def test_forms_of_a_remote(checkout: Path, url: str, wanted: str) -> None:
    git(checkout, "remote", "set-url", "origin", url)
    found = find_checkout(str(checkout / "policy.yaml"))
    assert found is not None
    assert found.url == wanted


def test_a_password_in_the_remote_is_kept_in_a_secret(checkout: Path) -> None:
    git(checkout, "remote", "set-url", "origin", "https://bot:p%40ss@git.example.com/fleet")
    made = automated(checkout)
    (repository,), (secret,) = made.of("GitRepository"), made.of("Secret")
    assert repository.body["spec"]["url"] == "https://git.example.com/fleet"
    assert repository.body["spec"]["secretRef"] == {"name": NAME}
    assert secret.body["data"] == {"username": "Ym90", "password": "cEBzcw=="}
    assert [s.key for s in automated(checkout, Key("apps", NAME)).of("Secret")] == []


def test_a_push_remote_of_the_branch_is_used(checkout: Path) -> None:
    git(checkout, "remote", "add", "other", "https://git.example.com/other")
    git(checkout, "config", "branch.main.remote", "other")
    found = find_checkout(str(checkout))
    assert found is not None
    assert found.url == "https://git.example.com/other"


@pytest.mark.parametrize(
    ("commands", "problem"),
    [
        pytest.param([["remote", "remove", "origin"]], "there is no remote origin to push to", id="no-remote"),
        pytest.param([["checkout", "-q", "--detach"]], "no branch is checked out", id="detached"),
        pytest.param([["remote", "set-url", "origin", "/srv/fleet.git"]], "over HTTP, HTTPS or SSH only", id="path"),
        pytest.param([["rm", "-q", "--cached", "policy.yaml"]], "there are uncommitted changes", id="dirty"),
    ],
)
def test_unclear_checkouts_are_refused(checkout: Path, commands: list[list[str]], problem: str) -> None:
    for command in commands:
        git(checkout, *command)
    with pytest.raises(BadInput, match=problem):
        automated(checkout)


def test_a_folder_outside_of_any_checkout_is_scanned_only(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(policy())
    made = automated(tmp_path)
    assert made.of("ImageUpdateAutomation") == []
    assert "nothing is committed" in made.notices[0]


def test_values_from_the_environment_make_a_secret_or_complete_it(checkout: Path) -> None:
    (checkout / "s.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: git}\nstringData: {username: bot, password: old}\n"
    )
    manifests = read_manifests([str(checkout)], namespace="apps", environ={})
    values = [parse_secret_values(text) for text in ("apps/git:password=TOKEN", "other:a.b=TOKEN")]
    made = with_secrets(manifests, values, {"TOKEN": "t"}).of("Secret")
    assert {manifest.key: manifest.body["stringData"] for manifest in made} == {
        Key("apps", "git"): {"username": "bot", "password": "t"},
        Key("default", "other"): {"a.b": "t"},
    }
    with pytest.raises(BadInput, match="the variable TOKEN is not set"):
        with_secrets(manifests, values, {})


def test_docker_login_is_for_the_registries_it_is_for(tmp_path: Path) -> None:
    auths = {"ghcr.io": {"auth": "dTpw"}, "https://index.docker.io/v1/": {}}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": auths, "credsStore": "desktop"}))
    (tmp_path / "a.yaml").write_text(
        REPOSITORY.format(name="a", image="ghcr.io/org/a", more="")
        + REPOSITORY.format(name="b", image="quay.io/org/b", more="")
        + REPOSITORY.format(name="c", image="ghcr.io/org/c", more=", secretRef: {name: own}")
        + REPOSITORY.format(name="d", image="redis", more="")
        + REPOSITORY.format(name="e", image="ghcr.io/org/e", more=", provider: aws")
        + REPOSITORY.format(name="f", image="'ghcr.io/org/f:1'", more="")
    )
    manifests = read_manifests([str(tmp_path / "a.yaml")], namespace="apps", environ={})
    made = with_docker_login(manifests, config)
    named = {m.key.name: m.body["spec"].get("secretRef", {}).get("name") for m in made.of("ImageRepository")}
    assert named == {"a": SECRET_NAME, "b": None, "c": "own", "d": None, "e": None, "f": None}
    assert [m.key for m in made.of("Secret")] == [Key("apps", SECRET_NAME)]
    assert with_docker_login(manifests, tmp_path / "none.json") == manifests
    config.write_text("{")
    with pytest.raises(BadInput, match="is not a Docker configuration in JSON"):
        with_docker_login(manifests, config)
