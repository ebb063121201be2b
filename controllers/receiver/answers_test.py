"""`controllers.receiver`: what senders are answered, and what that wakes, on a process with its real port."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.names import IMAGE_REPOSITORIES, PUSHED_TAGS, RECEIVERS, REQUESTED_AT, SECRETS
from api.receiver import Receiver
from controllers.receiver import hooks, service
from controllers.receiver.repositories import choose
from controllers.runtime.reconcile.leader import LEASES
from controllers.webhooks.hook_path import hook_path
from controllers.webhooks.judge import judge
from controllers.webhooks.request import Request
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Accepted, Refused
from testing.apiserver import ScriptedServer
from testing.hook_client import ask, post
from testing.receiver_harness import TEST_TIMEOUT_SECONDS, TOKEN, ReceiverHarness, hub, receiving, signature
from testing.scripted_answers import fail

GENERIC = {"type": "generic-hmac"}
EMPTY = b"{}"


@pytest.fixture
async def world() -> AsyncIterator[ReceiverHarness]:
    async with receiving() as harness:
        yield harness


async def serve(world: ReceiverHarness, **spec: Any) -> str:
    """Return the path of a Receiver that is ready."""
    path = world.put_receiver(**spec)
    await world.ready()
    assert world.status()["webhookPath"] == path
    return path


async def test_a_push_wakes_its_image_and_no_other(world: ReceiverHarness) -> None:
    world.put_repository("other", "docker.io/org/other")
    world.put_repository("elsewhere", "docker.io/org/app", namespace="elsewhere")
    world.put_repository("resting", "docker.io/org/app", suspend=True)
    path = await serve(world)
    reply = await world.ask(path, hub("1.1"))
    assert (reply.status, reply.reason) == (200, "Woken")
    assert world.woken() == ["1.1"]
    assert [world.woken("other"), world.woken("resting")] == [None, None]
    assert world.woken("elsewhere", namespace="elsewhere") is None
    assert world.count(type="dockerhub", code="200", reason="Woken") == 1


async def test_a_hook_is_served_before_its_status_says_where_it_is() -> None:
    async with ScriptedServer() as api:
        world = ReceiverHarness(api, "--enable-leader-election")
        held = {"holderIdentity": "another", "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z"}

        api.put(
            LEASES, {"metadata": {"name": "receiver-controller-leader-election", "namespace": "system"}, "spec": held}
        )
        world.put_secret()
        world.put_repository()
        path = world.put_receiver()
        await world.wait_until(lambda: world.serving.is_working)
        reply = await world.ask(path, hub())
        assert (reply.status, reply.reason) == (200, "Woken")  # by a standby, too
        assert world.status() == {}
        await world.stop()


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        pytest.param(EMPTY, (), (401, "MissingSignature"), id="no-signature"),
        pytest.param(EMPTY, (signature(b"{ }"),), (401, "InvalidSignature"), id="signature-of-another-body"),
        pytest.param(EMPTY, (signature(EMPTY, b"x"),), (401, "InvalidSignature"), id="signature-by-another-key"),
        pytest.param(EMPTY, (f"X-Signature: sha1={'0' * 40}",), (401, "WeakSignature"), id="sha-1"),
        pytest.param(EMPTY, (signature(EMPTY), "X-Signature: a"), (400, "InvalidPayload"), id="two-signatures"),
        pytest.param(b"{", (signature(b"{"),), (400, "InvalidPayload"), id="no-json"),
        pytest.param(b"[" * 5000, (signature(b"[" * 5000),), (413, "TooLarge"), id="deep"),
        pytest.param(EMPTY, (signature(EMPTY),), (200, "Woken"), id="all-well"),
    ],
)
async def test_a_request_is_judged(
    world: ReceiverHarness, body: bytes, headers: tuple[str, ...], expected: tuple[int, str]
) -> None:
    path = await serve(world, **GENERIC)
    reply = await world.ask(path, body, *headers)
    assert (reply.status, reply.reason) == expected
    assert world.count(type="generic-hmac", code=str(expected[0]), reason=expected[1]) == 1
    assert (world.woken() is not None) == (expected[0] == 200)


async def test_what_is_no_push_is_fine_and_wakes_nothing(world: ReceiverHarness) -> None:
    path = await serve(world)
    assert (await world.ask(path, hub(repository="org/unknown"))).reason == "NothingToWake"
    harbor = world.put_receiver("harbor", type="harbor")
    await world.ready("harbor")
    authorization = f"Authorization: {TOKEN.decode()}"
    for kind in ("DELETE_ARTIFACT", "SCANNING_COMPLETED", "TEST_ENDPOINT"):
        reply = await world.ask(harbor, {"type": kind, "event_data": {}}, authorization)
        assert (reply.status, reply.reason) == (200, "NothingToWake")
    assert world.woken() is None


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
async def test_hooks_are_called_with_post(world: ReceiverHarness, method: str) -> None:
    path = await serve(world)

    for target in (path, "/nowhere"):
        reply = await ask(world.port, f"{method} {target} HTTP/1.0\r\n\r\n".encode())
        assert (reply.status, reply.header("Allow")) == (405, "POST")


@pytest.mark.parametrize("suffix", ["x", "/", "%20", "/..", ";a"])
async def test_a_path_is_right_or_unknown(world: ReceiverHarness, suffix: str) -> None:
    path = await serve(world)
    for wrong in (path + suffix, path[:-1], path.upper(), path.replace("/hook", "//hook"), "/hook/" + "0" * 64):
        reply = await world.ask(wrong, hub())
        assert (reply.status, reply.reason) == (404, "NotFound")
    assert world.woken() is None
    assert world.count(type="none", code="404", reason="NotFound") == 5


async def test_without_receivers_every_path_is_unknown(world: ReceiverHarness) -> None:
    assert (await world.ask("/hook/" + "0" * 64, hub())).status == 404


async def test_an_unknown_path_costs_what_a_wrong_signature_costs(
    world: ReceiverHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await serve(world, **GENERIC)
    unknown = "/hook/" + "0" * 64
    body = b"x" * 500_000
    taken: dict[str, list[float]] = {path: [], unknown: []}
    reads: dict[str, int] = dict.fromkeys(taken, 0)
    judged: list[str] = []

    def judge_and_count(request: Request, settings: Settings) -> Accepted | Refused:
        judged.append(request.path)
        return judge(request, settings)

    monkeypatch.setattr(service, "judge", judge_and_count)
    for _ in range(20):
        for place, times in taken.items():
            await asyncio.sleep(0.03)  # beyond the distance that reads of a Secret keep
            before, began = world.api.count("get"), time.process_time()
            await world.ask(place, body, signature(body, b"wrong"))
            times.append(time.process_time() - began)
            reads[place] += world.api.count("get") - before
    # A few more are of the process itself, which looks at a new Receiver by and by.
    assert all(20 <= count <= 23 for count in reads.values()), reads
    assert judged.count(path) == judged.count(unknown) == 20
    medians = {place: sorted(times)[10] for place, times in taken.items()}
    assert 0.3 < medians[path] / medians[unknown] < 3


async def test_unknown_paths_take_no_threads_of_those_who_have_hooks(
    world: ReceiverHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for namespace in ("apps", "b", "c"):
        world.put_secret(namespace=namespace)
        path = world.put_receiver(namespace=namespace, type="generic", filter="true")
        await world.wait_until(lambda namespace=namespace: world.status(namespace=namespace).get("webhookPath"))
    gate, held = threading.Event(), list[str]()

    def judge_slowly(request: Request, settings: Settings) -> Accepted | Refused:
        if request.path != path:
            held.append(request.path)
            gate.wait(TEST_TIMEOUT_SECONDS)
        return judge(request, settings)

    monkeypatch.setattr(service, "judge", judge_slowly)
    monkeypatch.setattr(hooks, "TURN_SECONDS", 1e-6)  # each stands in for some
    strangers = [asyncio.create_task(world.ask("/hook/" + "0" * 64, {})) for _ in range(24)]
    try:
        await world.wait_until(lambda: held and world.serving._server.answering_count == len(strangers))
        for _ in range(5):  # while the Secrets of those that stand in are read
            async with asyncio.timeout(TEST_TIMEOUT_SECONDS / 2):
                assert (await world.ask(path, {})).status == 200
    finally:
        gate.set()
        assert {reply.status for reply in await asyncio.gather(*strangers)} == {404}
    assert len(held) == len(strangers)


async def test_a_suspended_receiver_is_away_to_those_who_know_it(world: ReceiverHarness) -> None:
    path = await serve(world)
    world.put_receiver(suspend=True)
    await world.wait_until(lambda: world.status().get("observedGeneration") == 2)
    reply = await world.ask(path, hub())
    assert (reply.status, reply.reason, reply.header("Retry-After")) == (503, "Suspended", "60")
    assert (await world.ask("/hook/" + "0" * 64, hub())).status == 404
    assert world.woken() is None
    world.put_receiver()
    await world.wait_until(lambda: world.status().get("observedGeneration") == 3)
    assert (await world.ask(path, hub())).status == 200


async def test_a_replaced_token_counts_at_the_next_request(world: ReceiverHarness) -> None:
    old = await serve(world)
    world.put_secret(token=b"second")
    assert (await world.ask(old, hub())).status == 404
    await world.wait_until(lambda: world.status()["webhookPath"] != old)
    assert (await world.ask(world.status()["webhookPath"], hub())).status == 200
    world.put_secret(token=b"third")

    assert (await world.ask(hook_path(b"third", "hub", "apps"), hub("2"))).status == 200  # nobody has asked before


async def test_an_old_token_is_taken_for_the_overlap(world: ReceiverHarness) -> None:
    old = await serve(world, secretOverlap="1h", **GENERIC)
    await world.wait_until(lambda: world.api.count("get") >= 2)
    world.put_secret(token=b"second")
    assert (await world.ask(old, EMPTY, signature(EMPTY))).status == 200
    assert (await world.ask(old, EMPTY, signature(EMPTY, b"second"))).status == 200
    assert (await world.ask(old, EMPTY, signature(EMPTY, b"third"))).status == 401


async def test_a_secret_that_is_missing(world: ReceiverHarness) -> None:
    path = await serve(world)
    world.api.remove(SECRETS, "apps", "token")
    reply = await world.ask(path, hub())
    assert (reply.status, reply.reason) == (503, "NotConfigured")
    await world.wait_until(lambda: world.events("NotConfigured"))
    assert world.events("NotConfigured") == [
        "a request was answered with 503: the secret 'apps/token' does not exist: create it with a `token`"
    ]
    world.put_receiver("second", secretRef={"name": "missing"})
    assert "the secret 'apps/missing' does not exist" in await world.not_ready("TokenNotFound", "second")


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        pytest.param({"type": "sonar"}, "UnsupportedType", "the type sonar is not known", id="type"),
        pytest.param({"resourceFilter": "req."}, "InvalidCELExpression", "`req.` is invalid", id="filter"),
        pytest.param(
            {"resources": [{"kind": "ImageRepository", "name": "*", "filter": "1 +"}]},
            "InvalidCELExpression",
            "`1 +` is invalid",
            id="filter-of-an-item",
        ),
        pytest.param(
            {"type": "generic", "image": "a" * 2000}, "InvalidCELExpression", "may cost too much", id="costly"
        ),
        pytest.param({"interval": "soon"}, "InvalidDuration", "soon", id="interval"),
        pytest.param({"secretOverlap": "a day"}, "InvalidDuration", "a day", id="overlap"),
        *(
            pytest.param(
                {
                    "type": "generic-oidc",
                    "secretRef": None,
                    "oidcProviders": [{"issuerURL": url, "validations": [{"expression": "true", "message": "m"}]}],
                },
                "InvalidIssuer",
                f"{url} is not an https URL",
                id=f"issuer-{name}",
            )
            for name, url in (("http", "http://i.example.com"), ("port", "https://i.example.com:99999"))
        ),
    ],
)
async def test_a_spec_that_cannot_be_served(
    world: ReceiverHarness, spec: dict[str, Any], reason: str, message: str
) -> None:
    path = world.put_receiver(**spec)
    assert message in await world.not_ready(reason)
    assert world.status()["observedGeneration"] == 1
    world.put_receiver("well")
    await world.ready("well")
    assert (await world.ask(path, hub())).status in {404, 503}
    assert (await world.ask(world.status("well")["webhookPath"], hub())).status == 200


async def test_a_hook_that_has_become_unusable_says_so(world: ReceiverHarness) -> None:
    path = await serve(world)
    world.put_receiver(resourceFilter="req.")
    await world.not_ready("InvalidCELExpression")
    reply = await world.ask(path, hub())
    assert (reply.status, reply.reason, reply.header("Retry-After")) == (503, "NotConfigured", "60")


async def test_resources_that_are_not_ours_are_named_in_the_condition(world: ReceiverHarness) -> None:
    world.put_receiver(resources=[{"kind": "GitRepository", "name": "x"}, {"kind": "ImageRepository", "name": "app"}])
    message = (await world.ready())["message"]
    assert message.endswith("; resources of kind GitRepository are not woken: only ImageRepository is")


async def test_resources_of_other_namespaces() -> None:
    elsewhere = [{"kind": "ImageRepository", "name": "app", "namespace": "elsewhere"}]
    async with receiving() as world:
        world.put_repository("app", namespace="elsewhere")
        path = await serve(world, resources=elsewhere)
        assert (await world.ask(path, hub())).reason == "Woken"
        assert world.woken(namespace="elsewhere") == ["1.0"]
        assert world.woken() is None
    async with receiving("--no-cross-namespace-refs") as world:
        world.put_repository("app", namespace="elsewhere")
        path = world.put_receiver(resources=elsewhere)
        assert "cross-namespace references have been blocked" in await world.not_ready("AccessDenied")
        assert (await world.ask(path, hub())).status in {404, 503}
        assert world.woken(namespace="elsewhere") is None


@pytest.mark.parametrize(
    ("resource", "common", "woken"),
    [
        pytest.param({"matchLabels": {"team": "a"}}, "", True, id="labels"),
        pytest.param({"matchLabels": {"team": "b"}}, "", False, id="other-labels"),
        pytest.param({"filter": "res.metadata.annotations['stage'] == 'prod'"}, "", True, id="annotation"),
        pytest.param({"filter": "req.push_data.tag == '2.0'"}, "", False, id="false"),
        pytest.param({"filter": "req.missing.field == 1"}, "", False, id="no-value"),
        pytest.param({}, "req.push_data.tag.startsWith('1.')", True, id="common"),
        pytest.param({}, "has(res.metadata.annotations) && req.push_data.tag == '2'", False, id="common-false"),
    ],
)
async def test_filters(world: ReceiverHarness, resource: dict[str, Any], common: str, woken: bool) -> None:
    world.put_repository(metadata={"labels": {"team": "a"}, "annotations": {"stage": "prod"}})
    path = await serve(
        world,
        resources=[{"kind": "ImageRepository", "name": "*", **resource}],
        **({"resourceFilter": common} if common else {}),
    )
    reply = await world.ask(path, hub())
    assert (reply.status, reply.reason) == (200, "Woken" if woken else "NothingToWake")
    assert (world.woken() is not None) == woken


async def test_a_generic_hook_without_an_image_wakes_all_it_lists(world: ReceiverHarness) -> None:
    world.put_repository("other", "ghcr.io/org/other")
    path = await serve(world, type="generic")
    assert (await world.ask(path, {})).reason == "Woken"
    assert [world.woken(), world.woken("other")] == [[], []]


@pytest.mark.parametrize(("count", "beside"), [pytest.param(3, False, id="few"), pytest.param(5000, True, id="many")])
async def test_many_resources_are_looked_through_beside_the_event_loop(
    world: ReceiverHarness, monkeypatch: pytest.MonkeyPatch, count: int, beside: bool
) -> None:
    places: list[bool] = []

    def choose_and_note(*args: Any, **named: Any) -> Any:
        places.append(threading.current_thread() is not threading.main_thread())
        return choose(*args, **named)

    monkeypatch.setattr(service, "choose", choose_and_note)
    others = [{"kind": "ImageRepository", "name": f"other-{number}"} for number in range(count)]
    path = await serve(world, resources=[*others, {"kind": "ImageRepository", "name": "app"}])
    assert (await world.ask(path, hub())).reason == "Woken"
    assert places == [beside]


async def test_a_delivery_that_comes_twice_is_acted_on_once(world: ReceiverHarness) -> None:
    path = await serve(world, type="generic")
    first = await world.ask(path, {}, "X-Delivery-Id: 4711")
    patches = world.api.count("patch")
    copy = await world.ask(path, {}, "X-Delivery-Id: 4711")
    assert [(reply.status, reply.reason) for reply in (first, copy)] == [(200, "Woken"), (200, "Duplicate")]
    assert world.api.count("patch") == patches


async def test_a_delivery_that_woke_nothing_may_be_sent_again(world: ReceiverHarness) -> None:
    path = await serve(world, type="generic", resources=[{"kind": "ImageRepository", "name": "ap"}])
    assert (await world.ask(path, {}, "X-Delivery-Id: 4711")).reason == "NothingToWake"
    world.put_receiver(type="generic")
    await world.wait_until(lambda: world.status().get("observedGeneration") == 2)
    assert [(await world.ask(path, {}, "X-Delivery-Id: 4711")).reason for _ in range(2)] == ["Woken", "Duplicate"]


async def test_ten_thousand_events_in_one_body_are_one_patch_of_each_image(world: ReceiverHarness) -> None:
    world.put_secret(token=TOKEN)
    world.put_repository(image="registry.example.com/org/app0")
    path = await serve(world, type="distribution")
    before = world.api.count("patch")
    event = {"action": "push", "request": {"host": "registry.example.com"}}
    events = [
        {**event, "target": {"repository": f"org/app{number % 3}", "tag": f"v{number}"}} for number in range(10_000)
    ]
    reply = await world.ask(path, {"events": events}, f"Authorization: Bearer {TOKEN.decode()}")
    assert (reply.status, reply.reason) == (200, "Woken")
    assert world.api.count("patch") == before + 1
    assert world.woken() == []
    too_many = {"events": [*events, events[0]]}
    assert (await world.ask(path, too_many, f"Authorization: Bearer {TOKEN.decode()}")).status == 413


async def test_a_burst_is_one_patch(world: ReceiverHarness) -> None:
    path = await serve(world)
    before = world.api.count("patch")
    replies = await asyncio.gather(*(world.ask(path, hub("1.1")) for _ in range(100)))
    assert {reply.status for reply in replies} == {200}
    assert world.api.count("patch") == before + 1


async def test_an_api_server_that_is_away(world: ReceiverHarness) -> None:
    path = await serve(world)
    world.api.script("patch", *[fail(500)] * 5)
    reply = await world.ask(path, hub())
    assert (reply.status, reply.reason, reply.header("Retry-After")) == (503, "ApiUnavailable", "5")
    assert world.woken() is None
    assert (await world.ask(path, hub())).reason == "Woken"  # the sender tries again
    world.api.script("get", *[fail(500)] * 10)
    await asyncio.sleep(0.06)
    for place in (path, "/hook/" + "0" * 64):
        assert (await world.ask(place, hub())).reason == "ApiUnavailable"


async def test_rates_of_hooks_and_of_sources() -> None:
    async with receiving("--hook-rate=0.01", "--source-rate=0.01") as world:
        path = await serve(world)
        known = [await world.ask(path, hub()) for _ in range(3)]
        assert known[0].status == 200
        assert (known[-1].status, known[-1].reason, known[-1].header("Retry-After")) == (429, "HookRate", "1")
        unknown = [await world.ask("/hook/x", hub()) for _ in range(3)]
        assert unknown[0].status == 404
        assert (unknown[-1].status, unknown[-1].reason, unknown[-1].header("Retry-After")) == (429, "SourceRate", "5")


async def test_refusals_are_an_event_a_minute_for_each_reason(world: ReceiverHarness) -> None:
    path = await serve(world, **GENERIC)
    for _ in range(20):
        await world.ask(path, EMPTY, signature(EMPTY, b"wrong"))
    await world.ask(path, EMPTY)
    await world.wait_until(lambda: world.events("MissingSignature"))
    assert len(world.events("InvalidSignature")) == 1
    assert world.count(type="generic-hmac", code="401", reason="InvalidSignature") == 20


async def test_nothing_of_secrets_or_payloads_is_shown(
    world: ReceiverHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    path = await serve(world, **GENERIC)
    for body in (b'{"INNER-TEXT": 1}', b'"INNER-TEXT', b'{"a": "INNER-TEXT"'):
        await world.ask(path, body, signature(body), "X-Other: INNER-TEXT", "Authorization: Bearer INNER-TEXT")
        await world.ask(path, body, signature(body, b"wrong"))
        await world.ask("/hook/INNER-TEXT", body)
    world.put_secret(token=b"second secret")
    await world.ask(path, EMPTY)
    await world.wait_until(lambda: world.status()["webhookPath"] != path)
    shown = world.everything_shown() + caplog.text
    secret_words = ("INNER-TEXT", TOKEN.decode(), "second secret")
    assert [word for word in secret_words if word in shown] == []
    events = [request for request in world.api.requests if "/events" in request.path]
    assert events
    assert not [request for request in events if "/hook/" in request.body.decode()]
    assert "/hook/" not in caplog.text


async def test_receivers_come_and_go(world: ReceiverHarness) -> None:
    path = await serve(world)
    world.api.remove(RECEIVERS, "apps", "hub")
    await world.wait_until(lambda: not world.process.informer(RECEIVERS, into=Receiver).list())
    assert (await world.ask(path, hub())).status == 404


async def test_what_was_answered_is_in_the_api_when_the_process_ends(world: ReceiverHarness) -> None:
    path = await serve(world)
    asked = asyncio.create_task(world.ask(path, hub("9.9")))
    await asyncio.sleep(0.02)  # it is collecting
    assert await world.stop() == 0
    reply = await asked
    assert (reply.status == 200) == (world.woken() == ["9.9"])
    assert reply.status == 200


async def test_keys_of_annotations(world: ReceiverHarness) -> None:
    path = await serve(world)
    await world.ask(path, hub("1.1"))
    found = world.api.get(IMAGE_REPOSITORIES, "apps", "app")
    assert found
    annotations = found["metadata"]["annotations"]
    assert json.loads(annotations[PUSHED_TAGS]) == [{"tag": "1.1", "at": annotations[REQUESTED_AT]}]


async def test_senders_behind_a_trusted_proxy_have_rates_of_their_own() -> None:
    async with receiving("--hook-rate=1", "--trusted-proxies=127.0.0.1") as world:
        path = await serve(world)
        body = json.dumps(hub()).encode()
        requests = [post(path, body, (f"X-Forwarded-For: 203.0.113.{number}",)) for number in range(4)]
        assert [(await ask(world.port, request)).status for request in requests] == [200] * 4
