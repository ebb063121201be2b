"""Receivers that name ImageUpdateAutomations: what a forge says of code wakes them, if the process may do so."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from api.names import IMAGE_UPDATE_AUTOMATIONS, REQUESTED_AT
from controllers.receiver import service
from controllers.receiver.automations import choose_automations
from controllers.receiver.repositories import choose
from testing.receiver_harness import ReceiverHarness, receiving, signature

ALL = [{"kind": "ImageUpdateAutomation", "name": "*"}]
BOTH = [*ALL, {"kind": "ImageRepository", "name": "*"}]
MERGED = {"action": "closed", "pull_request": {"merged": True}}


def put(
    world: ReceiverHarness, name: str = "fleet", *, namespace: str = "apps", labels: Any = None, **spec: Any
) -> None:
    meta = {"name": name, "namespace": namespace, "labels": labels or {}}
    world.api.put(IMAGE_UPDATE_AUTOMATIONS, {"metadata": meta, "spec": {"interval": "1h", **spec}})


def is_woken(world: ReceiverHarness, name: str = "fleet", *, namespace: str = "apps") -> bool:
    found = world.api.get(IMAGE_UPDATE_AUTOMATIONS, namespace, name)
    assert found is not None
    return REQUESTED_AT in found["metadata"].get("annotations", {})


async def serve(world: ReceiverHarness, **spec: Any) -> str:
    path = world.put_receiver(**{"type": "github", "resources": ALL, **spec})
    await world.ready()
    return path


async def tell(world: ReceiverHarness, path: str, payload: Any, event: str = "pull_request") -> tuple[int, str]:
    body = json.dumps(payload).encode()
    reply = await world.ask(
        path, body, f"X-GitHub-Event: {event}", signature(body).replace("X-Signature", "X-Hub-Signature-256")
    )
    return reply.status, reply.reason


async def test_a_merged_pull_request_wakes_the_automations_that_are_listed() -> None:
    async with receiving("--wake-automations") as world:
        put(world)
        put(world, "resting", suspend=True)
        put(world, "elsewhere", namespace="elsewhere")
        path = await serve(world, resources=BOTH)
        assert await tell(world, path, MERGED) == (200, "Woken")
        woken = [is_woken(world), is_woken(world, "resting"), is_woken(world, "elsewhere", namespace="elsewhere")]
        assert woken == [True, False, False]
        assert world.woken() is None, "no image was pushed"


async def test_what_changes_no_code_wakes_no_automation() -> None:
    async with receiving("--wake-automations") as world:
        put(world)
        path = await serve(world, resources=BOTH)
        for payload, event in (({"action": "labeled"}, "pull_request"), ({"zen": ""}, "ping"), ({}, "issues")):
            assert await tell(world, path, payload, event) == (200, "NothingToWake")
        assert not is_woken(world)


async def test_events_labels_and_filters_restrict_them() -> None:
    async with receiving("--wake-automations") as world:
        put(world, labels={"team": "a"})
        put(world, "other", labels={"team": "b"})
        mine = {"kind": "ImageUpdateAutomation", "name": "*", "matchLabels": {"team": "a"}}
        path = await serve(world, resources=[mine], events=["pull_request"], resourceFilter="req.action == 'closed'")
        assert await tell(world, path, {"ref": "refs/heads/x"}, "push") == (200, "NothingToWake")
        assert await tell(world, path, {"action": "opened"}) == (200, "NothingToWake")
        assert await tell(world, path, MERGED) == (200, "Woken")
        assert [is_woken(world), is_woken(world, "other")] == [True, False]


async def test_other_namespaces_are_as_for_images() -> None:
    other = [{"kind": "ImageUpdateAutomation", "name": "fleet", "namespace": "elsewhere"}]
    async with receiving("--wake-automations", "--no-cross-namespace-refs") as world:
        world.put_receiver(type="github", resources=other)
        message = await world.not_ready("AccessDenied")
        assert message.startswith("cannot access 'ImageUpdateAutomation/elsewhere/fleet'")
    async with receiving("--wake-automations") as world:
        put(world, namespace="elsewhere")
        assert await tell(world, await serve(world, resources=other), MERGED) == (200, "Woken")
        assert is_woken(world, namespace="elsewhere")


async def test_a_generic_hook_wakes_all_that_its_receiver_lists() -> None:
    async with receiving("--wake-automations") as world:
        put(world)
        path = await serve(world, type="generic-hmac", resources=BOTH)
        body = b"{}"
        assert (await world.ask(path, body, signature(body))).reason == "Woken"
        assert (is_woken(world), world.woken()) == (True, [])


async def test_without_the_flag_automations_are_neither_read_nor_woken_and_that_is_said() -> None:
    async with receiving() as world:
        put(world)
        path = await serve(world)
        assert "ImageUpdateAutomation are not woken" in (await world.ready())["message"]
        assert "receiver-automations" in (await world.ready())["message"]
        assert await tell(world, path, MERGED) == (200, "NothingToWake")
        assert not is_woken(world)
        assert not [one for one in world.api.requests if "imageupdateautomations" in one.path]


@pytest.mark.parametrize("type", ["gitlab", "gitea", "bitbucket"])
async def test_receivers_of_each_forge_are_served(type: str) -> None:
    async with receiving("--wake-automations") as world:
        await serve(world, type=type)
        assert "not woken" not in (await world.ready())["message"]


async def test_of_a_namespace_only_what_is_named_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(of: Callable[..., Any]) -> Callable[..., Any]:
        def counting(verdict: Any, objects: Any, *args: Any, **named: Any) -> Any:
            seen.append(len(objects))
            return of(verdict, objects, *args, **named)

        return counting

    monkeypatch.setattr(service, "choose", counted(choose))
    monkeypatch.setattr(service, "choose_automations", counted(choose_automations))
    async with receiving("--wake-automations") as world:
        for number in range(50):
            put(world, f"other-{number}")
            world.put_repository(f"other-{number}")
        put(world)
        named = [{"kind": "ImageUpdateAutomation", "name": "fleet"}, {"kind": "ImageRepository", "name": "app"}]
        path = await serve(world, type="generic-hmac", resources=named)
        assert (await world.ask(path, b"{}", signature(b"{}"))).reason == "Woken"
        assert (is_woken(world), is_woken(world, "other-0")) == (True, False)
        assert (world.woken(), world.woken("other-0")) == ([], None)
    assert seen == [1, 1]
