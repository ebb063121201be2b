"""`controllers.forge`: where one forge is unlike the others, each with what went wrong for somebody because of it."""

from dataclasses import replace
from typing import Any

import pytest

from controllers.forge import transport
from controllers.forge.conftest import BASE, HEAD, ONE, TWO, World, desired
from controllers.forge.errors import AlreadyExists, AuthenticationFailed, BadAnswer, Conflict, Refused
from controllers.forge.forges import Forges
from controllers.forge.location import locate
from controllers.forge.model import BranchCommit, FileChange, ForgeKind, MergeMethod, State
from controllers.git.remote import Basic, Bearer, Remote
from testing.forges.azuredevops import AzureDevopsStandIn
from testing.forges.bitbucket_server import BitbucketServerStandIn
from testing.forges.gitea import GiteaStandIn
from testing.forges.github import GithubStandIn
from testing.forges.gitlab import GitlabStandIn
from testing.forges.standin import BOT, TOKEN, Account, Pull
from testing.gitserver import CannedResponse, Request

A_COMMIT = "a" * 40


def only(*kinds: ForgeKind) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("world_of", kinds, indirect=True, ids=str)


# GitHub


@only(ForgeKind.GITHUB)
async def test_unchanged_listing_is_answered_from_what_was_kept(world_of: World) -> None:
    statuses = []

    def respond(request: Request) -> CannedResponse | None:
        answer = world_of.stand_in.respond(request)
        statuses.append(answer.status if answer else 0)
        return answer

    world_of.server.respond = respond
    await world_of.connect().create(desired())
    statuses.clear()
    first = await world_of.connect().list_open("tagline/")
    again = await world_of.connect().list_open("tagline/")
    assert (statuses, again) == ([200, 304], first)
    world_of.stand_in.decline(1)
    assert await world_of.connect().list_open("tagline/") == ()
    assert statuses == [200, 304, 200]


@only(ForgeKind.GITHUB)
async def test_long_listing_is_kept_too(world_of: World) -> None:
    for number in range(60):
        world_of.branches.push(f"tagline/{number}")
        world_of.stand_in.add(f"tagline/{number}", body="x" * 20_000)
    first = await world_of.connect().list_open("")
    world_of.stand_in.calls.clear()
    sizes: list[int] = []

    def respond(request: Request) -> CannedResponse | None:
        answer = world_of.stand_in.respond(request)
        sizes.append(len(answer.body) if answer else -1)
        return answer

    world_of.server.respond = respond
    assert await world_of.connect().list_open("") == first
    assert sizes == [0]


@only(ForgeKind.GITHUB)
async def test_listing_of_one_identity_is_not_given_to_another(world_of: World) -> None:
    await world_of.connect().create(desired())
    await world_of.connect().list_open("")
    with pytest.raises(AuthenticationFailed):
        await world_of.connect("another-t0ken").list_open("")


@only(ForgeKind.GITHUB)
async def test_github_has_no_drafts_in_this_repository(world_of: World) -> None:
    assert isinstance(world_of.stand_in, GithubStandIn)
    world_of.stand_in.has_drafts = False
    outcome = await world_of.connect().create(desired(draft=True))
    assert [warning.what for warning in outcome.warnings] == ["draft"]
    assert world_of.stand_in.pulls[1].draft is False


@only(ForgeKind.GITHUB)
@pytest.mark.parametrize(
    ("allowed", "waits", "words"),
    [
        pytest.param(False, True, "allow auto-merge in the settings", id="not-allowed"),
        pytest.param(
            True, False, "merge it, or have the base branch require checks or reviews", id="nothing-to-wait-for"
        ),
    ],
)
async def test_github_auto_merge_that_is_refused_says_why(
    world_of: World, allowed: bool, waits: bool, words: str
) -> None:
    assert isinstance(world_of.stand_in, GithubStandIn)
    world_of.stand_in.allows_auto_merge, world_of.stand_in.waits_for_checks = allowed, waits
    outcome = await world_of.connect().create(desired(auto_merge=MergeMethod.REBASE))
    (warning,) = outcome.warnings
    assert (warning.what, warning.again) == ("auto-merge", False)
    assert words in warning.message
    assert world_of.stand_in.pulls[1].state == "open"


@only(ForgeKind.GITHUB)
async def test_issues_right_is_only_needed_for_labels(world_of: World) -> None:
    world_of.stand_in.accounts[TOKEN] = Account(BOT, frozenset({"read", "write"}))
    outcome = await world_of.connect().create(desired(labels=("automation",), assignees=("bob",)))
    assert {warning.what for warning in outcome.warnings} == {"labels", "assignees"}
    assert "read and write issues" in outcome.warnings[0].message
    closed = await world_of.connect().close(outcome.pull_request, "moot")
    assert closed.pull_request.state is State.CLOSED
    assert [warning.what for warning in closed.warnings] == ["comment"]


@only(ForgeKind.GITHUB)
async def test_ghost_and_deleted_fork_are_no_failure(world_of: World) -> None:
    world_of.stand_in.canned = [
        CannedResponse(
            200,
            b'[{"number":1,"state":"open","user":null,"body":null,"labels":[],"head":{"ref":"x","sha":"y","repo":null},'
            b'"base":{"ref":"main","repo":{"id":1}}},{"number":2,"state":"open","user":null,"head":{"ref":"tagline/a",'
            b'"repo":{"id":1}},"base":{"ref":"main","repo":{"id":1}}}]',
        )
    ]
    assert [entry.number for entry in await world_of.connect().list_open("")] == [2]


@only(ForgeKind.GITHUB)
async def test_one_bad_label_does_not_keep_the_others_out(world_of: World) -> None:
    def respond(request: Request) -> CannedResponse | None:
        if request.path.endswith("/labels") and b"xxx" in request.body:
            return CannedResponse(422, b'{"message":"name is too long (maximum is 50 characters)"}')
        return world_of.stand_in.respond(request)

    world_of.server.respond = respond
    outcome = await world_of.connect().create(desired(labels=("automation", "x" * 60)))
    assert world_of.stand_in.pulls[1].labels == ["automation"]
    assert ["name is too long" in warning.message for warning in outcome.warnings] == [True]


@only(ForgeKind.GITHUB)
async def test_what_no_later_update_would_do_is_not_promised(world_of: World) -> None:
    def respond(request: Request) -> CannedResponse | None:
        return CannedResponse(502) if request.path.endswith("/labels") else world_of.stand_in.respond(request)

    world_of.server.respond = respond
    outcome = await world_of.connect().create(desired(labels=("automation",)))
    (warning,) = outcome.warnings
    assert (warning.what, warning.again) == ("labels", False)
    assert warning.message == "it answered 502; it is not tried again, so do it by hand"


def commit(**changes: Any) -> BranchCommit:
    fields: dict[str, Any] = {
        "branch": HEAD,
        "expected": "",
        "parent": A_COMMIT,
        "message": "Update web\n\nweb: 1.1.0\n",
        "changes": (FileChange("app.yaml", b"image: web:1.1.0\n"), FileChange("old.yaml", None)),
    }
    return BranchCommit(**(fields | changes))


@only(ForgeKind.GITHUB)
async def test_commit_through_the_api(world_of: World) -> None:
    assert isinstance(world_of.stand_in, GithubStandIn)
    world_of.branches.delete(HEAD)
    oid = await world_of.connect().commit(commit())
    assert world_of.stand_in.refs == {HEAD: oid}
    (made,) = world_of.stand_in.made_commits
    assert made["message"] == {"headline": "Update web", "body": "web: 1.1.0\n"}
    assert made["expectedHeadOid"] == A_COMMIT
    assert made["fileChanges"] == {
        "additions": [{"path": "app.yaml", "contents": "aW1hZ2U6IHdlYjoxLjEuMAo="}],
        "deletions": [{"path": "old.yaml"}],
    }


@only(ForgeKind.GITHUB)
async def test_commit_through_the_api_never_goes_over_a_persons(world_of: World) -> None:
    assert isinstance(world_of.stand_in, GithubStandIn)
    theirs = world_of.branches.push(HEAD)
    with pytest.raises(Conflict, match="is not where it was"):
        await world_of.connect().commit(commit(expected=A_COMMIT))
    assert world_of.stand_in.ref(HEAD) == theirs
    assert world_of.stand_in.refs == {}


@only(ForgeKind.GITHUB)
async def test_commit_that_is_refused_is_said_though_nothing_can_be_tidied_up(world_of: World) -> None:
    def respond(request: Request) -> CannedResponse | None:
        if b"createCommitOnBranch" in request.body:
            return CannedResponse(200, b'{"errors": [{"message": "A path was requested that is not there"}]}')
        if b"updateRefs" in request.body:
            return CannedResponse(502)
        return world_of.stand_in.respond(request)

    world_of.server.respond = respond
    with pytest.raises(Refused, match="A path was requested"):
        await world_of.connect().commit(commit())


@only(ForgeKind.GITHUB)
async def test_head_branch_never_stands_at_its_base(world_of: World) -> None:
    # GitHub closes a pull request whose branch has nothing that its base has not, be it for a moment.
    assert isinstance(world_of.stand_in, GithubStandIn)
    await world_of.connect().create(desired())
    before = world_of.branches.head(HEAD)
    await world_of.connect().commit(commit(expected=before, parent=world_of.branches.head(BASE)))
    assert world_of.stand_in.ref(HEAD) != before
    assert world_of.stand_in.pulls[1].state == "open"


@only(ForgeKind.GITHUB)
async def test_branch_left_by_a_crash_is_used_again(world_of: World) -> None:
    assert isinstance(world_of.stand_in, GithubStandIn)
    world_of.branches.delete(HEAD)
    await world_of.connect().commit(commit())
    (name,) = {ref["branch"]["branchName"] for ref in world_of.stand_in.made_commits}
    world_of.stand_in.refs = {name: "b" * 40}
    oid = await world_of.connect().commit(commit())
    assert world_of.stand_in.refs == {HEAD: oid}


@only(ForgeKind.GITHUB)
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param((FileChange("run.sh", b"#!/bin/sh\n", 0o100755),), id="executable"),
        pytest.param((FileChange("link", b"target", 0o120000),), id="link"),
        pytest.param((FileChange("big.yaml", bytes(11 << 20)),), id="large"),
        pytest.param(tuple(FileChange(f"{number}.yaml", b"") for number in range(501)), id="many"),
    ],
)
async def test_commit_that_the_api_cannot_make_is_pushed_instead(
    world_of: World, changes: tuple[FileChange, ...]
) -> None:
    with pytest.raises(Refused, match="the commit is pushed instead"):
        await world_of.connect().commit(commit(changes=changes))
    assert world_of.stand_in.calls == []


@only(*(kind for kind in ForgeKind if kind is not ForgeKind.GITHUB))
async def test_no_other_forge_signs_commits(world_of: World) -> None:
    with pytest.raises(Refused, match="leave commits to Git"):
        await world_of.connect().commit(commit())


# GitLab


@only(ForgeKind.GITLAB)
async def test_gitlab_merges_nothing_before_there_is_a_pipeline(world_of: World) -> None:
    assert isinstance(world_of.stand_in, GitlabStandIn)
    world_of.stand_in.has_pipeline = False
    outcome = await world_of.connect().create(desired(auto_merge=MergeMethod.MERGE))
    assert world_of.stand_in.pulls[1].state == "open"
    assert [(warning.what, warning.again) for warning in outcome.warnings] == [("auto-merge", True)]
    world_of.stand_in.has_pipeline = True
    again = await world_of.connect().update(outcome.pull_request, desired(auto_merge=MergeMethod.MERGE))
    assert (again.warnings, again.pull_request.auto_merge) == ((), True)


@only(ForgeKind.GITLAB)
async def test_gitlab_is_waited_for_while_it_checks(world_of: World) -> None:
    assert isinstance(world_of.stand_in, GitlabStandIn)
    world_of.stand_in.merge_statuses = ["preparing", "checking"]
    outcome = await world_of.connect().create(desired(auto_merge=MergeMethod.SQUASH))
    assert (outcome.warnings, world_of.stand_in.pulls[1].auto_merge) == ((), "squash")
    world_of.stand_in.pulls[1].auto_merge = ""
    world_of.stand_in.merge_statuses = ["checking"] * 10
    unarmed = replace(outcome.pull_request, auto_merge=False)
    later = await world_of.connect().update(unarmed, desired(auto_merge=MergeMethod.SQUASH))
    assert [warning.again for warning in later.warnings] == [True]


@only(ForgeKind.GITLAB)
async def test_gitlab_says_401_to_who_may_not_merge(world_of: World) -> None:
    world_of.stand_in.accounts[TOKEN] = Account(BOT, frozenset({"read", "write"}))
    outcome = await world_of.connect().create(desired(auto_merge=MergeMethod.MERGE))
    assert ["right to merge" in warning.message for warning in outcome.warnings] == [True]


@only(ForgeKind.GITLAB)
async def test_gitlab_label_with_a_comma(world_of: World) -> None:
    outcome = await world_of.connect().create(desired(labels=("a,b", "images")))
    assert world_of.stand_in.pulls[1].labels == ["images"]
    assert [warning.message for warning in outcome.warnings] == ["a,b: a label with a comma cannot be added"]


@only(ForgeKind.GITLAB)
async def test_gitlab_without_a_licence_takes_one_reviewer(world_of: World) -> None:
    outcome = await world_of.connect().create(desired(reviewers=("alice", "bob")))
    assert ["1 of 2 were not taken" in warning.message for warning in outcome.warnings] == [True]


# Gitea


@only(ForgeKind.GITEA)
async def test_gitea_before_filters_by_branch(world_of: World) -> None:
    assert isinstance(world_of.stand_in, GiteaStandIn)
    world_of.stand_in.filters_by_base = False
    world_of.stand_in.page_size = 7  # a server's own setting
    for number in range(40):
        world_of.branches.push(f"other/{number}")
        world_of.stand_in.add(f"other/{number}")
    forge = world_of.connect()
    made = (await forge.create(desired())).pull_request
    assert [entry.number for entry in await forge.find(HEAD, BASE)] == [made.number]
    assert len(await forge.list_open("other/")) == 40


@only(ForgeKind.GITEA)
async def test_gitea_oldest_is_not_taken_for_the_open_one(world_of: World) -> None:
    forge = world_of.connect()
    await forge.create(desired())
    world_of.stand_in.decline(1)
    world_of.branches.push(HEAD)
    await forge.create(desired(content=TWO))
    assert [(entry.number, entry.state) for entry in await forge.find(HEAD, BASE)] == [
        (2, State.OPEN),
        (1, State.CLOSED),
    ]


# Those whose listings have the whole texts, which anybody may write from a fork


@only(ForgeKind.GITHUB, ForgeKind.GITLAB, ForgeKind.GITEA)
@pytest.mark.parametrize("others", [0, 3, 105])
async def test_long_texts_of_strangers_do_not_keep_ours_out(
    world_of: World, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 200_000)
    made = (await world_of.connect().create(desired())).pull_request
    for _ in range(12):
        world_of.stand_in.add(HEAD, is_fork=True, body="x" * 40_000)
    for number in range(others):
        world_of.branches.push(f"x/{number}")
        world_of.stand_in.add(f"x/{number}")
    forge = world_of.connect()
    assert [entry.number for entry in await forge.list_open("tagline/")] == [made.number]
    assert forge.requests <= 30
    assert len(await forge.list_open("x/")) == others
    assert [entry.number for entry in await forge.find(HEAD, BASE)] == [made.number]


# Bitbucket Cloud


@only(ForgeKind.BITBUCKET)
async def test_bitbucket_reviewer_who_left_does_not_stop_updates(world_of: World) -> None:
    forge = world_of.connect()
    made = (await forge.create(desired(reviewers=("{alice}", "{bob}")))).pull_request
    world_of.stand_in.people.remove("bob")
    changed = (await forge.update(made, desired(title="Update web to 1.2.0", content=TWO))).pull_request
    assert (changed.title, world_of.stand_in.pulls[1].title) == ("Update web to 1.2.0", "Update web to 1.2.0")
    assert world_of.stand_in.pulls[1].reviewers == ["{alice}"]


@only(ForgeKind.BITBUCKET)
async def test_bitbucket_close_keeps_a_title_that_somebody_wrote_meanwhile(world_of: World) -> None:
    forge = world_of.connect()
    made = (await forge.create(desired())).pull_request
    world_of.stand_in.pulls[1].title = "By hand"
    await forge.close(made, "")
    assert world_of.stand_in.pulls[1].title == "By hand"


@only(ForgeKind.BITBUCKET)
@pytest.mark.parametrize(
    "url",
    ["https://evil.example/2.0/repositories/org/fleet/pullrequests?page=2", "http://[", "/x", "{url}/2.0/user?page=2"],
)
async def test_bitbucket_next_page_elsewhere_is_not_asked(world_of: World, url: str) -> None:
    body = f'{{"values": [], "next": "{url.format(url=world_of.server.url)}"}}'
    world_of.stand_in.canned = [CannedResponse(200, body.encode())]
    with pytest.raises(BadAnswer, match="its next page is"):
        await world_of.connect().list_open("")
    assert len(world_of.stand_in.calls) == 1


@only(ForgeKind.BITBUCKET)
async def test_bitbucket_query_is_escaped(world_of: World) -> None:
    forge = world_of.connect()
    branch = 'tagline/x" OR state = "OPEN'
    assert await forge.find(branch, BASE) == ()
    await forge.create(desired())
    assert await forge.find(branch, BASE) == ()


# Bitbucket Data Center


class Racing(BitbucketServerStandIn):
    """Somebody changes the pull request each time after it was read, some times."""

    races = 0

    def show(self, pull: Pull) -> dict[str, Any]:
        shown = super().show(pull)
        if self.races:
            self.races -= 1
            pull.version += 1
        return shown


@only(ForgeKind.BITBUCKET_SERVER)
@pytest.mark.parametrize(("races", "fails"), [(1, False), (2, False), (9, True)])
async def test_bitbucket_server_versions(world_of: World, races: int, fails: bool) -> None:
    racing = Racing(world_of.branches, url=world_of.server.url)
    world_of.server.respond = racing.respond
    forge = world_of.connect()
    made = (await forge.create(desired())).pull_request
    racing.races = races
    if fails:
        with pytest.raises(Conflict):
            await forge.update(made, desired(content=TWO))
        return
    await forge.update(made, desired(title="Newer", content=TWO))
    assert racing.pulls[1].title == "Newer"


@only(ForgeKind.BITBUCKET_SERVER)
async def test_bitbucket_server_says_what_is_wrong_with_a_reviewer(world_of: World) -> None:
    outcome = await world_of.connect().create(desired(reviewers=("alice", "nobody")))
    (warning,) = outcome.warnings
    assert warning.message.startswith("nobody is not accepted: it answered 409: ")
    assert warning.message.endswith("nobody is not a user.")


@only(ForgeKind.BITBUCKET_SERVER)
@pytest.mark.parametrize("moment", [-1, 2**62, 253_402_300_800_000])
async def test_moment_beyond_all_years(world_of: World, moment: int) -> None:
    await world_of.connect().create(desired())

    def respond(request: Request) -> CannedResponse | None:
        answer = world_of.stand_in.respond(request)
        if answer:
            answer.body = answer.body.replace(b"1796040000000", str(moment).encode())
        return answer

    world_of.server.respond = respond
    with pytest.raises(BadAnswer, match="createdDate"):
        await world_of.connect().list_open("")


@only(ForgeKind.BITBUCKET_SERVER)
async def test_duplicate_that_cannot_be_found_is_said(world_of: World) -> None:
    forge = world_of.connect()
    body = b'{"errors":[{"message":"x","exceptionName":"com.atlassian.bitbucket.pull.DuplicatePullRequestException"}]}'
    world_of.stand_in.canned = [CannedResponse(409, body)]
    with pytest.raises(AlreadyExists, match="it answered 409"):
        await forge.create(desired())


# Azure DevOps


@only(ForgeKind.AZURE_DEVOPS)
async def test_azure_page_to_sign_in_is_a_token_that_does_not_count(world_of: World) -> None:
    where = {"Location": "https://spsprodweu2.vssps.visualstudio.com/_signin?realm=dev.azure.com"}
    world_of.stand_in.canned = [CannedResponse(302, b"<html>", where), CannedResponse(203, b"<html>Sign In", {})]
    for status in (302, 203):
        with pytest.raises(AuthenticationFailed, match=f"it answered {status} with a page to sign in; check that"):
            await world_of.connect().list_open("")


@only(ForgeKind.AZURE_DEVOPS)
async def test_azure_stamp_is_read_from_what_listings_show(world_of: World) -> None:
    forge = world_of.connect()
    name = f"{'n' * 63}/{'a' * 253}"
    await forge.create(desired(automation=name, body="x" * 9000))
    (found,) = await forge.list_open("tagline/")
    assert len(found.body) == 400
    assert found.stamp
    assert (found.stamp.automation, found.stamp.content) == (name, ONE)


@only(ForgeKind.AZURE_DEVOPS)
async def test_azure_pages(world_of: World) -> None:
    assert isinstance(world_of.stand_in, AzureDevopsStandIn)
    for number in range(100):
        world_of.branches.push(f"x/{number}")
        world_of.stand_in.add(f"x/{number}")
    forge = world_of.connect()
    assert len(await forge.list_open("x/")) == 100
    assert forge.requests == 2


# Logins


@pytest.mark.parametrize(
    ("kind", "login", "header"),
    [
        (ForgeKind.GITHUB, Bearer("tok"), "Bearer tok"),
        (ForgeKind.GITHUB, Basic("x-access-token", "tok"), "Bearer tok"),
        (ForgeKind.GITHUB, Basic("tok", "x-oauth-basic"), "Bearer tok"),
        (ForgeKind.GITLAB, Basic("oauth2", "tok"), "Bearer tok"),
        (ForgeKind.GITEA, Basic("bot", "pw"), "Basic Ym90OnB3"),
        (ForgeKind.GITEA, Bearer("tok"), "Bearer tok"),
        (ForgeKind.BITBUCKET, Basic("bot", "pw"), "Basic Ym90OnB3"),
        (ForgeKind.BITBUCKET, Bearer("tok"), "Bearer tok"),
        (ForgeKind.BITBUCKET_SERVER, Bearer("tok"), "Bearer tok"),
        (ForgeKind.AZURE_DEVOPS, Basic("anything", "pat"), "Basic OnBhdA=="),
        (ForgeKind.AZURE_DEVOPS, Bearer("pat"), "Basic OnBhdA=="),
        (ForgeKind.AZURE_DEVOPS, Bearer("eyJ.a.b"), "Bearer eyJ.a.b"),
        (ForgeKind.AZURE_DEVOPS, Basic("anything", "a.b.\n"), "Basic OmEuYi4K"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("world_of", [ForgeKind.GITHUB], indirect=True)
async def test_header_of_each_login(world_of: World, kind: ForgeKind, login: Basic | Bearer, header: str) -> None:
    seen: list[str] = []

    def respond(request: Request) -> CannedResponse:
        seen.append(request.headers["Authorization"])
        return CannedResponse(500)

    world_of.server.respond = respond
    url = {
        ForgeKind.BITBUCKET_SERVER: f"{world_of.server.url}/scm/o/f.git",
        ForgeKind.AZURE_DEVOPS: f"{world_of.server.url}/c/p/_git/f",
    }.get(kind, f"{world_of.server.url}/o/f")
    forges: Forges = world_of.forges
    with pytest.raises(Exception, match="it answered 500"):
        await forges.connect(locate(kind, url), login, Remote(url)).list_open("")
    assert seen == [header]
