"""`controllers.forge`: what all six forges have to do alike, against stand-ins that refuse what real ones refuse."""

import json
from dataclasses import asdict
from datetime import timedelta

import pytest

from controllers.forge.conftest import AUTOMATION, BASE, HEAD, ONE, TWO, World, desired
from controllers.forge.errors import (
    AlreadyExists,
    Archived,
    AuthenticationFailed,
    BadAnswer,
    BranchMissing,
    Forbidden,
    ForgeError,
    Moved,
    NotFound,
    NothingToMerge,
    RateLimited,
    Unavailable,
)
from controllers.forge.location import locate
from controllers.forge.model import ForgeKind, MergeMethod, State
from controllers.forge.stamp import read_stamp
from controllers.git.remote import Basic, Bearer, Remote
from testing.forges.azuredevops import identifier
from testing.forges.standin import BOT, TOKEN, Account
from testing.gitserver import CannedResponse, Request

WITHOUT_LABELS = (ForgeKind.BITBUCKET, ForgeKind.BITBUCKET_SERVER)
WITH_ASSIGNEES = (ForgeKind.GITHUB, ForgeKind.GITLAB, ForgeKind.GITEA)
TAKES_EMPTY = (ForgeKind.GITLAB, ForgeKind.GITEA, ForgeKind.AZURE_DEVOPS)
"""Those that open a pull request without a difference."""


def person(world: World, name: str) -> str:
    """Return what a spec has to say to mean somebody."""
    return f"{{{name}}}" if world.kind is ForgeKind.BITBUCKET else name


def shown(world: World, name: str) -> str:
    """Return how the stand-in knows a reviewer."""
    return identifier(name) if world.kind is ForgeKind.AZURE_DEVOPS else person(world, name)


async def test_new_one_is_found_again_with_all_that_was_written(world: World) -> None:
    forge = world.connect()
    assert await forge.find(HEAD, BASE) == ()
    made = (await forge.create(desired())).pull_request
    assert (made.number, made.state, made.head, made.base, made.author) == (1, State.OPEN, HEAD, BASE, BOT)
    assert made.url.startswith(f"{world.server.url}/")
    assert world.branches.head(HEAD).startswith(made.head_commit or "?")
    assert made.stamp
    assert (made.stamp.automation, made.stamp.content, made.stamp.closed) == (AUTOMATION, ONE, False)
    for found in (await forge.find(HEAD, BASE), await forge.list_open("tagline/")):
        assert [(entry.number, entry.stamp, entry.title) for entry in found] == [(1, made.stamp, "Update web")]
    assert "web: 1.0.0 to 1.1.0" in world.stand_in.pulls[1].body


async def test_others_are_not_taken_for_ours(world: World) -> None:
    world.branches.push("feature")
    world.branches.push("release")
    world.stand_in.add("feature")
    world.stand_in.add(HEAD, "release")
    world.stand_in.add(HEAD, is_fork=True)
    forge = world.connect()
    assert await forge.find(HEAD, BASE) == ()
    assert [(entry.head, entry.base) for entry in await forge.list_open("tagline/")] == [(HEAD, "release")]
    assert (await forge.create(desired())).pull_request.number == 4


class Late(Exception):
    """Raised by a check."""


async def test_each_write_is_checked_when_its_turn_has_come(world: World) -> None:
    made = (await world.connect().create(desired())).pull_request
    before, checks = [asdict(one) for one in world.stand_in.pulls.values()], list[float]()

    def check() -> None:
        checks.append(world.clock.monotonic())
        raise Late

    forge = world.connect(check=check)
    assert [one.number for one in await forge.list_open("tagline/")] == [1], "who reads is not checked"
    for _ in range(20):  # so many that they have to wait for each other
        with pytest.raises(Late):
            await forge.close(made, "The base has it all.")
    with pytest.raises(Late):
        await forge.update(made, desired(title="Another"))
    world.branches.push("tagline/other")
    with pytest.raises(Late):
        await forge.create(desired(head="tagline/other"))
    assert [asdict(one) for one in world.stand_in.pulls.values()] == before
    assert len(checks) == 22
    assert checks[-1] > checks[0]


async def test_one_that_is_there_is_adopted(world: World) -> None:
    world.stand_in.add(HEAD)
    outcome = await world.connect().create(desired())
    assert outcome.pull_request.number == 1
    assert len(world.stand_in.pulls) == 1
    assert world.stand_in.pulls[1].title == "Update web"
    # Bitbucket Cloud adopts by itself, and does not say so.
    assert outcome.adopted is (world.kind is not ForgeKind.BITBUCKET)


async def test_one_that_another_automation_was_faster_to_open_is_not_taken_from_it(world: World) -> None:
    if world.kind is ForgeKind.BITBUCKET:
        pytest.skip("Bitbucket Cloud changes the one that is there, and does not say so")
    forge = world.connect()
    await forge.create(desired(automation="apps/other"))
    before = world.stand_in.pulls[1].body
    with pytest.raises(AlreadyExists, match="#1 is of the automation 'apps/other'; give this one branches of its own"):
        await forge.create(desired())
    assert world.stand_in.pulls[1].body == before


async def test_one_that_a_search_does_not_find_is_adopted_from_the_listing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where the URL writes the owner with other letters than the forge.
    world.stand_in.add(HEAD)
    forge = world.connect()

    async def find(head: str, base: str) -> tuple[()]:
        return ()

    monkeypatch.setattr(forge._driver, "find", find)  # type: ignore[attr-defined]
    outcome = await forge.create(desired())
    assert outcome.pull_request.number == 1
    assert outcome.adopted is (world.kind is not ForgeKind.BITBUCKET)


async def test_update_stays_in_place(world: World) -> None:
    forge = world.connect()
    made = (await forge.create(desired())).pull_request
    world.branches.push(HEAD)
    newer = desired(title="Update web to 1.2.0", body="1.2.0", content=TWO)
    changed = (await forge.update(made, newer)).pull_request
    assert (changed.number, changed.title) == (1, "Update web to 1.2.0")
    assert changed.stamp
    assert changed.stamp.content == TWO
    assert len(world.stand_in.pulls) == 1


async def test_base_is_changed_in_place(world: World) -> None:
    forge = world.connect()
    made = (await forge.create(desired())).pull_request
    world.branches.push("release")
    assert (await forge.update(made, desired(base="release"))).pull_request.base == "release"


async def test_closed_by_us_is_told_from_closed_by_a_person(world: World) -> None:
    forge = world.connect()
    made = (await forge.create(desired())).pull_request
    closed = (await forge.close(made, "The base has it all.")).pull_request
    assert closed.state is State.CLOSED
    (found,) = await forge.find(HEAD, BASE)
    assert found.stamp
    assert (found.state, found.stamp.closed, found.stamp.content) == (State.CLOSED, True, ONE)
    assert world.stand_in.pulls[1].comments == ["The base has it all."]
    world.branches.push(HEAD)
    await forge.create(desired(content=TWO))
    world.stand_in.decline(2)
    (second, _) = await forge.find(HEAD, BASE)
    assert second.stamp
    assert (second.state, second.stamp.closed) == (State.CLOSED, False)
    assert await forge.list_open("tagline/") == ()


async def test_declined_one_is_found_after_its_branch_was_deleted(world: World) -> None:
    forge = world.connect()
    await forge.create(desired())
    world.stand_in.decline(1)
    world.branches.delete(HEAD)
    (found,) = await forge.find(HEAD, BASE)
    assert found.stamp
    assert (found.state, found.stamp.content, found.stamp.closed) == (State.CLOSED, ONE, False)


async def test_closing_from_a_listing_keeps_the_text(world: World) -> None:
    forge = world.connect()
    await forge.create(desired(body="line\n" * 200))
    (listed,) = await forge.list_open("tagline/")
    await forge.close(listed, "")
    assert world.stand_in.pulls[1].body.count("line\n") >= 199
    stamp = read_stamp(world.stand_in.pulls[1].body)
    assert stamp
    assert stamp.closed


async def test_merged_by_squash_is_merged(world: World) -> None:
    forge = world.connect()
    await forge.create(desired())
    world.stand_in.merge(1)
    (found,) = await forge.find(HEAD, BASE)
    assert found.state is State.MERGED
    assert found.ended is not None or world.kind is ForgeKind.BITBUCKET_SERVER


async def test_labels_reviewers_and_assignees(world: World) -> None:
    asked = desired(
        labels=("automation",), reviewers=(person(world, "alice"),), assignees=("bob",), auto_merge=MergeMethod.SQUASH
    )
    outcome = await world.connect().create(asked)
    pull = world.stand_in.pulls[1]
    warned = {warning.what for warning in outcome.warnings}
    assert pull.labels == ([] if world.kind in WITHOUT_LABELS else ["automation"])
    assert ("labels" in warned) is (world.kind in WITHOUT_LABELS)
    assert pull.reviewers == [shown(world, "alice")]
    assert pull.assignees == (["bob"] if world.kind in WITH_ASSIGNEES else [])
    assert ("assignees" in warned) is (world.kind not in WITH_ASSIGNEES)
    assert bool(pull.auto_merge) is (world.kind is not ForgeKind.BITBUCKET)
    assert ("auto-merge" in warned) is (world.kind is ForgeKind.BITBUCKET)
    assert pull.state == "open"


async def test_one_bad_reviewer_does_not_keep_the_others_out(world: World) -> None:
    names = tuple(person(world, name) for name in ("alice", "nobody", BOT))
    if world.kind is ForgeKind.GITLAB:
        names = names[:2]  # GitLab lets authors review
    outcome = await world.connect().create(desired(reviewers=names))
    if world.kind is ForgeKind.AZURE_DEVOPS:
        assert shown(world, "alice") in world.stand_in.pulls[1].reviewers
    else:
        assert world.stand_in.pulls[1].reviewers == [shown(world, "alice")]
    assert any("nobody" in warning.message for warning in outcome.warnings)
    assert {warning.what for warning in outcome.warnings} == {"reviewers"}


async def test_update_keeps_reviewers_that_people_added(world: World) -> None:
    forge = world.connect()
    made = (await forge.create(desired())).pull_request
    world.stand_in.pulls[1].reviewers.append(person(world, "bob"))
    await forge.update(made, desired(content=TWO))
    assert world.stand_in.pulls[1].reviewers == [person(world, "bob")]
    await forge.close(made, "")
    assert world.stand_in.pulls[1].reviewers == [person(world, "bob")]


async def test_update_adds_no_label_that_people_took_off(world: World) -> None:
    forge = world.connect()
    made = (await forge.create(desired(labels=("automation",)))).pull_request
    world.stand_in.pulls[1].labels.clear()
    await forge.update(made, desired(labels=("automation",), content=TWO))
    assert world.stand_in.pulls[1].labels == []


async def test_without_a_difference_nothing_is_opened(world: World) -> None:
    world.branches.commits[HEAD] = list(world.branches.commits[BASE])
    if world.kind in TAKES_EMPTY:  # not to ask for it is up to us
        assert (await world.connect().create(desired())).pull_request.state is State.OPEN
        return
    with pytest.raises(NothingToMerge):
        await world.connect().create(desired())


async def test_missing_branch(world: World) -> None:
    world.branches.delete(HEAD)
    with pytest.raises(BranchMissing, match=f"failed to open a pull request from {HEAD} to {BASE} in "):
        await world.connect().create(desired())


async def test_long_and_hostile_text_fits(world: World) -> None:
    title = "Update @team/everyone #1 " + "x" * 500 + "\n\x1b[2J"
    body = "intro\n```\n" + "line with 🎉\n" * 9_000
    outcome = await world.connect().create(desired(title=title, body=body))
    pull = world.stand_in.pulls[1]
    assert len(pull.title) <= 400
    assert "@team" not in pull.title
    assert "\x1b" not in pull.title
    assert pull.body.endswith("*The rest was cut, as the forge takes no longer text.*")
    assert pull.body.count("```") == 2
    assert outcome.pull_request.stamp
    assert outcome.pull_request.stamp.content == ONE


async def test_draft_where_there_are_drafts(world: World) -> None:
    forge = world.connect()
    made = (await forge.create(desired(draft=True))).pull_request
    pull = world.stand_in.pulls[1]
    prefixed = pull.title.startswith(("WIP: ", "Draft: "))
    assert prefixed is (world.kind in (ForgeKind.GITLAB, ForgeKind.GITEA))
    assert pull.draft or prefixed or world.kind is ForgeKind.BITBUCKET_SERVER
    await forge.update(made, desired(draft=True, content=TWO))
    assert pull.title.startswith(("WIP: ", "Draft: ")) is prefixed


async def test_ready_one_stays_ready(world: World) -> None:
    forge = world.connect()
    await forge.create(desired(draft=True))
    pull = world.stand_in.pulls[1]
    pull.draft, pull.title = False, "Update web"
    (found,) = await forge.find(HEAD, BASE)
    await forge.update(found, desired(draft=True, content=TWO))
    assert (pull.draft, pull.title) == (False, "Update web")


# Bad input.


async def test_without_a_token_nothing_is_sent(world: World) -> None:
    with pytest.raises(
        AuthenticationFailed, match="there is no token for its API; name a Secret with a token"
    ) as caught:
        await world.connect("").list_open("")
    assert str(caught.value).startswith(world.connect().name)
    assert world.stand_in.calls == []


@pytest.mark.parametrize(
    ("login", "words"),
    [
        (Bearer(""), "there is no token"),
        (Basic("", ""), "there is no token"),
        (Bearer("two\nlines"), "has a character in it that no token has"),
        (Bearer("ünicode"), "has a character in it that no token has"),
    ],
    ids=["empty", "empty-pair", "lines", "not-ascii"],
)  # fmt: skip
async def test_token_that_cannot_be_sent(world: World, login: Basic | Bearer, words: str) -> None:
    forge = world.forges.connect(locate(world.kind, world.url), login, Remote(world.url))
    with pytest.raises(AuthenticationFailed, match=words) as caught:
        await forge.list_open("")
    assert "two" not in str(caught.value)
    assert "ünicode" not in str(caught.value)
    assert world.stand_in.calls == []


@pytest.mark.parametrize("step", ["list", "find", "create"])
async def test_expired_token(world: World, step: str) -> None:
    forge = world.connect("expired-t0ken")
    steps = {"list": forge.list_open(""), "find": forge.find(HEAD, BASE), "create": forge.create(desired())}
    asked = steps.pop(step)
    for other in steps.values():
        other.close()
    with pytest.raises(AuthenticationFailed) as caught:
        await asked
    assert "check that the token is complete, not expired" in str(caught.value)
    assert "expired-t0ken" not in str(caught.value)


async def test_token_that_is_revoked_after_the_pull_request_was_opened(world: World) -> None:
    def respond(request: Request) -> CannedResponse | None:
        if world.stand_in.pulls:
            world.stand_in.accounts.clear()
        return world.stand_in.respond(request)

    world.server.respond = respond
    with pytest.raises(
        AuthenticationFailed, match=r"failed to set reviewers of a pull request in .*check that"
    ) as caught:
        await world.connect().create(desired(reviewers=("alice",)))
    assert str(caught.value).startswith(world.connect().name)


async def test_token_that_may_only_read(world: World) -> None:
    world.stand_in.accounts[TOKEN] = Account(BOT, frozenset({"read"}))
    forge = world.connect()
    assert await forge.find(HEAD, BASE) == ()
    with pytest.raises(Forbidden, match=f"failed to open a pull request from {HEAD} to {BASE} in .*; give the token"):
        await forge.create(desired())


async def test_token_that_must_not_merge_or_label_only_warns(world: World) -> None:
    world.stand_in.accounts[TOKEN] = Account(BOT, frozenset({"read", "write"}))
    outcome = await world.connect().create(desired(labels=("automation",), auto_merge=MergeMethod.MERGE))
    assert world.stand_in.pulls[1].state == "open"
    if world.kind in (ForgeKind.GITHUB, ForgeKind.GITLAB, ForgeKind.GITEA, ForgeKind.BITBUCKET_SERVER):
        assert outcome.warnings
    assert all(warning.message for warning in outcome.warnings)


async def test_archived(world: World) -> None:
    world.stand_in.archived = True
    with pytest.raises(Archived, match="unarchive it, or suspend the automation"):
        await world.connect().create(desired())


async def test_missing_repository_whose_name_has_archived_in_it_is_not_archived(world: World) -> None:
    body = json.dumps({"message": "Repository org/archived-charts not found"}).encode()
    world.stand_in.canned = [CannedResponse(404, body)]
    with pytest.raises(NotFound, match="check the URL of the repository"):
        await world.connect().list_open("")


async def test_moved(world: World) -> None:
    world.stand_in.moved_to = "/repositories/42"
    with pytest.raises(Moved, match="set the URL of the GitRepository") as caught:
        await world.connect().list_open("")
    assert caught.value.location.endswith("/repositories/42")


async def test_redirect_to_another_host_is_not_followed(world: World) -> None:
    world.stand_in.canned = [CannedResponse(307, b"", {"Location": "http://127.0.0.2:1/take?token=abc"})]
    with pytest.raises(ForgeError):
        await world.connect().list_open("")
    assert len(world.stand_in.calls) == 1


async def test_unknown_repository(world: World) -> None:
    world.stand_in.routes = ()  # type: ignore[misc]
    with pytest.raises(NotFound, match="check the URL of the repository"):
        await world.connect().list_open("")


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        pytest.param(429, {"Retry-After": "40"}, timedelta(seconds=40), id="seconds"),
        pytest.param(429, {}, timedelta(minutes=1), id="no-time"),
        pytest.param(
            403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1704070800"}, timedelta(hours=1), id="an-hour"
        ),
        pytest.param(403, {"Retry-After": "30"}, timedelta(seconds=30), id="secondary"),
    ],
)
async def test_rate_limit_is_obeyed(world: World, status: int, headers: dict[str, str], wait: timedelta) -> None:
    body = json.dumps({"message": "You have exceeded a secondary rate limit"}).encode()
    world.stand_in.canned = [CannedResponse(status, body, headers)]
    with pytest.raises(RateLimited) as caught:
        await world.connect().create(desired())
    assert caught.value.retry_after == wait
    for _ in range(3):
        with pytest.raises(RateLimited, match="no requests"):
            await world.connect().list_open("")
    assert len(world.stand_in.calls) == 1
    await world.clock.advance(wait.total_seconds() + 1)
    await world.connect().create(desired())


async def test_down(world: World) -> None:
    world.stand_in.canned = [CannedResponse(503, b"<html>down</html>", {"Retry-After": "120"})]
    with pytest.raises(Unavailable) as caught:
        await world.connect().list_open("")
    assert caught.value.retry_after == timedelta(minutes=2)
    assert "html" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"<html>Sign in</html>", {}, id="page"),
        pytest.param(b"", {}, id="nothing"),
        pytest.param(b'[{"number": 1, "head"', {}, id="cut"),
        pytest.param(b"null", {}, id="null"),
        pytest.param(b"[" * 100_000, {}, id="deep"),
        pytest.param(b'"\xff\xfe"', {}, id="not-utf-8"),
        pytest.param(b'[{"number":1,"iid":1,"id":1}]', {}, id="without-fields"),
        pytest.param(b"x" * (9 << 20), {}, id="too-long"),
        pytest.param(b"\x1f\x8b\x08", {"Content-Encoding": "gzip"}, id="compressed"),
    ],
)
async def test_answer_that_is_none(world: World, body: bytes, headers: dict[str, str]) -> None:
    world.stand_in.canned = [CannedResponse(200, body, headers)] * 3  # smaller pages are no shorter
    with pytest.raises(BadAnswer, match="failed to list the open pull requests of"):
        await world.connect().list_open("")


async def test_secrets_are_in_no_text(world: World) -> None:
    token = "s3cret-t0ken-of-mine"
    for status in (200, 400, 401, 403, 404, 409, 422, 500):
        echoed = json.dumps({"message": f"no: {token} and Bearer {token}", "errors": [{"message": token}]}).encode()
        world.stand_in.canned = [CannedResponse(status, echoed, {})]
        forge = world.connect(token)
        with pytest.raises(ForgeError) as caught:
            await forge.create(desired())
        assert token not in f"{caught.value} {caught.value!r} {forge!r} {vars(forge)}"


async def test_quiet_listing_is_one_request(world: World) -> None:
    await world.connect().create(desired())
    world.stand_in.calls.clear()
    forge = world.connect()
    await forge.list_open("tagline/")
    assert len(world.stand_in.calls) == 1
    assert forge.requests == 1


async def test_hundreds_of_open_ones_are_all_listed(world: World) -> None:
    for number in range(230):
        branch = f"tagline/{number}"
        world.branches.push(branch)
        world.stand_in.add(branch)
    forge = world.connect()
    assert len(await forge.list_open("tagline/")) == 230
    assert forge.requests <= 6


async def test_many_writes_are_spread_over_time(world: World) -> None:
    forge = world.connect()
    made = (await forge.create(desired())).pull_request
    for _ in range(30):
        await forge.update(made, desired())
    assert sum(world.clock.slept) >= 15
