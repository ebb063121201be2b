"""`controllers.receiver`: a body that may take long is not judged on the event loop, however small it arrives."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from controllers.receiver.service import HookService
from controllers.webhooks.limits import MAX_BODY_BYTES
from testing.receiver_harness import TOKEN, hub, receiving


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the owners of the requests that were judged in a thread."""
    found: list[str] = []
    run = HookService._run

    async def counted(self: HookService, owner: str, work: Callable[[], Any]) -> Any:
        found.append(owner)
        return await run(self, owner, work)

    monkeypatch.setattr(HookService, "_run", counted)
    return found


async def test_a_compressed_body_is_judged_in_a_thread(in_threads: list[str]) -> None:
    async with receiving() as harness:
        path = harness.put_receiver()
        await harness.ready()
        plain = await harness.ask(path, hub("1.0"))
        assert (plain.status, in_threads) == (200, [])
        body = gzip.compress(json.dumps(hub("1.1")).encode())
        packed = await harness.ask(path, body, "Content-Encoding: gzip")
        assert (packed.status, in_threads) == (200, ["apps"])
        assert harness.woken() is not None
        bomb = await harness.ask(path, gzip.compress(bytes(4 * MAX_BODY_BYTES)), "Content-Encoding: gzip")
        assert bomb.status == 413
        unknown = await harness.ask(path, body, "Content-Encoding: br")
        assert (unknown.status, unknown.reason) == (415, "UnsupportedEncoding")


@pytest.mark.parametrize("type", ["distribution", "harbor", "quay"])
async def test_a_small_body_of_thousands_of_items_is_judged_in_a_thread(type: str, in_threads: list[str]) -> None:
    empty = ",".join(["{}"] * 9_000)
    tags = ",".join(f'"{number}"' for number in range(4_000))
    body = {
        "distribution": f'{{"events":[{empty}]}}',
        "harbor": f"[{empty}]",
        "quay": f'{{"docker_url":"quay.io/a/b","updated_tags":[{tags}]}}',
    }[type].encode()
    async with receiving() as harness:
        path = harness.put_receiver(type=type)
        await harness.ready()
        answer = await harness.ask(path, body, f"Authorization: {TOKEN.decode()}")
        assert (answer.status, len(body) < 32 << 10) == (200, True)
        assert in_threads == ["apps"] * (3 if type == "quay" else 1)  # which alone leaves thousands of events to match
