"""`controllers.forge`: answers with anything in any field make no error but ours, and none of them shows the token."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from controllers.forge.answers import Answer, failure_of
from controllers.forge.conftest import BASE, HEAD, TWO, World, desired
from controllers.forge.errors import ForgeError
from controllers.forge.model import BranchCommit, FileChange, MergeMethod
from testing.clock import START
from testing.forges.standin import TOKEN
from testing.gitserver import CannedResponse, Request

ODD: list[Any] = [
    None, True, -1, 0, 1.5, 2**62, 2**70, 1e400, "", "x", "\ud800", "\x1b[2J", "x" * 2000, [], [None], [[]], {},
    {"a": None}, "2026-13-45T99:99:99Z", "javascript:alert(1)",
]  # fmt: skip
ROUNDS = 60


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def spoil(body: bytes, dice: random.Random) -> bytes:
    """Return an answer with one value replaced or left out, or with its bytes cut."""
    if not body or dice.random() < 0.1:
        return body[: dice.randrange(len(body) + 1)]
    document = [json.loads(body)]
    path = dice.choice(list(places(document))[1:])
    parent: Any = document
    for key in path[:-1]:
        parent = parent[key]
    if isinstance(parent, dict) and dice.random() < 0.2:
        del parent[path[-1]]
    else:
        parent[path[-1]] = dice.choice(ODD)
    return json.dumps(document[0]).encode()


@pytest.mark.parametrize("seed", range(2))
async def test_spoilt_answers(world: World, seed: int) -> None:
    dice = random.Random(f"{world.kind} {seed}")  # noqa: S311 -- for a test
    forge = world.connect()
    whole = desired(labels=("automation",), reviewers=("alice",), assignees=("bob",), auto_merge=MergeMethod.MERGE)
    fine, errors = 0, list[str]()
    made = (await forge.create(desired())).pull_request

    def respond(request: Request) -> CannedResponse | None:
        answer = world.stand_in.respond(request)
        if answer and dice.random() < 0.5:
            answer.body = spoil(answer.body, dice)
        return answer

    world.server.respond = respond
    for _ in range(ROUNDS):
        steps = (
            lambda: forge.list_open("tagline/"),
            lambda: forge.find(HEAD, BASE),
            lambda: forge.create(whole),
            lambda: forge.update(made, desired(content=TWO), decorate=True),
            lambda: forge.close(made, "x"),
            lambda: forge.commit(BranchCommit("tagline/c", "", "a" * 40, "x", (FileChange("a.yaml", b"x"),))),
        )
        try:
            await dice.choice(steps)()
            fine += 1
        except ForgeError as error:
            errors.append(str(error))
        for pull in world.stand_in.pulls.values():
            pull.state = "open"
    assert fine
    assert errors
    for text in errors:
        assert TOKEN not in text
        assert len(text) < 1500
        assert text.isprintable()


@pytest.mark.parametrize("seed", range(3))
def test_any_failure_is_one_of_ours(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 -- for a test
    for _ in range(400):
        body = json.dumps({dice.choice(["message", "error", "errors", "x"]): dice.choice(ODD) for _ in range(3)})
        headers = {
            name: str(dice.choice(ODD))
            for name in ("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-reset", "location")
            if dice.random() < 0.5
        }
        status = dice.choice([*range(100, 600, 7), 200, 301, 401, 403, 404, 409, 422, 423, 429, 503])
        found = failure_of(Answer(status, headers, body.encode(), "https://x.example/"), now=START)
        assert (found is None) is (200 <= status < 300 or status == 304)
        assert found is None or str(found).isprintable()
