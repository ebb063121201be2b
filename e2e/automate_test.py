"""`cli/automate_run.py`: the whole job without a cluster, from a pushed tag to a commit."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hack.controllers import ROOT
from testing.gitserver import BareRepository, git_server
from testing.invariants import check_versions
from testing.loopback_registry import LoopbackRegistry, loopback_registry
from testing.registry_server import RegistryHandler, Reply
from testing.state_history import record_versions, recorded_versions

PASSWORD = "hunter2-of-the-git-host"
DEPLOYMENT = """\
spec:
  containers:
    - image: {host}/org/app:{tag} # {{"$imagepolicy": "apps:app"}}
"""
MANIFESTS = """\
apiVersion: image.toolkit.fluxcd.io/{version}
kind: ImageRepository
metadata: {{name: app, namespace: apps}}
spec: {{image: "{host}/org/app", interval: 1h}}
---
apiVersion: image.toolkit.fluxcd.io/{version}
kind: ImagePolicy
metadata: {{name: app, namespace: apps}}
spec:
  imageRepositoryRef: {{name: app}}
  policy: {{semver: {{range: ">=1.0.0"}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: fleet, namespace: apps}}
spec: {{url: "{git}/fleet.git", interval: 1m, ref: {{branch: main}}, secretRef: {{name: git}}}}
---
apiVersion: image.toolkit.fluxcd.io/{version}
kind: ImageUpdateAutomation
metadata: {{name: fleet, namespace: apps}}
spec:
  interval: 1h
  sourceRef: {{kind: GitRepository, name: fleet}}
  git: {{commit: {{author: {{email: bot@example.com}}, messageTemplate: "Update images"}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: git, namespace: apps}}
stringData: {{username: bot, password: "${{GIT_PASSWORD}}"}}
"""


@dataclass(frozen=True, slots=True)
class World:
    """A registry, a repository, a folder of manifests."""

    folder: Path
    registry: LoopbackRegistry
    repository: BareRepository
    git_url: str

    @property
    def manifests(self) -> Path:
        return self.folder / "manifests"

    @property
    def state(self) -> Path:
        return self.folder / "state.db"

    def write(self, version: str = "v1") -> None:
        """Write the manifests."""
        self.manifests.mkdir(exist_ok=True)
        text = MANIFESTS.format(version=version, host=self.registry.host, git=self.git_url)
        (self.manifests / "images.yaml").write_text(text)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cli.main", "automate", *arguments, "--state", str(self.state)]

    def environment(self) -> dict[str, str]:
        own = {"GIT_USER": "bot", "GIT_PASSWORD": PASSWORD}
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(ROOT)} | own

    def run(self, *options: str, source: str = "", check: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `tagline automate --once` on the manifests, or on another source, and expect an exit status."""
        done = subprocess.run(
            self.command(source or str(self.manifests), *options, "--once"),
            capture_output=True, text=True, env=self.environment(), check=False, timeout=60, input=stdin,
        )  # fmt: skip
        assert done.returncode == check, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return done

    def report(self, *arguments: str, check: int = 0) -> Any:
        return json.loads(self.run("--output=json", *arguments, check=check).stdout)

    def deployed(self, at: str = "main") -> str:
        """Return the tag that a commit has."""
        return self.repository.read("deploy.yaml", at=at).decode().partition("org/app:")[2].partition(" ")[0]

    def commits(self) -> int:
        return int(self.repository.git("rev-list", "--count", "main"))


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Yield it; what its state file had at any moment has to keep the rules of `testing.invariants`."""
    with loopback_registry(RegistryHandler({"org/app": ["1.0.0"]})) as registry, git_server(tmp_path) as server:
        server.login = ("bot", PASSWORD)
        repository = server.repository("fleet")
        repository.commit({"deploy.yaml": DEPLOYMENT.format(host=registry.host, tag="1.0.0")})
        made = World(tmp_path, registry, repository, server.url)
        made.write()
        record_versions(made.state)
        yield made
        if request.node.get_closest_marker("unobserved") is None:
            assert not (found := check_versions(recorded_versions(made.state))), "\n".join(map(str, found))


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2", "v1"])
def test_a_pushed_tag_becomes_a_commit(world: World, version: str) -> None:
    world.write(version)
    first = world.report()
    assert (first["status"], first["commits"], world.commits()) == ("done", [], 1)
    assert first["choices"] == [
        {"namespace": "apps", "name": "app", "image": f"{world.registry.host}/org/app", "tag": "1.0.0", "changed": True}
    ]
    world.registry.handler.repos["org/app"].append("1.1.0")
    second = world.report()
    (commit,) = second["commits"]
    assert (world.deployed(), world.commits()) == ("1.1.0", 2)
    assert commit["commit"] == world.repository.head()
    assert (commit["message"], commit["refs"], commit["pushed"]) == ("Update images", ["refs/heads/main"], True)
    assert [choice["previousTag"] for choice in second["choices"]] == ["1.0.0"]
    assert {state["ready"] for state in second["objects"]} == {"True"}
    third = world.report()
    assert (third["status"], third["commits"], world.commits()) == ("done", [], 2)


def test_a_dry_run_prints_the_diff_and_changes_nothing(world: World) -> None:
    world.registry.handler.repos["org/app"].append("1.1.0")
    before = world.repository.read("deploy.yaml")
    report = world.report("--dry-run")
    (commit,) = report["commits"]
    assert (commit["pushed"], world.commits(), world.repository.read("deploy.yaml")) == (False, 1, before)
    checkout = world.folder / "checkout"
    subprocess.run(["git", "clone", "-q", world.repository.path, checkout], check=True)
    subprocess.run(["git", "apply", "-"], cwd=checkout, input=commit["diff"], text=True, check=True)
    assert world.run("--dry-run").stdout.count("would push") == 1
    assert len(world.report()["commits"]) == 1
    assert (checkout / "deploy.yaml").read_bytes() == world.repository.read("deploy.yaml")


def test_when_tags_were_first_seen_survives(world: World) -> None:
    world.run()
    path = world.manifests / "images.yaml"
    path.write_text(path.read_text().replace("policy: {semver:", "policy: {minAge: 1h, semver:"))
    world.registry.handler.repos["org/app"].append("1.1.0")
    assert world.report()["choices"][0]["tag"] == "1.0.0"
    assert world.deployed() == "1.0.0"


def test_one_bad_object_fails_the_run_and_harms_no_other(world: World) -> None:
    world.registry.handler.repos["org/app"].append("1.1.0")
    (world.manifests / "other.yaml").write_text(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: gone, namespace: apps}\n"
        f"spec: {{image: {world.registry.host}/org/gone, interval: 1h}}\n"
    )
    report = world.report(check=1)
    failed = [state for state in report["objects"] if state["ready"] != "True"]
    assert [(state["name"], state["reason"]) for state in failed] == [("gone", "ReadOperationFailed")]
    assert world.deployed() == "1.1.0"
    assert "ImageRepository apps/gone: FAILED: ReadOperationFailed" in world.run(check=1).stdout


def test_ctrl_c_ends_a_run_without_a_traceback_and_the_next_one_goes_on(world: World) -> None:
    world.registry.handler.repos["org/app"].append("1.1.0")
    world.registry.handler.faults.append(Reply(delay=60))
    command = world.command(str(world.manifests), "--once")
    running = subprocess.Popen(
        command, env=world.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait(lambda: world.registry.server.asked)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (130, "", "interrupted; what was done is recorded\n")
    assert world.run().returncode == 0
    assert world.deployed() == "1.1.0"


def test_a_run_that_takes_too_long_is_a_failure(world: World) -> None:
    world.registry.handler.faults.append(Reply(delay=60))
    done = world.run("--timeout=3s", check=1)
    assert "FAILED: the time was over before everything was done" in done.stdout


def test_objects_that_leave_the_manifests_are_gone(world: World) -> None:
    world.run()
    (world.manifests / "images.yaml").write_text(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: app, namespace: apps}\n"
        f"spec: {{image: {world.registry.host}/org/app, interval: 1h}}\n"
    )
    assert [state["kind"] for state in world.report()["objects"]] == ["ImageRepository"]


def without_automation(world: World) -> str:
    """Return the manifests of the registry alone."""
    return (world.manifests / "images.yaml").read_text().partition("---\napiVersion: source.toolkit")[0]


@pytest.mark.parametrize("by_url", [False, True], ids=["checkout", "url"])
def test_a_repository_is_enough(world: World, *, by_url: bool) -> None:
    world.repository.commit({"clusters/images.yaml": without_automation(world)})
    world.registry.handler.repos["org/app"].append("1.1.0")
    checkout = world.folder / "checkout"
    subprocess.run(["git", "clone", "-q", world.repository.path, checkout], check=True)
    subprocess.run(["git", "remote", "set-url", "origin", f"{world.git_url}/fleet.git"], cwd=checkout, check=True)
    options = ["--namespace=apps"]
    for key, value in (("username", "GIT_USER"), ("password", "GIT_PASSWORD")):
        options += ["--secret-from-env", f"apps/tagline-automate:{key}={value}"]
    source = f"{world.git_url}/fleet.git" if by_url else str(checkout)
    done = world.run(*options, source=source)
    assert "ImageUpdateAutomation apps/tagline-automate: committed and pushed" in done.stdout
    assert world.deployed() == "1.1.0"
    (checkout / "deploy.yaml").write_text("changed")
    if not by_url:
        assert "uncommitted changes" in world.run(*options, source=str(checkout), check=2).stderr


def test_what_docker_login_has_stored_is_used(world: World) -> None:
    world.registry.handler.auth = "basic"
    world.registry.handler.users["me"] = "secret-of-the-registry"
    assert "FAILED" in world.run(check=1).stdout
    (world.folder / ".docker").mkdir()
    auth = base64.b64encode(b"me:secret-of-the-registry").decode()
    config = {"auths": {world.registry.host: {"auth": auth}}}
    (world.folder / ".docker" / "config.json").write_text(json.dumps(config))
    world.run()
    assert b"secret-of-the-registry" not in world.state.read_bytes()
    world.run("--no-docker-login", check=1)


CREDENTIAL_HELPER = """\
[credential]
	helper = "!f() {{ echo \\"$1\\" >>'{log}'; cat >>'{log}'; if test \\"$1\\" = get; then cat '{answer}'; fi; }}; f"
"""


@pytest.fixture
def credential_log(world: World) -> Path:
    """Give the user a credential helper that knows the login; return where it notes what Git asks and reports."""
    log, answer = world.folder / "helper.log", world.folder / "answer"
    answer.write_text(f"username=bot\npassword={PASSWORD}\n")
    (world.folder / ".gitconfig").write_text(CREDENTIAL_HELPER.format(log=log, answer=answer))
    text = (world.manifests / "images.yaml").read_text().replace(", secretRef: {name: git}", "")
    (world.manifests / "images.yaml").write_text(text)
    return log


def verbs(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if line in {"get", "store", "erase"}]


def test_the_login_of_gits_credential_helper_is_used_and_approved(world: World, credential_log: Path) -> None:
    world.registry.handler.repos["org/app"].append("1.1.0")
    world.run("--no-git-login", check=1)
    assert not credential_log.exists()
    world.run()
    assert (world.deployed(), verbs(credential_log)) == ("1.1.0", ["get", "store"])
    assert f"host={world.git_url.partition('://')[2]}\n" in credential_log.read_text()
    assert PASSWORD.encode() not in world.state.read_bytes()


def test_a_wrong_login_of_gits_credential_helper_is_rejected(world: World, credential_log: Path) -> None:
    (world.folder / "answer").write_text("username=bot\npassword=stale\n")
    assert "FAILED" in world.run(check=1).stdout
    assert verbs(credential_log) == ["get", "erase"]


def test_a_secret_of_the_manifests_comes_before_gits_credential_helper(world: World, credential_log: Path) -> None:
    world.write()
    world.run()
    assert not credential_log.exists()


def test_a_repository_by_its_url_is_read_and_written_with_gits_login(world: World, credential_log: Path) -> None:
    world.repository.commit({"clusters/images.yaml": without_automation(world)})
    world.registry.handler.repos["org/app"].append("1.1.0")
    world.run("--namespace=apps", source=f"{world.git_url}/fleet.git")
    assert (world.deployed(), verbs(credential_log)) == ("1.1.0", ["get", "store"])


def test_the_user_in_a_remotes_url_is_the_one_that_is_asked_for(world: World, credential_log: Path) -> None:
    """Hosts show URLs with the user name to clone."""
    world.repository.commit({"clusters/images.yaml": without_automation(world)})
    world.registry.handler.repos["org/app"].append("1.1.0")
    checkout = world.folder / "checkout"
    subprocess.run(["git", "clone", "-q", world.repository.path, checkout], check=True)
    url = world.git_url.replace("://", "://bot@") + "/fleet.git"
    subprocess.run(["git", "remote", "set-url", "origin", url], cwd=checkout, check=True)
    world.run("--namespace=apps", source=str(checkout))
    assert (world.deployed(), "username=bot\n" in credential_log.read_text()) == ("1.1.0", True)


def test_preview_of_a_url_logs_in_as_git_does(world: World, credential_log: Path) -> None:
    command = [sys.executable, "-m", "cli.main", "preview", "--url", f"{world.git_url}/fleet.git"]
    done = subprocess.run(
        [*command, "-f", str(world.manifests)], capture_output=True, text=True, env=world.environment(), check=False
    )
    assert (done.returncode, PASSWORD in done.stdout + done.stderr) == (0, False), done.stderr
    assert verbs(credential_log) == ["get", "store"]


def test_secrets_stay_out_of_the_state(world: World) -> None:
    world.run()
    assert PASSWORD.encode() not in world.state.read_bytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("kind: image.toolkit.fluxcd.io\n x: [", "other.yaml:2:3: not YAML: ", id="not-yaml"),
        pytest.param(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: x}\n"
            "spec: {imageRepositoryRef: {name: app}, policy: {semver: {rang: '*'}}}\n",
            "other.yaml:1: ImagePolicy default/x: unknown field spec.policy.semver.rang; is range meant?",
            id="unknown-field",
        ),
        pytest.param(
            "---\n---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n"
            "metadata: {name: app, namespace: apps}\nspec: {image: x, interval: 1h}\n",
            "is there twice, and not the same; the first is at",
            id="twice",
        ),
        pytest.param(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepo\n",
            "there is no kind 'ImageRepo' in image.toolkit.fluxcd.io; is ImageRepository meant?",
            id="unknown-kind",
        ),
        pytest.param(
            "apiVersion: image.toolkit.fluxcd.io/v3\nkind: ImagePolicy\nmetadata: {name: x}\n",
            "ImagePolicy has no version image.toolkit.fluxcd.io/v3; there are v1beta1, v1beta2, v1",
            id="unknown-version",
        ),
        pytest.param(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {a: '${NOT_SET}'}\n",
            "the variable NOT_SET, which the Secret refers to, is not set",
            id="unset-variable",
        ),
        pytest.param(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: x}\n"
            "spec: {image: y, interval: 5d}\n",
            "spec.interval: Invalid value",
            id="invalid",
        ),
    ],
)
def test_bad_input_is_named_with_its_place_and_nothing_is_done(world: World, text: str, message: str) -> None:
    (world.manifests / "other.yaml").write_text(text)
    done = world.run(check=2)
    assert message in done.stderr
    assert (world.registry.server.asked, done.stdout) == ([], "")


def test_sources_that_are_not_there_or_hold_nothing(world: World, tmp_path: Path) -> None:
    assert "there is no such file or folder" in world.run(source=str(tmp_path / "nowhere"), check=2).stderr
    (tmp_path / "empty").mkdir()
    assert "no manifest of ImageRepository" in world.run(source=str(tmp_path / "empty"), check=2).stderr
    text = (world.manifests / "images.yaml").read_text()
    assert "ImagePolicy apps/app" in world.run(source="-", stdin=text).stdout


def test_what_cannot_be_read_among_other_files_is_passed_over(world: World) -> None:
    (world.manifests / "chart").mkdir()
    (world.manifests / "chart" / "deployment.yaml").write_text("{{ if .Values.x }}\nkind: Secret\n{{ end }}\n")
    (world.manifests / "loop").symlink_to(world.manifests)
    (world.manifests / "dangling.yaml").symlink_to(world.folder / "nowhere")
    os.mkfifo(world.manifests / "pipe.yaml")
    (world.manifests / "latin.yaml").write_bytes(b"kind: Secret # \xe4\n")
    (world.manifests / "sops.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: 'ENC[x]'}\nsops: {}\n"
    )
    assert "encrypted with SOPS" in world.run().stderr


@pytest.mark.unobserved("its state is damaged, and begun anew without a record")
def test_a_second_process_and_a_damaged_state_are_reported(world: World) -> None:
    world.run()
    running = staying(world)
    try:
        wait_for_line(running, "starting workers")
        assert f"in use by another tagline (process {running.pid} on" in world.run(check=2).stderr
    finally:
        running.terminate()
        running.communicate(timeout=30)
    assert running.returncode == 0
    data = world.state.read_bytes()
    world.state.write_bytes(data[:4096] + bytes(range(256)) * ((len(data) - 4096) // 256))
    done = world.run()
    assert "is damaged" in done.stderr
    assert "it is kept as" in done.stderr


def test_a_process_that_stays_follows_the_manifests(world: World) -> None:
    running = staying(world)
    try:
        wait(lambda: world.registry.lists() == 1)
        world.registry.handler.repos["org/app"].append("1.1.0")
        path = world.manifests / "images.yaml"
        text = path.read_text()
        path.write_text(
            text.replace("namespace: apps}", "namespace: apps, annotations: {reconcile.fluxcd.io/requestedAt: now}}", 1)
        )
        wait(lambda: world.deployed() == "1.1.0")
        path.write_text("image.toolkit.fluxcd.io: [")
        early = wait_for_line(running, "manifests cannot be used")
        path.write_text(text.replace('1.0.0"', '1.0.0 <1.1.0"'))
        wait(lambda: world.deployed() == "1.0.0")
    finally:
        running.send_signal(signal.SIGTERM)
        _, log = running.communicate(timeout=30)
    assert running.returncode == 0
    assert PASSWORD not in early + log


def test_a_process_that_stays_follows_a_repository(world: World) -> None:
    """The manifests and the files they are about are in one repository, and nobody has a checkout of it."""
    text = without_automation(world)
    world.repository.commit({"clusters/images.yaml": text})
    (world.folder / ".gitconfig").write_text(
        f'[credential]\n\thelper = "!f() {{ echo username=bot; echo password={PASSWORD}; }}; f"\n'
    )
    running = subprocess.Popen(
        world.command(f"{world.git_url}/fleet.git", "--manifests-interval=5s", "--metrics-addr=", "--health-addr="),
        stderr=subprocess.PIPE, text=True, env=world.environment(),
    )  # fmt: skip
    try:
        world.registry.handler.repos["org/app"] += ["1.1.0", "0.9.0"]
        wait(lambda: world.registry.lists() == 1)
        world.repository.commit({"clusters/images.yaml": text.replace('1.0.0"', '1.0.0 <1.1.0"')})
        time.sleep(6)
        world.repository.commit({"clusters/images.yaml": "image.toolkit.fluxcd.io: ["})
        early = wait_for_line(running, "manifests cannot be used")
        world.repository.commit({"clusters/images.yaml": text.replace(">=1.0.0", "<1.0.0")})
        wait(lambda: world.deployed() == "0.9.0")
    finally:
        running.send_signal(signal.SIGTERM)
        _, log = running.communicate(timeout=30)
    assert running.returncode == 0
    assert PASSWORD not in early + log


def test_the_kustomization_of_a_repository_counts_as_that_of_a_folder(world: World) -> None:
    text = without_automation(world).replace(", namespace: apps", "")
    kustomization = "namespace: apps\nresources: [images.yaml]\n"
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: tagline-automate}\n"
    world.repository.commit({
        "clusters/images.yaml": text, "clusters/kustomization.yaml": kustomization,
        "clusters/secret.yaml": f"{secret}stringData: {{username: bot, password: {PASSWORD}}}\n",
        "clusters/.hidden/other.yaml": text,
    })  # fmt: skip
    world.registry.handler.repos["org/app"].append("1.1.0")
    options = ["--namespace=other"]
    for key, value in (("username", "GIT_USER"), ("password", "GIT_PASSWORD")):
        options += ["--secret-from-env", f"other/tagline-automate:{key}={value}"]
    done = world.run(*options, source=f"{world.git_url}/fleet.git")
    assert "ImageUpdateAutomation apps/tagline-automate: committed and pushed" in done.stdout
    assert " other/" not in done.stdout
    assert world.deployed() == "1.1.0"


def test_killed_while_it_stays_it_loses_nothing_and_scans_nothing_before_it_is_due(world: World) -> None:
    seed = int(os.environ.get("E2E_KILL_SEED") or time.time_ns() % 1_000_000)
    print(f"E2E_KILL_SEED={seed}")
    rng = Random(seed)  # noqa: S311
    world.run()
    path = world.manifests / "images.yaml"
    text = path.read_text()
    for number in range(1, 5):
        world.registry.handler.repos["org/app"].append(f"1.{number}.0")
        requested = f"namespace: apps, annotations: {{reconcile.fluxcd.io/requestedAt: r{number}}}}}"
        path.write_text(text.replace("namespace: apps}", requested, 1))
        before = world.registry.lists()
        running = staying(world)
        try:
            wait(lambda before=before: world.registry.lists() > before)
            time.sleep(rng.uniform(0, 0.5))
        finally:
            running.kill()
            running.communicate()
    scans = world.registry.lists()
    running = staying(world)
    try:
        wait(lambda: world.deployed() == "1.4.0")
    finally:
        running.terminate()
        running.communicate(timeout=30)
    assert world.registry.lists() <= scans + 1  # a scan that was cut off is repeated; others are not due for an hour
    scans, head = world.registry.lists(), world.repository.head()
    running = staying(world)
    try:
        wait_for_line(running, "starting workers")
        time.sleep(2)
    finally:
        running.terminate()
        running.communicate(timeout=30)
    assert (world.registry.lists(), world.repository.head()) == (scans, head)
    tags = [world.deployed(commit) for commit in world.repository.git("rev-list", "main").splitlines()]
    assert tags == sorted(set(tags), reverse=True)


def staying(world: World) -> "subprocess.Popen[str]":
    """Start a process that stays."""
    command = [*world.command(str(world.manifests)), "--metrics-addr=", "--health-addr="]
    return subprocess.Popen(command, env=world.environment(), stderr=subprocess.PIPE, text=True)


def wait_for_line(running: "subprocess.Popen[str]", text: str) -> str:
    """Return what was logged until a text came."""
    assert running.stderr is not None
    lines = [running.stderr.readline()]
    while text not in lines[-1]:
        assert running.poll() is None
        lines.append(running.stderr.readline())
    return "".join(lines)


def wait(fulfilled: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_at_any_moment_it_loses_no_update_and_repeats_no_commit(world: World) -> None:
    seed = int(os.environ.get("E2E_KILL_SEED") or time.time_ns() % 1_000_000)
    print(f"E2E_KILL_SEED={seed}")
    rng = Random(seed)  # noqa: S311
    world.run()
    began = time.monotonic()
    world.run()
    usual_seconds = time.monotonic() - began
    for number in range(1, 9):
        world.registry.handler.repos["org/app"].append(f"1.{number}.0")
        running = subprocess.Popen(
            world.command(str(world.manifests), "--once"), env=world.environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(rng.uniform(usual_seconds / 4, usual_seconds))
        running.kill()
        running.wait()
    report = world.report()
    assert report["status"] == "done"
    assert world.deployed() == "1.8.0"
    tags = [world.deployed(commit) for commit in world.repository.git("rev-list", "main").splitlines()]
    assert tags == sorted(set(tags), reverse=True)
    assert world.report()["commits"] == []
