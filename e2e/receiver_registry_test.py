"""`controllers.receiver`: the CNCF registry and Gitea call it, from a push to the commit.

E2E_HOOK_PUSHES says how many pushes are measured, three by default. With more, polling is measured beside: as many
pushes at random times, with an interval of E2E_POLL_SECONDS.
"""

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from api.names import PUSHED_TAGS
from cli.hooks.instructions import TOKEN_WORD, steps_of
from controllers.webhooks.senders.table import find_sender
from e2e import metrics, receiver_process
from e2e.cluster import Space, eventually
from e2e.conftest import Parts
from e2e.objects import automation, deployment, docker_secret, git_repository, image_repository, semver_policy
from e2e.receiver_process import ReceiverProcess
from e2e.running import Running
from hack.env import process, registry
from hack.githost import GitHost, Repository
from hack.oci import Pusher
from testing.address import HOST

PUSHES = int(os.environ.get("E2E_HOOK_PUSHES", "3"))
POLL_SECONDS = float(os.environ.get("E2E_POLL_SECONDS", "10"))
COMMIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def hooks(
    cluster: Parts, any_controllers: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReceiverProcess]:
    """Yield the receiver's process, which serves all namespaces."""
    with receiver_process.running(cluster, tmp_path_factory.mktemp("receiver")) as started:
        yield started


@dataclass(frozen=True, slots=True)
class Way:
    """What is between a push and its commit: an image that is scanned once an hour, a policy, an automation."""

    space: Space
    repository: Repository
    pusher: Pusher
    path: str
    """Of the image in its registry."""

    def push_until_commit(self, tag: str) -> float:
        """Push a tag; return the seconds from the end of the push to the commit."""
        if PUSHES > 3:  # a receiver keeps a distance between two wake-ups of one image, which few pushes meet
            time.sleep(2.5)
        before = self.repository.head()
        self.pusher.push(self.path, tag)
        began = time.monotonic()
        eventually(lambda: self.repository.head() != before, what=f"the commit of {tag}", seconds=COMMIT_SECONDS)
        return time.monotonic() - began

    def check_commit(self, tag: str) -> None:
        """Assert that the branch has the tag."""
        assert f":{tag} #" in self.repository.file("app.yaml")


def build(space: Space, git_host: GitHost, pusher: Pusher, image: str, **spec: object) -> Way:
    """Set up everything but the sender, with tag 1.0.0 in the registry."""
    path = image.partition("/")[2]
    pusher.push(path, "1.0.0")
    image_repository(space, "app", image, **spec)
    semver_policy(space, "app")
    repository = git_host.create_repository(space.name, {"app.yaml": deployment(f"{image}:1.0.0", f"{space.name}:app")})
    git_repository(space, "fleet", repository)
    space.wait_ready("ImagePolicy", "app")
    automation(space, "fleet", source="fleet")
    space.wait_ready("ImageUpdateAutomation", "fleet")
    return Way(space, repository, pusher, path)


@pytest.fixture
def tidy_git(git_host: GitHost, namespace: str) -> Iterator[GitHost]:
    yield git_host
    git_host.delete_repository(namespace)


Start = Callable[[str, str], str]


@pytest.fixture
def hooked_registry(tmp_path: Path) -> Iterator[Start]:
    """Yield what starts a registry that calls a hook, as `tagline receiver setup` says; it returns the host."""
    started: list[process.Process] = []

    def start(url: str, token: str) -> str:
        sender = find_sender("distribution")
        assert sender is not None
        (step,) = steps_of(sender, url)
        endpoints = yaml.safe_load(step.replace(TOKEN_WORD, token))["notifications"]["endpoints"]
        local = registry.start(tmp_path / "registry", endpoints=endpoints, address=HOST)
        started.append(local.process)
        return local.host

    yield start
    for running in started:
        process.stop(running)


def requests_to(controllers: Running, host: str) -> float:
    return metrics.total(controllers.metrics["imagerepository"], "tagline_registry_requests_total", host=host)


def show(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n  {text}", flush=True)


def describe(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return f"median {statistics.median(ordered):.2f} s of {len(ordered)} ({ordered[0]:.2f} to {ordered[-1]:.2f} s)"


def test_notifications_of_the_cncf_registry_reach_the_commit(
    hooks: ReceiverProcess,
    any_controllers: Running,
    space: Space,
    tidy_git: GitHost,
    hooked_registry: Start,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = receiver_process.new_token()
    host = hooked_registry(hooks.hook(token, "images", space.name), token)
    with Pusher(host) as pusher:
        receiver_process.receiver(space, "images", "distribution", token)
        way = build(space, tidy_git, pusher, f"{host}/{space.name}/app")
        scanned = space.get("ImageRepository", "app")["status"]["lastScanResult"]["scanTime"]
        asked, taken = requests_to(any_controllers, host), []
        for number in range(1, PUSHES + 1):
            taken.append(way.push_until_commit(f"1.0.{number}"))
            way.check_commit(f"1.0.{number}")
        per_push = (requests_to(any_controllers, host) - asked) / PUSHES
        found = space.get("ImageRepository", "app")
        assert found["metadata"]["annotations"][PUSHED_TAGS], "tags came with the hooks"
        assert found["status"]["lastScanResult"]["tagCount"] == PUSHES + 1
        assert found["status"]["lastScanResult"]["scanTime"] == scanned, "nothing was scanned as a whole"
        assert per_push == 1, "one HEAD"
        show(capsys, f"push → commit with a hook: {describe(taken)}; {per_push:.0f} registry request a push")
        deleted = delete_manifest(host, way.path, pusher.push(way.path, "0.0.1"))
        assert deleted < 300
    path = hooks.hook(token, "images", space.name).rpartition("/")[2]
    shown = {
        "log of the receiver": hooks.log(),
        "its metrics": httpx.get(f"{hooks.metrics}/metrics", trust_env=False).text,
        "log of the scans": any_controllers.log_text("imagerepository"),
        "events": str(space.api.list("v1", "Event", namespace=space.name)),
        "ImageRepository": str(space.get("ImageRepository", "app")),
    }
    for place, text in shown.items():
        assert text, place
        assert token not in text, place
        assert path not in text, place
    assert token not in str(space.get("Receiver", "images"))


def delete_manifest(host: str, path: str, digest: str) -> int:
    """Delete a manifest, which is announced, too, and wakes nobody."""
    return httpx.delete(f"http://{host}/v2/{path}/manifests/{digest}", trust_env=False).status_code


@pytest.mark.skipif(PUSHES <= 3, reason="measures polling for a report: E2E_HOOK_PUSHES=15 asks for it")
def test_polling_beside(
    any_controllers: Running, space: Space, tidy_git: GitHost, parts: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(1)  # noqa: S311 - spreads pushes, guards nothing
    with Pusher(parts.open_registry) as pusher:
        image = f"{parts.open_registry}/{space.name}/app"
        way = build(space, tidy_git, pusher, image, interval=f"{POLL_SECONDS:g}s")
        began, asked, taken = time.monotonic(), requests_to(any_controllers, parts.open_registry), []
        for number in range(1, PUSHES + 1):
            time.sleep(chance.uniform(0, POLL_SECONDS))
            taken.append(way.push_until_commit(f"1.0.{number}"))
        rate = (requests_to(any_controllers, parts.open_registry) - asked) / (time.monotonic() - began)
        show(
            capsys,
            f"push → commit by polling every {POLL_SECONDS:g} s: {describe(taken)}; {rate * 3600:.0f} registry "
            "requests an hour and image",
        )


def test_webhook_of_gitea_reaches_the_commit(
    hooks: ReceiverProcess,
    space: Space,
    tidy_git: GitHost,
    capsys: pytest.CaptureFixture[str],
) -> None:
    host, token = urlsplit(tidy_git.url).netloc, receiver_process.new_token()
    url = hooks.hook(token, "images", space.name)
    config = {"url": url, "content_type": "json", "secret": token}
    hook = {"type": "gitea", "config": config, "events": ["package"], "active": True}
    hook_id = tidy_git.call("POST", "/user/hooks", hook)["id"]
    docker_secret(space, "pull", host, tidy_git.user, tidy_git.password)
    try:
        with Pusher(host, user=tidy_git.user, password=tidy_git.password) as pusher:
            image = f"{host}/{tidy_git.user}/{space.name}"
            receiver_process.receiver(space, "images", "gitea", token)
            way = build(space, tidy_git, pusher, image, secretRef={"name": "pull"})
            taken = []
            for number in range(1, PUSHES + 1):
                taken.append(way.push_until_commit(f"1.0.{number}"))
                way.check_commit(f"1.0.{number}")
            show(capsys, f"push → commit with Gitea's webhook: {describe(taken)}")
    finally:
        tidy_git.call("DELETE", f"/user/hooks/{hook_id}")
    codes = {
        code: metrics.total(hooks.metrics, "tagline_webhook_requests_total", type="gitea", code=code)
        for code in ("200", "401")
    }
    assert codes["200"] >= PUSHES
    assert codes["401"] == 0


def test_a_tag_that_no_hook_announced_is_counted(
    hooks: ReceiverProcess, any_controllers: Running, space: Space, hooked_registry: Start
) -> None:
    token = receiver_process.new_token()
    host = hooked_registry(hooks.hook(token, "images", space.name), token)
    with Pusher(host) as pusher:
        pusher.push(f"{space.name}/app", "1.0.0")
        image_repository(space, "app", f"{host}/{space.name}/app")
        space.wait_ready("ImageRepository", "app")
        receiver_process.receiver(space, "images", "distribution", token)
        pusher.push(f"{space.name}/app", "1.0.1")
        space.wait_ready("ImageRepository", "app", message="found 2 tags")
        space.patch("Receiver", "images", {"suspend": True})
        space.wait("Receiver", "images", lambda o: o["spec"]["suspend"], what="the Receiver to be suspended")
        pusher.push(f"{space.name}/app", "1.0.2")
        space.patch("ImageRepository", "app", {"interval": "1s"})
        space.wait_ready("ImageRepository", "app", message="found 3 tags")
        name = "tagline_webhook_missed_tags_total"
        url = any_controllers.metrics["imagerepository"]
        assert metrics.total(url, name, namespace=space.name) == 1
