"""Credential helpers that Docker's configuration names: asked as Docker asks them, never shown, never waited for."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.docker_helpers import HelperFailed, ask_helper, complete_config
from cli.dockerlogin import SECRET_NAME, with_docker_login
from cli.main import main
from cli.objects import Manifests, read_manifests
from controllers.image.reference import parse_image
from controllers.registry.dockerconfig import Credentials, PullSecret, resolve_credentials
from testing.registry_server import RegistryHandler, run_server

SECRET = "hunter2-of-the-helper"
HELPER = """\
#!/bin/sh
read key
echo "$1 $key" >>'{log}'
case $key in
  {keys}) echo '{{"ServerURL": "'"$key"'", "Username": "{user}", "Secret": "{secret}"}}' ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return folder


def helper(path: Path, name: str, keys: str, *, user: str = "robot", script: str = HELPER) -> Path:
    """Install a helper that knows some keys; return the file that it notes its questions in."""
    log = path / f"{name}.log"
    file = path / f"docker-credential-{name}"
    file.write_text(script.format(log=log, keys=keys, user=user, secret=SECRET))
    file.chmod(0o755)
    return log


def credentials(config: Mapping[str, object], image: str) -> tuple[Credentials | None, list[str]]:
    parsed = parse_image(image)
    content, notices = complete_config(
        json.dumps(config).encode(), [parsed.registry], title="config.json", environ=os.environ
    )
    secret = PullSecret("kubernetes.io/dockerconfigjson", {".dockerconfigjson": content})
    return resolve_credentials(parsed, [secret]), notices


HUB = "https://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("config", "image", "asked"),
    [
        ({"credsStore": "a"}, "ghcr.io/org/app", "get ghcr.io"),
        ({"credsStore": "b", "credHelpers": {"ghcr.io": "a"}}, "ghcr.io/org/app", "get ghcr.io"),
        ({"credsStore": "a", "auths": {"ghcr.io": {}}}, "ghcr.io/org/app", "get ghcr.io"),
        ({"credsStore": "a", "auths": {HUB: {}}}, "nginx", f"get {HUB}"),
        ({"credHelpers": {HUB: "a"}}, "docker.io/org/app", f"get {HUB}"),
        ({"credHelpers": {"docker.io": "a"}}, "org/app", f"get {HUB}"),
        ({"credsStore": "a", "auths": {"localhost:5000": {"auth": "b2xkOm9sZA=="}}}, "localhost:5000/app",
         "get localhost:5000"),
    ],
    ids=str,
)  # fmt: skip
def test_a_helper_is_asked_as_docker_asks_it(path: Path, config: Mapping[str, object], image: str, asked: str) -> None:
    log = helper(path, "a", "*")
    assert credentials(config, image) == (Credentials("robot", SECRET), [])
    assert log.read_text() == f"{asked}\n"


def test_an_identity_token_is_kept_as_a_user_of_that_name(path: Path) -> None:
    helper(path, "a", "*", user="<token>")
    assert credentials({"credsStore": "a"}, "ghcr.io/org/x")[0] == Credentials(identity_token=SECRET)


def test_what_a_helper_does_not_know_the_file_may_know(path: Path) -> None:
    log = helper(path, "a", "quay.io")
    config = {"credsStore": "a", "auths": {"ghcr.io": {"auth": "bWU6bXk="}}}
    assert credentials(config, "ghcr.io/org/x") == (Credentials("me", "my"), [])
    assert credentials(config, "example.com/org/x") == (None, [])
    assert log.read_text() == "get ghcr.io\nget example.com\n"


def test_a_helper_for_other_registries_is_not_asked(path: Path) -> None:
    log = helper(path, "a", "*")
    assert credentials({"credHelpers": {"quay.io": "a"}}, "ghcr.io/org/x") == (None, [])
    assert not log.exists()


@pytest.mark.parametrize(
    ("name", "script", "said"),
    [
        ("none", "", "there is no program docker-credential-none in PATH; install it, or log in with docker login"),
        ("../a", "", "that is no name of a program; mend Docker's configuration"),
        ("a", "#!/bin/sh\necho {secret}; echo {secret} >&2; exit 3\n",
         "docker-credential-a failed with exit status 3; to see why: echo ghcr.io | docker-credential-a get"),
        ("a", "#!/bin/sh\necho {secret}\n", "the answer of docker-credential-a is not JSON with Username and Secret"),
        ("a", '#!/bin/sh\necho \'{{"Username": 1, "Secret": "{secret}"}}\'\n',
         "the answer of docker-credential-a is not JSON with Username and Secret"),
        ("a", "#!/nowhere/sh\n", "docker-credential-a cannot be run: No such file or directory"),
    ],
)  # fmt: skip
def test_a_helper_that_gives_no_answer_is_one_sentence_without_what_it_printed(
    path: Path, name: str, script: str, said: str
) -> None:
    if script:
        helper(path, name, "*", script=script)
    found, (notice,) = credentials({"credsStore": name}, "ghcr.io/org/x")
    assert (found, notice) == (None, f"config.json: credential helper '{name}' for ghcr.io: {said}")


def test_a_helper_that_waits_is_not_waited_for(path: Path) -> None:
    helper(path, "a", "*", script="#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(HelperFailed, match=r"^docker-credential-a did not answer within 0\.2 s$"):
        ask_helper("a", "ghcr.io", environ=os.environ, seconds=0.2)


def test_a_helper_that_waits_is_asked_for_one_registry_alone(path: Path) -> None:
    log = helper(path, "a", "*", script="#!/bin/sh\nread key; echo $key >>'{log}'; sleep 60\n")
    hosts = ["ghcr.io", "quay.io", "registry.example.com"]
    _, notices = complete_config(b'{"credsStore": "a"}', hosts, title="c", environ=os.environ, seconds=0.5)
    said = "docker-credential-a did not answer within 0.5 s"
    assert notices == [f"c: credential helper 'a' for {host}: {said}" for host in hosts]
    assert log.read_text() == "ghcr.io\n"


def test_repositories_without_credentials_of_their_own_get_those_of_the_helper(path: Path, tmp_path: Path) -> None:
    log = helper(path, "a", "ghcr.io")
    (tmp_path / "config.json").write_text('{"credsStore": "a"}')
    text = (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: {name}, namespace: apps}}\n"
        "spec: {{image: {image}, interval: 1m{more}}}\n---\n"
    )
    (tmp_path / "o.yaml").write_text(
        text.format(name="a", image="ghcr.io/org/a", more="")
        + text.format(name="b", image="ghcr.io/org/b", more="")
        + text.format(name="c", image="quay.io/org/c", more=", secretRef: {name: own}")
    )
    manifests = read_manifests([str(tmp_path / "o.yaml")], namespace="default", environ={})
    made: Manifests = with_docker_login(manifests, tmp_path / "config.json")
    refs = [(m.body["spec"].get("secretRef") or {}).get("name") for m in made.of("ImageRepository")]
    assert (refs, log.read_text()) == ([SECRET_NAME, SECRET_NAME, "own"], "get ghcr.io\n")


async def test_preview_and_adopt_log_in_with_a_helper(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    registry = RegistryHandler({"org/app": ["1.0.0", "1.1.0"]}, auth="basic", users={"robot": SECRET})
    async with run_server(registry) as server:
        helper(path, "a", server.address)
        (tmp_path / "config.json").write_text('{"credsStore": "a"}')
        image = f"{server.address}/org/app"
        (tmp_path / "fleet").mkdir()
        (tmp_path / "fleet" / "compose.yaml").write_text(f"services: {{}}\nimage: {image}:1.0.0\n")
        (tmp_path / "fleet" / "pod.yaml").write_text(
            f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n    - image: {image}:1.0.0\n"
        )
        fleet = str(tmp_path / "fleet")
        status = await asyncio.to_thread(main, ["preview", fleet, "--image", image, "--semver", "1.x"])
        assert (status, f"{image}:1.0.0 → {image}:1.1.0" in capfd.readouterr().out) == (0, True)
        assert await asyncio.to_thread(main, ["adopt", fleet]) == 0
        assert "now: 1.1.0" in capfd.readouterr().out
        (path / "docker-credential-a").unlink()
        assert await asyncio.to_thread(main, ["adopt", fleet]) == 1
        assert "credential helper 'a' for" in capfd.readouterr().out


def test_ctrl_c_ends_a_helper_that_waits(path: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    helper(path, "a", "*", script=f"#!/bin/sh\necho asked >'{tmp_path}/fifo'\nsleep 60\n")
    (tmp_path / "config.json").write_text('{"credsStore": "a"}')
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: ghcr.io/org/app:1.0.0}]}\n"
    )
    command = [sys.executable, "-m", "cli.main", "adopt", os.fspath(tmp_path)]
    environ = os.environ | {"PYTHONPATH": os.fspath(Path(__file__).parents[1])}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert (tmp_path / "fifo").read_text() == "asked\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=15) == (b"", b"interrupted\n")
    assert process.returncode == 130
