import asyncio
from typing import Any

import pytest

from api.names import SECRETS
from api.receiver import OIDCProvider, OIDCValidation, Receiver
from controllers.receiver.plan import make_plan
from controllers.receiver.secrets import SecretReader, Secrets, SecretUnusable
from controllers.runtime.kube.errors import Forbidden
from controllers.webhooks.hook_path import hook_path
from testing.builders import secret
from testing.clock import VirtualClock
from testing.kube import FakeKube
from testing.receivers import receiver

GET = "get secrets apps/token"


class World:
    """A reader with one Secret."""

    def __init__(self) -> None:
        self.kube, self.clock = FakeKube(), VirtualClock()
        self.read_paths: list[tuple[str, ...]] = []
        self.reader = SecretReader(self.kube, self.clock, on_read=self._note)
        self.replace(token=b"first")

    def _note(self, _: Receiver, secrets: Secrets) -> None:
        self.read_paths.append(secrets.paths)

    def replace(self, **data: Any) -> None:
        self.kube.put(SECRETS.plural, secret("token", **data))

    async def read(self, **spec: Any) -> list[bytes]:
        """Return the tokens that are taken, the present one first."""
        made = receiver(**spec)
        task = asyncio.create_task(self.reader.read(made, make_plan(made, allows_others=True)))
        await self.clock.advance(1)
        return [data["token"] for data in (await task).data]


@pytest.fixture
def world() -> World:
    return World()


async def test_a_replaced_token_counts_at_once_and_the_old_one_not_at_all(world: World) -> None:
    assert await world.read() == [b"first"]
    world.replace(token=b"second")
    assert await world.read() == [b"second"]
    assert world.read_paths == [(hook_path("first", "hub", "apps"),), (hook_path("second", "hub", "apps"),)]


async def test_an_old_token_is_taken_for_the_overlap(world: World) -> None:
    await world.read(secret_overlap="10m")
    world.replace(token=b"second")
    assert await world.read(secret_overlap="10m") == [b"second", b"first"]
    await world.clock.advance(595)
    assert await world.read(secret_overlap="10m") == [b"second", b"first"]
    await world.clock.advance(10)
    assert await world.read(secret_overlap="10m") == [b"second"]


async def test_a_token_that_comes_back_is_the_present_one_alone(world: World) -> None:
    await world.read(secret_overlap="1h")
    world.replace(token=b"second")
    await world.read(secret_overlap="1h")
    world.replace(token=b"first")
    assert await world.read(secret_overlap="1h") == [b"first", b"second"]


async def test_no_more_than_a_few_old_tokens_are_kept(world: World) -> None:
    for number in range(10):
        world.replace(token=str(number).encode())
        found = await world.read(secret_overlap="1h")
    assert found == [b"9", b"8", b"7", b"6", b"5"]


async def test_a_secret_that_was_deleted_ends_the_old_ones_too(world: World) -> None:
    await world.read(secret_overlap="1h")
    world.kube.remove(SECRETS.plural, "apps", "token")
    with pytest.raises(SecretUnusable, match="the secret 'apps/token' does not exist"):
        await world.read(secret_overlap="1h")
    world.replace(token=b"second")
    assert await world.read(secret_overlap="1h") == [b"second"]


@pytest.mark.parametrize(
    ("data", "type", "lacking"),
    [
        pytest.param({}, "dockerhub", "token", id="no-token"),
        pytest.param({"token": b""}, "dockerhub", "token", id="empty-token"),
        pytest.param({"token": b"\n"}, "dockerhub", "token", id="token-of-a-line-end"),
        pytest.param({"token": b"a", "audience": b"b"}, "gcr", "email", id="google-without-email"),
        pytest.param({"token": b"a", "email": b"b"}, "gcr", "audience", id="google-without-audience"),
    ],
)
async def test_a_secret_without_what_its_type_needs(
    world: World, data: dict[str, bytes], type: str, lacking: str
) -> None:
    world.replace(**data)
    with pytest.raises(SecretUnusable, match=f"has no `{lacking}`"):
        await world.read(type=type)


async def test_requests_at_the_same_time_are_few_reads_none_older_than_the_request(world: World) -> None:
    made = receiver()
    plan = make_plan(made, allows_others=True)
    await world.reader.read(made, plan)
    waiting = [asyncio.create_task(world.reader.read(made, plan)) for _ in range(100)]
    await world.clock.advance(0.01)
    world.replace(token=b"second")
    await world.clock.advance(0.1)
    assert {found.data[0]["token"] for found in await asyncio.gather(*waiting)} == {b"second"}
    assert world.kube.requests.count(GET) == 2


async def test_what_the_api_refuses_is_not_taken_for_missing(world: World) -> None:
    world.kube.forbid(GET)
    with pytest.raises(Forbidden):
        await world.read()


PROVIDER = OIDCProvider(issuer_url="https://i.example.com", validations=(OIDCValidation(expression="true"),))


@pytest.mark.parametrize("spec", [{"secret_ref": None}, {}], ids=["none", "one-that-has-no-meaning"])
async def test_a_receiver_without_a_secret_has_the_path_of_an_empty_token(world: World, spec: dict[str, Any]) -> None:
    made = receiver(type="generic-oidc", oidc_providers=(PROVIDER,), **spec)
    found = await world.reader.read(made, make_plan(made, allows_others=True))
    assert found.paths == (hook_path("", "hub", "apps"),)


@pytest.mark.parametrize("providers", [(), (PROVIDER,)], ids=["", "with-providers-of-another-type"])
async def test_nobody_is_let_in_by_a_path_that_everybody_can_compute(
    world: World, providers: tuple[OIDCProvider, ...]
) -> None:
    with pytest.raises(SecretUnusable, match=r"there is no spec\.secretRef"):
        await world.read(type="dockerhub", secret_ref=None, oidc_providers=providers)
    world.replace(username=b"x")
    with pytest.raises(SecretUnusable, match="has no `token`"):
        await world.read(type="dockerhub", oidc_providers=providers)
    assert world.read_paths == []


async def test_nothing_of_a_secret_is_in_a_repr(world: World) -> None:
    made = receiver(secret_overlap="1h")
    plan = make_plan(made, allows_others=True)
    await world.reader.read(made, plan)
    world.replace(token=b"second")
    await world.clock.advance(1)
    found = await world.reader.read(made, plan)
    shown = repr(found) + repr(world.reader._held)
    assert not [word for word in ("first", "second", *found.paths) if word in shown]


async def test_a_line_end_behind_a_token_makes_the_path_of_flux_and_the_one_without_it(world: World) -> None:
    world.replace(token=b"a long text\n")
    assert await world.read() == [b"a long text\n"]
    assert world.read_paths == [(hook_path("a long text\n", "hub", "apps"), hook_path("a long text", "hub", "apps"))]
