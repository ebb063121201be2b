"""`cli`: broken files of other programs, and a broken environment, end every verb with a sentence."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli import automate_run
from cli.main import main
from cli.preview_test import DEPLOYMENT, OBJECTS, git, write

ROOT = Path(__file__).parents[1]
IMAGE = "127.0.0.1:1/org/web"
LOCAL = {
    "automate": ["automate", ".", "--once"],
    "preview": ["preview"],
    "image": ["preview", "--image", IMAGE, "--semver", "*"],
    "explain-place": ["explain", "apps/web.yaml:4"],
    "explain-image": ["explain", IMAGE],
    "adopt": ["adopt"],
    "lint": ["lint"],
}
CLUSTER = {
    "check": ["check"],
    "explain-policy": ["explain", "policy", "apps/web"],
    "explain-place": ["explain", "apps/web.yaml:4", "--cluster"],
    "explain-image": ["explain", IMAGE, "--cluster"],
    "preview": ["preview", "--cluster"],
}


def auths(**entry: object) -> bytes:
    return json.dumps({"auths": {"127.0.0.1:1": entry}}).encode()


DOCKER: Mapping[str, bytes] = {
    "half": b"{",
    "not-utf-8": b"\xff",
    "list": b"[]",
    "nested": b"[" * 100_000,
    "auths-in-a-list": b'{"auths": []}',
    "auth-is-a-number": auths(auth=5),
    "auth-is-no-base64": auths(auth="%%"),
    "auth-without-colon": auths(auth=base64.b64encode(b"robot").decode()),
    "line-break": auths(username="a\nb", password="s3cret\nt"),
    "too-large": b" " * (2 << 20),
}
"""What Docker's config.json has that no login can be taken from."""
NO_FILE: Mapping[str, str] = {"folder": "", "pipe": "pipe", "device": "/dev/zero", "loop": "config.json"}
"""What is in its place."""


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with an image that is automated and one that is not."""
    root = tmp_path / "fleet"
    write(
        root,
        {
            "apps/web.yaml": DEPLOYMENT.replace("ghcr.io/org/web", IMAGE),
            "apps/new.yaml": "kind: Pod\nspec:\n  containers:\n  - {name: a, image: '127.0.0.1:1/org/new:1.0.0'}\n",
            "clusters/objects.yaml": OBJECTS.replace("ghcr.io/org/web", IMAGE).replace(
                "ssh://git@git.example.com/org", "http://127.0.0.1:1"
            ),
        },
    )
    git(root, "init", "-q", "-b", "main")
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the process that reads a kubeconfig
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(automate_run, "schedule_exit", lambda _: None)
    return root


def run(argv: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = main(argv)
    said = "".join(capfd.readouterr())
    assert "Traceback" not in said
    assert "s3cret" not in said
    return status, said


@pytest.mark.parametrize("verb", LOCAL)
@pytest.mark.parametrize("fault", DOCKER)
def test_a_docker_configuration_that_cannot_be_used_is_named(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], verb: str,
    fault: str,
) -> None:  # fmt: skip
    file = tmp_path / "config.json"
    file.write_bytes(DOCKER[fault])
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    status, said = run(LOCAL[verb], capfd)
    if verb == "lint":  # asks no registry
        assert (status, said) == (0, "")
    else:
        assert status in {1, 2}
        assert f"Docker's configuration '{file}'" in said
    if verb not in {"lint", "adopt"}:
        assert said.count("\n") == 1


@pytest.mark.parametrize("verb", LOCAL)
@pytest.mark.parametrize("place", NO_FILE)
def test_what_is_no_file_is_no_docker_configuration(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], verb: str,
    place: str,
) -> None:  # fmt: skip
    file = tmp_path / "config.json"
    match place:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case _:
            os.symlink(NO_FILE[place], file)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    _, said = run(LOCAL[verb], capfd)
    assert "Docker" not in said
    assert "connection refused" in said or verb == "lint"


@pytest.mark.parametrize("verb", LOCAL)
@pytest.mark.parametrize("variable", ["DOCKER_CONFIG", "XDG_STATE_HOME"])
def test_the_home_of_nobody(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], verb: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "~nobody-of-this-name/x")
    status, said = run(LOCAL[verb], capfd)
    if (verb, variable) == ("automate", "XDG_STATE_HOME"):
        assert status == 2
        assert "name a file with --state" in said
    assert not list(fleet.glob("~*"))


def kubeconfig(**cluster: str) -> str:
    context = {"name": "x", "context": {"cluster": "x", "user": "x"}}
    return json.dumps(
        {
            "apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": [context],
            "clusters": [{"name": "x", "cluster": cluster}], "users": [{"name": "x", "user": {"token": "s3cret"}}],
        }
    )  # fmt: skip


KUBECONFIGS = {
    "half": "{",
    "scalar": "5",
    "list": "[]",
    "tab": "a:\n\tb",
    "empty": "",
    "not-utf-8": "\udcff",
    "no-context": '{"current-context": "x"}',
    "context-is-a-text": '{"current-context": "x", "contexts": [{"name": "x", "context": "y"}]}',
    "no-server": kubeconfig(),
    "server-is-no-url": kubeconfig(server="https://[::1"),
    "port-is-no-number": kubeconfig(server="https://127.0.0.1:port"),
    "other-scheme": kubeconfig(server="ftp://127.0.0.1"),
    "proxy-is-no-url": kubeconfig(server="https://127.0.0.1:1", **{"proxy-url": "http://[x"}),
    "proxy-port": kubeconfig(server="https://127.0.0.1:1", **{"proxy-url": "http://x:port"}),
}


ANY_VERB = {"half", "port-is-no-number", "missing"}
"""Of the others one verb is enough: reading a kubeconfig starts a process."""


@pytest.mark.parametrize(
    ("verb", "fault"),
    [(v, f) for v in CLUSTER for f in (*KUBECONFIGS, "missing", "folder") if v == "check" or f in ANY_VERB],
)
def test_a_kubeconfig_that_cannot_be_used_is_named(
    fleet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], verb: str, fault: str
) -> None:
    file = tmp_path / "kubeconfig"
    if fault == "folder":
        file.mkdir()
    elif fault != "missing":
        file.write_text(KUBECONFIGS[fault], errors="surrogateescape")
    status, said = run([*CLUSTER[verb], "--kubeconfig", str(file)], capfd)
    assert status in {1, 2}
    assert said.count("\n") == 1
    assert "kubeconfig" in said or said == '✗ context "x" does not exist\n'
    assert "Error" not in said


@pytest.mark.parametrize("verb", LOCAL)
def test_standard_error_has_no_log_lines(fleet: Path, verb: str) -> None:
    """What has failed is in the report. Python writes what nobody handles to standard error; pytest handles all."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(fleet.parent), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *LOCAL[verb]], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0 if verb == "lint" else 1, "")
    assert "connection refused" in done.stdout or verb == "lint"


@pytest.mark.parametrize(
    "verb",
    [
        "webhook test dockerhub -",
        "policy test --semver=* -",
        "policy test -f - 1.0.0",
        "adopt --interactive",
        "automate - --once",
    ],
)
def test_standard_input_that_is_closed_holds_nothing(tmp_path: Path, verb: str) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", '"$0" -m cli.main "$@" <&-', sys.executable, *verb.split()],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    said = (done.stdout + done.stderr).splitlines()
    assert done.returncode in (1, 2)
    assert said
    assert "Traceback (most recent call last):" not in said
