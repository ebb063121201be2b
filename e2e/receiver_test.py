"""`controllers.receiver`: from an event to the policy, whatever else is sent, on a real API server."""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api.names import PUSHED_TAGS, REQUESTED_AT
from controllers.webhooks.hook_path import hook_path
from e2e import metrics, receiver_process
from e2e.cluster import Space, eventually
from e2e.conftest import Parts
from e2e.cuttable_link import CuttableLink
from e2e.objects import image_repository, semver_policy
from e2e.receiver_process import ReceiverProcess, post
from e2e.running import Running
from hack import controllers as local_controllers
from hack.controllers import Controllers
from hack.env import process
from hack.oci import Pusher

JSON = {"Content-Type": "application/json"}
IMAGE_OF_EVENT = {"image": "req.image", "tag": "req.tag"}
HUNDRED_MIB = 100 << 20


@pytest.fixture(scope="module")
def hooks(
    cluster: Parts, any_controllers: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReceiverProcess]:
    """Yield the receiver's process, which serves all namespaces."""
    with receiver_process.running(cluster, tmp_path_factory.mktemp("receiver"), "--no-cross-namespace-refs") as started:
        yield started


@dataclass(frozen=True, slots=True)
class Hook:
    """A Receiver that takes signed events, and who calls it."""

    space: Space
    url: str
    token: str

    def call(self, payload: Any, *, token: str = "", **headers: str) -> httpx.Response:
        """Send a payload, bytes as they are, signed by the Receiver's token or another one."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        digest = hmac.digest((token or self.token).encode(), body, hashlib.sha256).hex()
        return post(self.url, body, {**JSON, "X-Signature": f"sha256={digest}", **headers})

    def annotations(self, name: str = "app") -> dict[str, str]:
        """Return the annotations of an ImageRepository."""
        found: dict[str, str] = self.space.get("ImageRepository", name)["metadata"].get("annotations", {})
        return found


@pytest.fixture
def hook(hooks: ReceiverProcess, space: Space) -> Hook:
    """Return a Receiver of this test's namespace."""
    token = receiver_process.new_token()
    path = receiver_process.receiver(space, "events", "generic-hmac", token, **IMAGE_OF_EVENT)
    return Hook(space, hooks.url + path, token)


@pytest.fixture
def image(space: Space, parts: Parts, open_registry: Pusher) -> str:
    """Return an image that is scanned once an hour, with a policy on it."""
    name = f"{parts.open_registry}/{space.name}/app"
    open_registry.push_tags(f"{space.name}/app", ["1.0.0"])
    image_repository(space, "app", name)
    semver_policy(space, "app")
    space.wait_ready("ImagePolicy", "app", message="1.0.0")
    return name


def test_an_event_reaches_the_policy(hook: Hook, image: str, open_registry: Pusher) -> None:
    space = hook.space
    open_registry.push(f"{space.name}/app", "1.0.1")
    answer = hook.call({"image": image, "tag": "1.0.1"})
    assert (answer.status_code, answer.text) == (200, "Woken\n")
    annotations = hook.annotations()
    assert json.loads(annotations[PUSHED_TAGS]) == [{"tag": "1.0.1", "at": annotations[REQUESTED_AT]}]
    space.wait_ready("ImagePolicy", "app", message="1.0.1")
    open_registry.push(f"{space.name}/app", "1.0.2")
    assert hook.call({"image": image, "tag": ""}).status_code == 200  # without a tag: a scan
    space.wait_ready("ImagePolicy", "app", message="1.0.2")


def test_a_hundred_events_of_one_push_are_one_patch(
    hook: Hook, image: str, hooks: ReceiverProcess, open_registry: Pusher
) -> None:
    open_registry.push(f"{hook.space.name}/app", "1.0.1")
    before = metrics.total(hooks.metrics, "tagline_webhook_wakeups_total")
    for _ in range(100):
        assert hook.call({"image": image, "tag": "1.0.1"}).status_code == 200
    assert metrics.total(hooks.metrics, "tagline_webhook_wakeups_total") == before + 1
    hook.space.wait_ready("ImagePolicy", "app", message="1.0.1")


def big(hook: Hook) -> int:
    """Send 100 MiB, as far as they are taken."""
    parts = urlsplit(hook.url)
    with httpx.Client(trust_env=False) as client:
        try:
            return client.post(hook.url, content=b"a" * HUNDRED_MIB, headers=JSON).status_code
        except httpx.WriteError:  # closed before all was sent
            assert parts.hostname
            return 413


BAD: dict[str, tuple[Callable[[Hook, str], int], int, str]] = {
    "wrong-signature": (lambda hook, _: hook.call({}, token="another").status_code, 401, "InvalidSignature"),
    "no-signature": (lambda hook, _: post(hook.url, b"{}", JSON).status_code, 401, "MissingSignature"),
    "sha-1": (lambda hook, _: hook.call({}, **{"X-Signature": f"sha1={'0' * 40}"}).status_code, 401, "WeakSignature"),
    "no-json": (lambda hook, _: hook.call(b"{").status_code, 400, "InvalidPayload"),
    "100-mib": (lambda hook, _: big(hook), 413, ""),
    "no-value": (lambda hook, _: hook.call({"other": 1}).status_code, 400, "InvalidPayload"),
    "get": (lambda hook, _: httpx.get(hook.url, trust_env=False).status_code, 405, ""),
    "unknown-path": (lambda hook, _: post(hook.url[:-1], b"{}", JSON).status_code, 404, ""),
    "unknown-image": (lambda hook, image: hook.call({"image": f"{image}-other", "tag": "1"}).status_code, 200, ""),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_to_be_acted_on(hook: Hook, image: str, case: str) -> None:
    send, status, reason = BAD[case]
    assert send(hook, image) == status
    assert REQUESTED_AT not in hook.annotations()
    if reason:
        event = hook.space.wait_event("Receiver", "events", type="Warning", reason=reason, message="^a request was")
        assert event["source"]["component"] == "notification-controller"


def test_a_delivery_that_is_replayed_wakes_nothing(hook: Hook, image: str) -> None:
    assert hook.call({"image": image, "tag": "1.0.1"}, **{"X-Delivery-Id": "4711"}).text == "Woken\n"
    before = hook.annotations()[REQUESTED_AT]
    assert hook.call({"image": image, "tag": "1.0.1"}, **{"X-Delivery-Id": "4711"}).text == "Duplicate\n"
    assert hook.annotations()[REQUESTED_AT] == before


def test_ten_thousand_events_in_one_body(hooks: ReceiverProcess, space: Space, image: str) -> None:
    token = receiver_process.new_token()
    path = receiver_process.receiver(space, "images", "distribution", token)
    host, _, repository = image.partition("/")
    event = {"action": "push", "request": {"host": host}}
    events = [{**event, "target": {"repository": repository, "tag": f"v{number}"}} for number in range(10_000)]
    headers = {**JSON, "Authorization": f"Bearer {token}"}
    before = metrics.total(hooks.metrics, "tagline_webhook_wakeups_total")
    answer = post(hooks.url + path, json.dumps({"events": events}).encode(), headers)
    assert (answer.status_code, answer.text) == (200, "Woken\n")
    assert metrics.total(hooks.metrics, "tagline_webhook_wakeups_total") == before + 1
    answer = post(hooks.url + path, json.dumps({"events": [*events, event]}).encode(), headers)
    assert (answer.status_code, answer.text) == (413, "TooLarge\n")


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        pytest.param(
            {"resources": [{"kind": "ImageRepository", "name": "app", "namespace": "kube-system"}]},
            "AccessDenied",
            "'ImageRepository/kube-system/app', cross-namespace references have been blocked",
            id="other-namespace",
        ),
        pytest.param({"resourceFilter": "req."}, "InvalidCELExpression", "`req.` is invalid", id="expression"),
        pytest.param({"secretRef": {"name": "no-secret"}}, "TokenNotFound", "no-secret' does not exist", id="secret"),
    ],
)
def test_a_receiver_that_cannot_serve_says_why(
    hooks: ReceiverProcess, space: Space, spec: dict[str, Any], reason: str, message: str
) -> None:
    token = receiver_process.new_token()
    resources = [{"kind": "ImageRepository", "name": "*"}]
    space.apply("Secret", "hook", stringData={"token": token})
    space.apply("Receiver", "bad", {"type": "dockerhub", "secretRef": {"name": "hook"}, "resources": resources} | spec)
    space.wait_not_ready("Receiver", "bad", reason=reason, message=message)
    assert post(hooks.hook(token, "bad", space.name), b"{}", JSON).status_code in {404, 503}


def test_secrets_that_are_replaced_and_removed(hook: Hook, hooks: ReceiverProcess, image: str) -> None:
    space, old, new = hook.space, hook.token, receiver_process.new_token()
    space.apply("Secret", "events-hook", stringData={"token": new})
    assert hook.call({"image": image, "tag": "1"}).status_code == 404  # its path is that of the old token
    moved = Hook(space, hooks.hook(new, "events", space.name), new)
    assert moved.call({"image": image, "tag": "1"}, token=old).status_code == 401
    assert moved.call({"image": image, "tag": "1"}).text == "Woken\n"
    path = hook_path(new, "events", space.name)
    space.wait("Receiver", "events", lambda o: o["status"]["webhookPath"] == path, what="the new path in the status")
    space.delete("Secret", "events-hook")
    answer = moved.call({"image": image, "tag": "2"})
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "NotConfigured\n", "60")
    space.wait_event("Receiver", "events", type="Warning", reason="NotConfigured", message="does not exist")


def test_an_old_token_is_taken_for_the_overlap(hook: Hook, image: str) -> None:
    hook.space.patch("Receiver", "events", {"secretOverlap": "1h"})
    hook.space.wait_ready("Receiver", "events")
    assert hook.call({"image": image, "tag": "1"}).text == "Woken\n"
    hook.space.apply("Secret", "events-hook", stringData={"token": receiver_process.new_token()})
    assert hook.call({"image": image, "tag": "2"}).text == "Woken\n"


def test_a_suspended_receiver(hook: Hook, image: str) -> None:
    hook.space.patch("Receiver", "events", {"suspend": True})

    def answer() -> httpx.Response | None:
        found = hook.call({"image": image, "tag": "1"})
        return found if found.status_code == 503 else None

    suspended = eventually(answer, what="the answer of a suspended receiver")
    assert suspended
    assert (suspended.text, suspended.headers["Retry-After"]) == ("Suspended\n", "60")


class Link:
    """A way to the API server that can be cut, in a thread of its own."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        assert parts.hostname
        assert parts.port
        self._link = CuttableLink(parts.hostname, parts.port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._link.open(), self._loop).result()

    def cut(self) -> None:
        """Break all connections, and let no new one through."""
        self._link.refusing = True
        self._loop.call_soon_threadsafe(self._link.cut)

    def mend(self) -> None:
        """Let connections through."""
        self._link.refusing = False

    def close(self) -> None:
        """End the thread."""
        asyncio.run_coroutine_threadsafe(self._link.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def replica(cluster: Parts, folder: Path, server: str, *flags: str) -> Iterator[ReceiverProcess]:
    """Run a receiver beside the others, by this way to the API server."""
    folder.mkdir()
    _, authority = local_controllers.cluster_server(cluster.kubectl)
    config = local_controllers.write_account_kubeconfig(
        cluster.kubectl, "receiver", folder, server=server, authority=authority
    )
    (port,) = process.free_ports(1)
    started = Controllers(folder, {"receiver": config}, (f"--receiverAddr={process.LOOPBACK}:{port}", *flags))
    started.start("receiver")
    try:
        yield ReceiverProcess(port, started)
    finally:
        started.stop()


def test_an_api_server_that_is_away(cluster: Parts, hook: Hook, image: str, tmp_path: Path) -> None:
    server, _ = local_controllers.cluster_server(cluster.kubectl)
    link = Link(server)
    try:
        with replica(cluster, tmp_path / "away", f"https://{process.LOOPBACK}:{link.port}") as other:
            there = Hook(hook.space, other.url + urlsplit(hook.url).path, hook.token)
            assert there.call({"image": image, "tag": "1"}).text == "Woken\n"
            link.cut()
            began = time.monotonic()
            answer = there.call({"image": image, "tag": "2"})
            assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "ApiUnavailable\n", "5")
            assert time.monotonic() - began < 25
            link.mend()

            def woken() -> bool:
                return there.call({"image": image, "tag": "2"}).status_code == 200

            eventually(woken, what="the wake-up after the outage")
            assert '"2"' in hook.annotations()[PUSHED_TAGS]
    finally:
        link.close()


def test_two_replicas_serve_though_one_leads(cluster: Parts, hook: Hook, image: str, tmp_path: Path) -> None:
    server, _ = local_controllers.cluster_server(cluster.kubectl)
    path = urlsplit(hook.url).path
    with (
        replica(cluster, tmp_path / "first", server, "--enable-leader-election") as first,
        replica(cluster, tmp_path / "second", server, "--enable-leader-election") as second,
    ):
        leads = [metrics.total(each.metrics, "leader_election_master_status") for each in (first, second)]
        assert sorted(leads) == [0, 1]
        for number, each in enumerate((first, second)):
            there = Hook(hook.space, each.url + path, hook.token)
            assert there.call({"image": image, "tag": f"1.0.{number}"}).text == "Woken\n"
        first.controllers.stop(kill=True)
        assert Hook(hook.space, second.url + path, hook.token).call({"image": image, "tag": "3"}).status_code == 200
    assert [pushed["tag"] for pushed in json.loads(hook.annotations()[PUSHED_TAGS])][-1] == "3"
