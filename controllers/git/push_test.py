"""`controllers.git.engine`: pushes that do not go through, what may move, what is sent along."""

import pytest

from controllers.git.conftest import GitRun, marked
from controllers.git.errors import AuthenticationFailed, GitError, PushRejected, RefMoved, Unreachable
from controllers.git.protocol.pktline import FLUSH, packets
from controllers.git.protocol.refspec import RefUpdate, parse_refspec
from testing.gitserver import BareRepository, CannedResponse, GitServer, Request

POST_RECEIVE = """#!/bin/sh
i=0
while [ "$i" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]
do eval "o=\\$GIT_PUSH_OPTION_$i"
  echo "$o" >> options.log; i=$((i+1)); done
cat >> pushes.log
"""
REFUSE = """#!/bin/sh
echo "the branch is frozen" >&2
exit 1
"""


async def test_a_branch_that_moved_before_the_push(run: GitRun, fleet: BareRepository) -> None:
    new = await run.change(b"1.0.0", b"1.0.1")
    theirs = fleet.commit({"other.yaml": marked("1.0.0")})
    with pytest.raises(RefMoved, match=f"refs/heads/main was expected at {new.parent[:7]} and is at {theirs[:7]}"):
        await run.push(new)
    again = await run.change(b"1.0.0", b"1.0.1")
    await run.push(again)
    assert again.parent == theirs
    assert fleet.head() == again.id
    assert fleet.read("other.yaml") == marked("1.0.1").encode()


async def test_a_branch_that_moves_during_the_push(run: GitRun, server: GitServer, fleet: BareRepository) -> None:
    """The server compares the old value, too: what is not caught before is caught there."""
    new = await run.change(b"1.0.0", b"1.0.1")

    def someone_is_faster(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("git-receive-pack"):
            server.respond = lambda _: None
            fleet.commit({"other.yaml": marked("1.0.0")})

    server.respond = someone_is_faster
    with pytest.raises(RefMoved):
        await run.push(new)
    assert fleet.head() != new.id
    await run.push(await run.change(b"1.0.0", b"1.0.1"))
    assert fleet.read("other.yaml") == marked("1.0.1").encode()


async def test_a_branch_that_vanished(run: GitRun, fleet: BareRepository) -> None:
    fleet.commit({"app.yaml": marked("1.0.0")}, branch="dev")
    new = await run.change(b"1.0.0", b"1.0.1", branch="dev")
    fleet.git("update-ref", "-d", "refs/heads/dev")
    with pytest.raises(RefMoved, match="and is gone"):
        await run.push(new, "dev")


async def test_a_hook_that_refuses_is_quoted(run: GitRun, fleet: BareRepository) -> None:
    fleet.hook("pre-receive", REFUSE)
    new = await run.change(b"1.0.0", b"1.0.1")
    with pytest.raises(PushRejected) as refused:
        await run.push(new)
    assert str(refused.value) == "command error on refs/heads/main: pre-receive hook declined: the branch is frozen"
    fleet.hook("pre-receive", None)
    await run.push(new)
    assert fleet.head() == new.id


async def test_a_talkative_hook_is_cut(run: GitRun, fleet: BareRepository) -> None:
    fleet.hook("pre-receive", "#!/bin/sh\nprintf '\\033[31m%02000d' 0 >&2\nexit 1\n")
    with pytest.raises(PushRejected) as refused:
        await run.push(await run.change(b"1.0.0", b"1.0.1"))
    assert len(str(refused.value)) < 350
    assert "\033" not in str(refused.value)


async def test_a_protected_branch(run: GitRun, fleet: BareRepository) -> None:
    fleet.hook(
        "update", '#!/bin/sh\n[ "$1" = refs/heads/main ] && echo "protected: open a pull request" && exit 1\nexit 0\n'
    )
    new = await run.change(b"1.0.0", b"1.0.1")
    with pytest.raises(PushRejected, match="refs/heads/main: hook declined: protected: open a pull request"):
        await run.push(new)
    await run.engine.push(run.remote, new, [RefUpdate("refs/heads/updates", new.id, None)])
    assert fleet.head("updates") == new.id


async def test_a_hook_may_talk_about_a_good_push(run: GitRun, fleet: BareRepository) -> None:
    fleet.hook("post-receive", "#!/bin/sh\necho 'Create a pull request: https://example.com/1'\n")
    new = await run.change(b"1.0.0", b"1.0.1")
    updated_refs = await run.engine.push(run.remote, new, [RefUpdate("refs/heads/main", new.id, new.parent)])
    assert updated_refs == ("refs/heads/main",)


async def test_push_options_reach_the_server(run: GitRun, fleet: BareRepository) -> None:
    fleet.hook("post-receive", POST_RECEIVE)
    new = await run.change(b"1.0.0", b"1.0.1")
    options = {"merge_request.create": "", "ci.skip": "true"}
    await run.engine.push(run.remote, new, [RefUpdate("refs/heads/main", new.id, new.parent)], options=options)
    assert (fleet.path / "options.log").read_text() == "ci.skip=true\nmerge_request.create=\n"


async def test_push_options_that_the_server_does_not_support(run: GitRun, fleet: BareRepository) -> None:
    fleet.git("config", "receive.advertisePushOptions", "false")
    new = await run.change(b"1.0.0", b"1.0.1")
    with pytest.raises(PushRejected, match="does not support push options"):
        await run.engine.push(run.remote, new, [RefUpdate("refs/heads/main", new.id, new.parent)], options={"a": "b"})
    assert fleet.head() == new.parent


async def test_a_new_branch_is_created_and_not_taken_over(run: GitRun, fleet: BareRepository) -> None:
    fleet.hook("post-receive", POST_RECEIVE)
    new = await run.change(b"1.0.0", b"1.0.1")
    await run.engine.push(run.remote, new, [RefUpdate("refs/heads/updates", new.id, None)])
    assert (fleet.path / "pushes.log").read_text() == f"{fleet.null_id} {new.id} refs/heads/updates\n"
    other = await run.change(b"1.0.0", b"1.0.2")
    with pytest.raises(RefMoved, match="was expected absent"):
        await run.engine.push(run.remote, other, [RefUpdate("refs/heads/updates", other.id, None)])


async def test_a_refspec_is_pushed_after_the_branch(run: GitRun, server: GitServer, fleet: BareRepository) -> None:
    for tag in (b"1.0.1", b"1.0.2"):
        new = await run.change(b"1.0.0" if tag == b"1.0.1" else b"1.0.1", tag)
        await run.push(new)
        server.requests.clear()
        refspec = parse_refspec("refs/heads/main:refs/heads/mirror")
        await run.engine.push(run.remote, new, refspec.updates({"refs/heads/main": new.id}))
        assert fleet.refs() == {"refs/heads/main": new.id, "refs/heads/mirror": new.id}
        assert len(server.requests[-1].body) < 170 + 2 * len(new.id)  # objects that the server has are not sent again


FROZEN = """#!/bin/sh
[ "$1" = refs/heads/mirror ] && echo "the mirror is frozen" && exit 1
exit 0
"""


@pytest.mark.parametrize(
    ("atomic", "moved"),
    [pytest.param("true", (), id="atomic"), pytest.param("false", ("refs/heads/main",), id="one-by-one")],
)
async def test_one_of_two_references_is_refused(
    run: GitRun, fleet: BareRepository, atomic: str, moved: tuple[str, ...]
) -> None:
    """The reason is that of the one that was refused; the references that moved nevertheless are named."""
    fleet.git("config", "receive.advertiseAtomic", atomic)
    fleet.hook("update", FROZEN)
    new = await run.change(b"1.0.0", b"1.0.1")
    updates = [RefUpdate("refs/heads/main", new.id, new.parent), RefUpdate("refs/heads/mirror", new.id)]
    with pytest.raises(PushRejected, match="refs/heads/mirror: hook declined: the mirror is frozen") as refused:
        await run.engine.push(run.remote, new, updates)
    assert refused.value.updated_refs == moved
    assert fleet.refs() == {"refs/heads/main": new.id if moved else new.parent}


async def test_a_mirror_that_lags_behind_someone_elses_commit(run: GitRun, fleet: BareRepository) -> None:
    old = fleet.head()
    fleet.git("update-ref", "refs/heads/mirror", old)
    fleet.commit({"other.yaml": "x\n"})
    new = await run.change(b"1.0.0", b"1.0.1")
    await run.engine.push(run.remote, new, [RefUpdate("refs/heads/mirror", new.id)])
    assert fleet.head("mirror") == new.id


async def test_only_force_moves_a_branch_to_another_history(run: GitRun, fleet: BareRepository) -> None:
    theirs = fleet.commit({"x.yaml": "1\n"}, branch="mirror", message="unrelated")
    new = await run.change(b"1.0.0", b"1.0.1")
    with pytest.raises(PushRejected, match="non-fast-forward update: refs/heads/mirror"):
        await run.engine.push(run.remote, new, [RefUpdate("refs/heads/mirror", new.id)])
    with pytest.raises(RefMoved):
        await run.engine.push(run.remote, new, [RefUpdate("refs/heads/mirror", new.id, new.parent)], force=True)
    assert fleet.head("mirror") == theirs
    await run.engine.push(run.remote, new, [RefUpdate("refs/heads/mirror", new.id, theirs)], force=True)
    assert fleet.head("mirror") == new.id


async def test_a_push_whose_answer_is_lost_counts_when_it_arrived(
    run: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    new = await run.change(b"1.0.0", b"1.0.1")

    def lose_the_answer(request: Request) -> CannedResponse | None:
        if request.method == "GET" or not request.path.endswith("git-receive-pack"):
            return None
        server.respond = lambda _: None
        server.answer(request)
        return CannedResponse(502, b"bad gateway\n", {"Content-Type": "text/plain"})

    server.respond = lose_the_answer
    await run.push(new)
    assert fleet.head() == new.id


def answer_pushes(server: GitServer, report: bytes, *, carry_out: bool) -> None:
    """Have the server answer pushes with `report` whatever it did, and carry them out or not."""
    flush = b"0000"
    body = b"%04x\x01" % (len(report) + len(flush) + 5) + report + flush + flush

    def respond(request: Request) -> CannedResponse | None:
        if request.method == "GET" or not request.path.endswith("git-receive-pack"):
            return None
        server.respond = lambda _: None
        if carry_out:
            server.answer(request)
        return CannedResponse(200, body, {"Content-Type": "application/x-git-receive-pack-result"})

    server.respond = respond


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(b"000eunpack ok\n", id="no-line-for-any-reference"),
        pytest.param(b"000eunpack ok\n001aok refs/heads/another\n", id="a-line-for-another"),
    ],
)
async def test_a_push_that_the_server_says_nothing_about_is_judged_by_the_references(
    run: GitRun, server: GitServer, fleet: BareRepository, report: bytes
) -> None:
    new = await run.change(b"1.0.0", b"1.0.1")
    answer_pushes(server, report, carry_out=False)
    with pytest.raises(PushRejected, match="refs/heads/main: the remote reported nothing about it and it did not move"):
        await run.push(new)
    assert fleet.head() == new.parent
    answer_pushes(server, report, carry_out=True)
    await run.push(new)
    assert fleet.head() == new.id


async def test_one_of_two_references_is_not_reported(run: GitRun, server: GitServer, fleet: BareRepository) -> None:
    new = await run.change(b"1.0.0", b"1.0.1")
    updates = [RefUpdate("refs/heads/main", new.id, new.parent), RefUpdate("refs/heads/mirror", new.id)]
    answer_pushes(server, b"000eunpack ok\n0017ok refs/heads/main\n", carry_out=False)
    with pytest.raises(PushRejected, match="refs/heads/mirror: the remote reported nothing") as rejected:
        await run.engine.push(run.remote, new, updates)
    assert rejected.value.updated_refs == ("refs/heads/main",)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param(
            packets(b"\x02error: bad object\n", b"\x01" + packets(b"unpack index-pack failed\n") + FLUSH) + FLUSH,
            "the remote could not unpack what was sent: index-pack failed: error: bad object",
            id="unpack-failed",
        ),
        pytest.param(
            packets(b"\x01" + packets(b"unpack disk full\n") + FLUSH, b"\x02ask the operator\n") + FLUSH,
            "the remote could not unpack what was sent: disk full: ask the operator",
            id="words-after-the-report",
        ),
        pytest.param(
            packets(b"\x02quota exceeded\n", b"\x03fatal: unpack\n"),
            "remote error: fatal: unpack: quota exceeded",
            id="band-3",
        ),
        pytest.param(
            packets(b"\x02remote: quota exceeded\n"), "the answer was cut short: remote: quota exceeded", id="cut-short"
        ),
        pytest.param(packets(b"\x02see you\n", b"\x01" + packets(b"what?\n") + FLUSH) + FLUSH,
                     "the remote could not unpack what was sent: what?: see you", id="no-report"),
    ],
)  # fmt: skip
async def test_what_the_server_says_is_kept_when_a_push_fails(
    run: GitRun, server: GitServer, answer: bytes, text: str
) -> None:
    new = await run.change(b"1.0.0", b"1.0.1")
    server.respond = lambda request: (
        CannedResponse(200, answer, {"Content-Type": "application/x-git-receive-pack-result"})
        if request.method == "POST"
        else None
    )
    with pytest.raises(GitError) as failed:
        await run.push(new)
    assert str(failed.value).removeprefix(f"unable to push to '{run.remote.url}': ") == text


async def test_a_server_that_never_stops_talking_is_cut(run: GitRun, server: GitServer) -> None:
    new = await run.change(b"1.0.0", b"1.0.1")
    answer = packets(*[b"\x02" + b"x" * 10_000] * 50)
    headers = {"Content-Type": "application/x-git-receive-pack-result"}
    server.respond = lambda request: CannedResponse(200, answer, headers) if request.method == "POST" else None
    with pytest.raises(GitError) as failed:
        await run.push(new)
    assert len(str(failed.value)) < 400


async def test_a_push_that_does_not_arrive(run: GitRun, server: GitServer, fleet: BareRepository) -> None:
    new = await run.change(b"1.0.0", b"1.0.1")
    server.respond = lambda r: CannedResponse(503, b"", {"Retry-After": "7"}) if r.method == "POST" else None
    with pytest.raises(Unreachable, match=f"unable to push to '{run.remote.url}': the server answered 503") as failed:
        await run.push(new)
    assert failed.value.retry_after is not None
    assert failed.value.retry_after.total_seconds() == 7
    assert fleet.head() == new.parent


async def test_a_login_that_may_only_read(run: GitRun, server: GitServer) -> None:
    new = await run.change(b"1.0.0", b"1.0.1")
    server.respond = lambda r: (
        CannedResponse(403, b"read only\n", {"Content-Type": "text/plain"}) if "receive" in r.path else None
    )
    with pytest.raises(AuthenticationFailed, match="authorization failed: read only"):
        await run.push(new)


async def test_only_new_objects_are_sent(run: GitRun, server: GitServer, fleet: BareRepository) -> None:
    """One changed file in a folder of its own: a blob, two trees, a commit."""
    fleet.commit({f"a/{n}.yaml": marked("1.0.0") for n in range(3)} | {"b/x.yaml": "no marker\n"})
    tip = await run.tip()
    new = await run.commit(tip.commit, {"a/1.yaml": b"changed\n"})
    assert len(new.objects) == 4
    await run.push(new)
    body = server.requests[-1].body
    assert int.from_bytes(body[body.index(b"PACK") + 8 :][:4], "big") == 4


async def test_whether_a_login_may_push_is_known_beforehand(
    run: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    before = fleet.head()
    await run.engine.check_push(run.remote)
    assert server.take_requests() == ["GET refs"]
    fleet.git("config", "http.receivepack", "false")
    with pytest.raises(AuthenticationFailed, match="unable to push to"):
        await run.engine.check_push(run.remote)
    assert fleet.head() == before


class Forbidden(Exception):
    """Raised by a check."""


async def test_whoever_may_not_write_any_more_is_stopped_behind_the_last_question(
    run: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    new, dev = await run.change(b"1.0.0", b"1.0.1"), fleet.commit({"app.yaml": marked("1.0.0")}, branch="dev")
    asked: list[list[str]] = []

    def check() -> None:
        asked.append(server.take_requests())
        raise Forbidden

    async def push() -> None:
        await run.engine.push(run.remote, new, [RefUpdate("refs/heads/main", new.id, new.parent)], check=check)

    server.take_requests()
    with pytest.raises(Forbidden):
        await push()
    with pytest.raises(Forbidden):
        await run.engine.delete_ref(run.remote, "refs/heads/dev", dev, check=check)
    await run.push(new)
    new = await run.change(b"1.0.1", b"1.0.2")
    server.take_requests()
    with pytest.raises(Forbidden):
        await push()
    assert asked == [["GET refs"], ["GET refs"], []], "the first push asks, and the next one does not"
    assert server.take_requests() == []
    assert fleet.head() == new.parent
    assert fleet.head("dev") == dev


async def test_a_branch_is_deleted_where_it_was_left(run: GitRun, fleet: BareRepository) -> None:
    left = fleet.commit({"app.yaml": marked("1.0.0")}, branch="dev")
    await run.engine.delete_ref(run.remote, "refs/heads/dev", left)
    assert fleet.git("for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]
    await run.engine.delete_ref(run.remote, "refs/heads/dev", left)  # gone is gone


async def test_a_branch_that_moved_is_not_deleted(run: GitRun, server: GitServer, fleet: BareRepository) -> None:
    left = fleet.commit({"app.yaml": marked("1.0.0")}, branch="dev")
    theirs = fleet.commit({"app.yaml": marked("1.0.1")}, branch="dev")
    with pytest.raises(RefMoved, match=f"was expected at {left[:7]} and is at {theirs[:7]}"):
        await run.engine.delete_ref(run.remote, "refs/heads/dev", left)

    def someone_is_faster(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("git-receive-pack"):
            server.respond = lambda _: None
            fleet.commit({"app.yaml": marked("1.0.2")}, branch="dev")

    server.respond = someone_is_faster
    with pytest.raises(RefMoved):
        await run.engine.delete_ref(run.remote, "refs/heads/dev", theirs)
    assert fleet.read("app.yaml", at="dev") == marked("1.0.2").encode()


async def test_a_branch_that_may_not_be_deleted(run: GitRun, fleet: BareRepository) -> None:
    left = fleet.commit({"app.yaml": marked("1.0.0")}, branch="dev")
    fleet.git("config", "receive.denyDeletes", "true")
    with pytest.raises(PushRejected, match="deletion prohibited"):
        await run.engine.delete_ref(run.remote, "refs/heads/dev", left)
