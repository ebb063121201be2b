import json
import os
import socket
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from cli import automate_run
from cli.dockerlogin import SECRET_NAME, with_docker_login
from cli.main import main
from cli.objects import BadInput, Manifests, read_manifests
from cli.objects_test import policy
from cli.preview_test import DEPLOYMENT, OBJECTS
from cli.pushed_repository import NAME, find_checkout, needs_automation, split_login, with_automation
from cli.secrets import parse_secret_values, with_secrets
from controllers.runtime.key import Key
from controllers.worktree.paths import ask_git
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


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({}, "org/fleet.git"),
        ({"branch.main.remote": "up"}, "up"),
        ({"branch.main.remote": "up", "remote.pushDefault": "fork"}, "fork"),
        ({"branch.main.remote": "up", "remote.pushDefault": "fork", "branch.main.pushRemote": "mine"}, "mine"),
        ({"branch.main.pushRemote": "mine"}, "mine"),
        ({"branch.other.pushRemote": "mine"}, "org/fleet.git"),
    ],
)
def test_the_remote_is_the_one_that_git_would_push_to(checkout: Path, config: dict[str, str], wanted: str) -> None:
    for name in ("up", "fork", "mine"):
        git(checkout, "remote", "add", name, f"https://git.example.com/{name}")
    for key, value in config.items():
        git(checkout, "config", key, value)
    found = find_checkout(str(checkout))
    assert found is not None
    assert found.url == f"https://git.example.com/{wanted}"
    asked = [GIT, "-C", str(checkout), "for-each-ref", "--format=%(push:remotename)", "refs/heads/main"]
    said = subprocess.run(asked, capture_output=True, check=True, text=True, env=ENVIRONMENT).stdout.strip()
    assert (said or "org/fleet.git") == wanted  # Git names no remote that nobody has configured


@pytest.mark.parametrize(
    "variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG"]
)
def test_a_hook_of_another_repository_does_not_mislead(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Git runs its hooks with variables that name the repository it works on."""
    other = tmp_path / "other"
    git(tmp_path, "init", "-q", "-b", "elsewhere", str(other))
    git(other, "remote", "add", "origin", "https://git.example.com/org/other.git")
    git(other, "config", "user.email", "other@example.com")
    values = {"GIT_WORK_TREE": other, "GIT_CONFIG": other / ".git" / "config", "GIT_INDEX_FILE": tmp_path / "none"}
    monkeypatch.setenv(variable, str(values.get(variable, other / ".git")))
    if variable == "GIT_WORK_TREE":
        monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    found = find_checkout(str(checkout))
    assert found is not None
    assert (found.folder, found.branch) == (checkout, "main")
    assert (found.url, found.author["email"]) == ("https://git.example.com/org/fleet.git", "tagline@localhost")


def test_a_folder_whose_name_is_no_text_has_a_checkout(checkout: Path) -> None:
    for name in ("fl\udcffet", "line\nbreak"):
        moved = checkout.parent / name
        os.rename(checkout, moved)
        found = find_checkout(str(moved))
        assert found is not None
        assert found.folder == moved
        os.rename(moved, checkout)


@pytest.mark.parametrize(
    "command", [["config", "branch.main.remote"], ["checkout", "-q", "-b"], ["config", "user.name"]], ids=" ".join
)
def test_what_is_no_text_in_the_configuration_is_named(checkout: Path, command: list[str]) -> None:
    git(checkout, *command, "\udcff")
    with pytest.raises(BadInput, match="the answer is not UTF-8"):
        find_checkout(str(checkout))


def test_a_git_that_does_not_answer_is_not_waited_for(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setitem(ask_git.__kwdefaults__ or {}, "seconds", 0.1)
    for verb in ("automate", "preview", "lint", "adopt"):
        assert main([verb, str(checkout), *(["--once"] if verb == "automate" else [])]) == 2
        assert "did not answer within 0.1 s" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["automate", "preview", "lint", "adopt"])
@pytest.mark.parametrize("damage", ["owner", "head", "no-git"])
def test_a_repository_that_git_cannot_read_is_an_error_with_its_reason(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str, damage: str
) -> None:
    said = "not a git repository"
    if damage == "owner":
        said = "dubious ownership"
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    elif damage == "head":
        (checkout / ".git" / "HEAD").write_text("gone\n")
    else:
        said = "there is no git to ask"
        monkeypatch.setenv("PATH", "")
    assert main([verb, str(checkout), *(["--once"] if verb == "automate" else [])]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


@pytest.mark.parametrize(
    ("commands", "problem"),
    [
        pytest.param([["config", "branch.main.remote", "https://me:s3cret@git.example.com/x"]],
                     "there is no remote https://git.example.com/x to push to", id="url-as-remote"),
        pytest.param([["config", "branch.main.remote", "."]], "there is no remote . to push to", id="local-branch"),
        pytest.param([["remote", "remove", "origin"]], "there is no remote origin to push to", id="no-remote"),
        pytest.param([["checkout", "-q", "--detach"]], "no branch is checked out", id="detached"),
        pytest.param([["remote", "set-url", "origin", "/srv/fleet.git"]], "over HTTP, HTTPS or SSH only", id="path"),
        pytest.param([["rm", "-q", "--cached", "policy.yaml"]], "there are uncommitted changes", id="dirty"),
    ],
)  # fmt: skip
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


LOGIN_URLS = [
    "HTTPS://bot:s3cret@git.example.com/org/fleet",
    "https://s3cret@git.example.com/org/fleet",
    "ftp://bot:s3cret@git.example.com/org/fleet",
    "FTPS://bot:s3cret@git.example.com/org/fleet",
    "ssh://git:s3cret@git.example.com/org/fleet",
    "SSH://git:s3cret@git.example.com:22/org/fleet",
    "git+ssh://git:s3cret@git.example.com/org/fleet",
    "https://bot:s3cret@[::1/org/fleet",
    "https://bot:s3cret@git.example.com:port/org/fleet",
    "https://bot:s3cret/more@git.example.com/org/fleet",
    "https://bot:s3cret@git.exa\u2100mple.com/org/fleet",
]
"""The login of some of them can be used; that of none may be shown."""


def no_address(*_args: object, **_kwargs: object) -> NoReturn:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("url", LOGIN_URLS)
@pytest.mark.parametrize("options", [["--dry-run"], ["--dry-run", "-o", "json"], ["--dry-run", "--verbose"]], ids=str)
def test_the_login_of_a_remote_is_shown_nowhere(
    checkout: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str, options: list[str]
) -> None:
    git(checkout, "remote", "set-url", "origin", url)
    monkeypatch.setenv("XDG_STATE_HOME", str(checkout.parent / "state"))
    monkeypatch.setattr(automate_run, "schedule_exit", lambda _: None)
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    status = main(["automate", str(checkout), "--once", *options])
    out, err = capfd.readouterr()
    assert (status in {1, 2}, bool(out + err)) == (True, True)
    assert "s3cret" not in out + err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("url", LOGIN_URLS)
@pytest.mark.parametrize(
    "command",
    [["automate", "--once"], ["preview"], ["preview", "--url"], ["preview", ".", "-f"], ["lint"], ["adopt"],
     ["explain"], ["preview", "--semver=*", "--image"]],
    ids=" ".join,
)  # fmt: skip
def test_the_login_of_a_url_that_was_given_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: list[str], url: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'http.proxy=http://127.0.0.1:1'")
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    monkeypatch.chdir(tmp_path)
    status = main([*command, url])
    out, err = capfd.readouterr()
    assert status == (1 if "-f" in command else 2)
    assert "s3cret" not in out + err
    assert "Traceback" not in out + err


def test_the_password_of_an_ssh_url_is_left_out() -> None:
    assert split_login("SSH://git:s3cret@git.example.com:22/org/fleet") == (
        "ssh://git@git.example.com:22/org/fleet",
        {},
    )


@pytest.mark.parametrize("url", LOGIN_URLS)
@pytest.mark.parametrize("verb", ["automate", "preview", "lint", "adopt", "explain"])
def test_the_login_of_a_url_in_a_manifest_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], verb: str, url: str
) -> None:
    """Of a GitRepository, and of an image, where a URL is wrong."""
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    monkeypatch.setattr(automate_run, "schedule_exit", lambda _: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    for field, value in (("url", json.dumps(url)), ("image", json.dumps(url))):
        repository = value if field == "url" else "https://git.example.com/org/fleet"
        image = value if field == "image" else "127.0.0.1:1/org/web"
        Path("objects.yaml").write_text(
            OBJECTS.replace('"ssh://git@git.example.com/org/fleet.git"', repository)
            .replace("ghcr.io/org/web", image)
            .replace("path: ./apps", "path: .")
        )
        Path("web.yaml").write_text(DEPLOYMENT)
        more = {"automate": [".", "--once", "--dry-run"], "explain": ["web.yaml:4"]}
        main([verb, *more.get(verb, ["."])])
        out, err = capfd.readouterr()
        assert out + err or verb == "lint"
        assert "s3cret" not in out + err, field
        assert "Traceback" not in out + err


def test_the_state_of_a_repository_is_one_whatever_token_its_url_has() -> None:
    """A CI has another one for each job."""
    files = {
        automate_run.default_state_file([url]) for url in ("https://git.example.com/x", "https://a:b@git.example.com/x")
    }
    assert len(files) == 1
    assert automate_run.default_state_file(["https://git.example.com/y"]) not in files


def test_a_variable_that_is_not_set_is_said_before_a_repository_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked without the login, it would say something else."""
    value = "default/tagline-automate:password=TAGLINE_NOT_SET"
    assert main(["automate", "https://127.0.0.1:1/x", "--once", "--secret-from-env", value]) == 2
    assert capsys.readouterr().err == "--secret-from-env: the variable TAGLINE_NOT_SET is not set\n"
