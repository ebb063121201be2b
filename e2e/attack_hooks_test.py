"""`controllers.receiver`: strangers send junk to the port of hooks, and no wake-up is lost.

E2E_HOOK_SECONDS, E2E_HOOK_JUNK and E2E_HOOK_VALID say for how long, and how many requests a second.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.names import PUSHED_TAGS
from controllers.receiver.waker import SAME_DIGEST_FOR
from e2e import metrics, receiver_process
from e2e.attacked import Attack
from e2e.cluster import Space
from e2e.conftest import Parts
from e2e.objects import image_repository
from e2e.receiver_process import ReceiverProcess
from e2e.running import Running
from hack.attacks.__main__ import DETAIL
from hack.controllers import ROOT
from hack.oci import Pusher

SECONDS = float(os.environ.get("E2E_HOOK_SECONDS", "5"))
JUNK = float(os.environ.get("E2E_HOOK_JUNK", "500"))
VALID = float(os.environ.get("E2E_HOOK_VALID", "50"))
IMAGES = 10
WAKEUPS = "tagline_webhook_wakeups_total"
CPU = "process_cpu_seconds_total"
P99_SECONDS = 10.0
RSS_MIB = 256


@pytest.fixture
def hooks(
    cluster: Parts, any_controllers: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReceiverProcess]:
    with receiver_process.running(cluster, tmp_path_factory.mktemp("receiver")) as started:
        yield started


def send(hooks: ReceiverProcess, path: str, token: str, images: list[str], folder: Path) -> dict[str, Any]:
    """Send junk and valid requests; return what became of them."""
    (folder / "token").write_text(token)
    (folder / "images").write_text("\n".join(images))
    command: list[str | Path] = [
        sys.executable, "-m", "hack.attacks.hooks", hooks.url, "--hook", path, "--token-file", folder / "token",
        "--images", folder / "images", f"--junk={JUNK}", f"--valid={VALID}", f"--seconds={SECONDS}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def described(found: dict[str, Any], *, seconds: float, cpu: float) -> str:
    """Return in a line what was sent, how fast it was answered, and what that cost."""
    total = sum(sum(kind["answers"].values()) for kind in found.values())
    kinds = "; ".join(f"{kind}: p99 {of['p99_ms']:.0f} ms, {of['answers']}" for kind, of in found.items())
    rate = f"{total / seconds:.0f} requests a second for {seconds:.0f} s, {cpu / total * 1000:.2f} ms of CPU each"
    return f"{rate}; {kinds}"


def test_junk_loses_no_wake_up_and_a_push_that_is_announced_often_is_one_patch(
    hooks: ReceiverProcess,
    space: Space,
    parts: Parts,
    open_registry: Pusher,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    names = [f"app-{number}" for number in range(IMAGES)]
    images = [f"{parts.open_registry}/{space.name}/{name}" for name in names]
    for name, image in zip(names, images, strict=True):
        open_registry.push_tags(f"{space.name}/{name}", ["1.0.0"])
        image_repository(space, name, image)
    for name in names:
        space.wait_ready("ImageRepository", name)
    token = receiver_process.new_token()
    path = receiver_process.receiver(space, "events", "generic-hmac", token, image="req.image", tag="req.tag")
    before, began = metrics.total(hooks.metrics, WAKEUPS), time.monotonic()
    cpu = metrics.total(hooks.metrics, CPU)
    with Attack(hooks.controllers, record_property).watch(bound=P99_SECONDS) as seen:
        found = send(hooks, path, token, images, tmp_path)
        seen.waited = found["valid"]["p99_ms"] / 1000
    seconds, cpu = time.monotonic() - began, metrics.total(hooks.metrics, CPU) - cpu
    record_property(DETAIL, described(found, seconds=seconds, cpu=cpu))
    assert found["valid"]["answers"].keys() == {"200 Woken"}
    assert sum(found["valid"]["answers"].values()) >= IMAGES, "each image was announced"
    assert found["junk"]["answers"].keys() & {"404 NotFound", "429 SourceRate", "401 InvalidSignature"}
    windows = 1 + (time.monotonic() - began) // SAME_DIGEST_FOR.total_seconds()
    assert IMAGES <= metrics.total(hooks.metrics, WAKEUPS) - before <= IMAGES * windows
    for name in names:
        annotations = space.get("ImageRepository", name)["metadata"]["annotations"]
        assert [pushed["tag"] for pushed in json.loads(annotations[PUSHED_TAGS])] == ["1.0.1"]
    assert max(seen.rss_mib.values()) < RSS_MIB
