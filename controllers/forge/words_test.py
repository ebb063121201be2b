"""`controllers.forge`: errors say which forge it was, what was tried, what happened, and what to do next."""

import json
import re
from collections.abc import Callable

import pytest

from controllers.forge.conftest import BASE, HEAD, World, build_world, desired
from controllers.forge.errors import ForgeError
from controllers.forge.model import Forge, ForgeKind
from testing.forges.standin import BOT, TOKEN, Account
from testing.gitserver import CannedResponse, GitServer

MESSAGE = json.dumps({"message": "no", "errors": [{"message": "no"}], "error": {"message": "no"}}).encode()


def may_only(*rights: str) -> Callable[[World], None]:
    return lambda world: world.stand_in.accounts.update({TOKEN: Account(BOT, frozenset(rights))})


def answers(status: int, body: bytes = MESSAGE, **headers: str) -> Callable[[World], None]:
    return lambda world: world.stand_in.canned.extend([CannedResponse(status, body, headers)] * 3)


def archive(world: World) -> None:
    world.stand_in.archived = True


def move(world: World) -> None:
    world.stand_in.moved_to = "/repositories/42"


def close(world: World) -> None:
    world.server.respond = lambda _: CannedResponse(200, b"", {"Content-Length": "5"})


FAULTS: dict[str, Callable[[World], None]] = {
    "token-expired": lambda world: world.stand_in.accounts.clear(),
    "may-only-read": may_only("read"),
    "archived": archive,
    "moved": move,
    "head-deleted": lambda world: world.branches.delete(HEAD),
    "base-deleted": lambda world: world.branches.delete(BASE),
    "not-there": answers(404),
    "refused": answers(400),
    "gone": answers(410),
    "rate-limited": answers(429),
    "down": answers(503, b"<html>down</html>"),
    "broken": answers(500),
    "page": answers(200, b"<html>Sign in</html>"),
    "cut": close,
}


async def open_one(forge: Forge) -> None:
    await forge.list_open("")
    await forge.create(desired())


@pytest.mark.parametrize("kind", list(ForgeKind), ids=str)
async def test_forge_request_and_next_step_are_named(kind: ForgeKind, server: GitServer) -> None:
    for name, fault in FAULTS.items():
        if (name, kind) == ("base-deleted", ForgeKind.GITLAB):
            continue  # its documentation does not say that it refuses, and so its stand-in does not
        world = build_world(kind, server)
        forge = world.connect()
        fault(world)
        with pytest.raises(ForgeError) as caught:
            await open_one(forge)
        text = str(caught.value)
        assert text.startswith(f"{forge.name}: failed to "), text
        _, _, step = text.partition(f"{caught.value.reason}; ")
        assert re.match("check|give|unarchive|set|read|it is asked again", step), text
        world.forges.close()
