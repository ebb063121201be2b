"""The receiver as a process, on a scripted API server, asked over its real port."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import generate_latest

from api.names import IMAGE_REPOSITORIES, PUSHED_TAGS, RECEIVERS, REQUESTED_AT, SECRETS
from api.pushedtags import decode_pushed_tags
from controllers.receiver.__main__ import FLAGS, build_hooks
from controllers.runtime.process.flags import parse
from controllers.runtime.process.process import Process
from controllers.webhooks.hook_path import hook_path
from testing.apiserver import ScriptedServer
from testing.hook_client import Reply, ask, post

TEST_TIMEOUT_SECONDS = 10
TOKEN = b"correct horse"
IMAGE = "docker.io/org/app"


class ReceiverHarness:
    """A running process, and what senders do."""

    def __init__(self, api: ScriptedServer, *argv: str) -> None:
        self.api = api
        options = parse(
            ("--metrics-addr=", "--health-addr=", "--receiverAddr=127.0.0.1:0", "--drain-delay=0s", *argv), flags=FLAGS
        )
        self.process = Process(options, name="receiver", config=api.config, environ={"RUNTIME_NAMESPACE": "system"})
        self.serving = build_hooks(self.process)
        self.task = asyncio.create_task(self.process.run())

    @property
    def port(self) -> int:
        """The port of the hooks."""
        return self.serving.port

    async def wait_until(self, what: Any) -> None:
        """Return when `what()` holds."""
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while not what():  # noqa: ASYNC110 -- of the process, there is nothing to wait for
                await asyncio.sleep(0.005)

    async def stop(self) -> int:
        """End the process; return its exit status."""
        self.process.stop()
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            return await self.task

    async def ask(self, path: str, body: Any, *headers: str) -> Reply:
        """POST JSON, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await ask(self.port, post(path, data, headers))

    # Objects.

    def put_secret(self, name: str = "token", *, namespace: str = "apps", **data: bytes) -> None:
        """Create or replace a Secret."""
        encoded = {key: base64.b64encode(value).decode() for key, value in ({"token": TOKEN} | data).items()}
        self.api.put(SECRETS, {"metadata": {"name": name, "namespace": namespace}, "data": encoded})

    def put_receiver(self, name: str = "hub", *, namespace: str = "apps", **spec: Any) -> str:
        """Create or replace a Receiver for all images of its namespace; return the path of its hook."""
        body = {
            "type": "dockerhub",
            "secretRef": {"name": "token"},
            "resources": [{"kind": "ImageRepository", "name": "*"}],
            **spec,
        }
        body = {key: value for key, value in body.items() if value is not None}
        before = self.api.get(RECEIVERS, namespace, name)
        meta = {
            "name": name,
            "namespace": namespace,
            "generation": before["metadata"]["generation"] + 1 if before else 1,
        }
        status = {"status": before["status"]} if before and "status" in before else {}
        self.api.put(RECEIVERS, {"metadata": meta, "spec": body, **status})
        return hook_path(TOKEN if body.get("secretRef") else b"", name, namespace)

    def put_repository(self, name: str = "app", image: str = IMAGE, *, namespace: str = "apps", **more: Any) -> None:
        """Create or replace an ImageRepository."""
        meta = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
        self.api.put(IMAGE_REPOSITORIES, {"metadata": meta, "spec": {"image": image, "interval": "1h", **more}})

    def woken(self, name: str = "app", *, namespace: str = "apps") -> list[str] | None:
        """Return the tags that an ImageRepository was woken for; None where it was not woken."""
        found = self.api.get(IMAGE_REPOSITORIES, namespace, name)
        assert found is not None
        annotations = found["metadata"].get("annotations", {})
        if REQUESTED_AT not in annotations:
            return None
        return [pushed.tag for pushed in decode_pushed_tags(annotations.get(PUSHED_TAGS, ""))]

    def status(self, name: str = "hub", *, namespace: str = "apps") -> dict[str, Any]:
        """Return the status of a Receiver."""
        found = self.api.get(RECEIVERS, namespace, name)
        status: dict[str, Any] = found.get("status", {}) if found else {}
        return status

    def condition(self, name: str = "hub") -> dict[str, str]:
        """Return its condition Ready; empty where it has none."""
        conditions = self.status(name).get("conditions", [])
        return next((each for each in conditions if each["type"] == "Ready"), {})

    async def ready(self, name: str = "hub") -> dict[str, str]:
        """Return the condition Ready once it is True."""
        await self.wait_until(lambda: self.condition(name).get("status") == "True")
        return self.condition(name)

    async def not_ready(self, reason: str, name: str = "hub") -> str:
        """Return the message of the condition Ready once it is False for a reason."""
        await self.wait_until(lambda: self.condition(name).get("reason") == reason)
        return self.condition(name)["message"]

    def events(self, reason: str) -> list[str]:
        """Return the messages of the events that were created for a reason."""
        bodies = [
            request.json for request in self.api.requests if request.verb == "create" and "/events" in request.path
        ]
        return [body["message"] for body in bodies if body["reason"] == reason]

    def count(self, **labels: str) -> float:
        """Return how many requests were answered with these labels."""
        return self.process.metrics.registry.get_sample_value("tagline_webhook_requests_total", labels) or 0

    def everything_shown(self) -> str:
        """Return all that was written to the API server, and the metrics."""
        sent = [request.body.decode() for request in self.api.requests]
        return "\n".join(sent) + generate_latest(self.process.metrics.registry).decode()


@asynccontextmanager
async def receiving(*argv: str) -> AsyncIterator[ReceiverHarness]:
    """Run the process until left; when it is entered it serves, and there is a token."""
    async with ScriptedServer() as api:
        harness = ReceiverHarness(api, *argv)
        harness.put_secret()
        harness.put_repository()
        await harness.wait_until(lambda: harness.serving.is_working)
        try:
            yield harness
        finally:
            if not harness.task.done():
                await harness.stop()


def hub(tag: str = "1.0", repository: str = "org/app") -> dict[str, Any]:
    """Return the payload of Docker Hub for a push."""
    return {"push_data": {"tag": tag}, "repository": {"repo_name": repository}}


def signature(body: bytes, token: bytes = TOKEN) -> str:
    """Return the header of `generic-hmac`."""
    return f"X-Signature: sha256={hmac.digest(token, body, hashlib.sha256).hex()}"
