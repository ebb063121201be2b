"""Commits that GitHub makes and signs: "Verified", as the App or user whose token it is.

https://docs.github.com/graphql/reference/mutations#createcommitonbranch. A head branch must not stand at its base even
for a moment, since GitHub then closes its pull request. So the commit is made on a branch of its own, and the head
branch is moved to it by `updateRefs`, which has the old value as a precondition, as a push does.
"""

import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any, Final, TypeVar

import msgspec

from controllers.forge.errors import BadAnswer, Conflict, ForgeError, Refused
from controllers.forge.location import Location
from controllers.forge.model import BranchCommit, FileChange
from controllers.forge.stamp import short_digest
from controllers.net.library_errors import describe

T = TypeVar("T")

MAX_BYTES: Final = 10 << 20
"""Of all files together. GitHub's own bound of a request is a little more than that in Base64."""
MAX_FILES: Final = 500
REGULAR: Final = 0o100644
NOTHING: Final = "0" * 40
WORKING_BRANCH: Final = "tagline-commit/"

REPOSITORY: Final = "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { id } }"
CREATE_REF: Final = (
    "mutation($repository: ID!, $name: String!, $oid: GitObjectID!) "
    "{ createRef(input: {repositoryId: $repository, name: $name, oid: $oid}) { clientMutationId } }"
)
COMMIT: Final = (
    "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }"
)
UPDATE_REFS: Final = "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"

QueryGraph = Callable[[str, dict[str, Any]], Awaitable[Any]]


class _Repository(msgspec.Struct):
    id: str


class _RepositoryAnswer(msgspec.Struct):
    repository: _Repository


class _Commit(msgspec.Struct):
    oid: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]


class _Created(msgspec.Struct):
    commit: _Commit


class _CommitAnswer(msgspec.Struct):
    createCommitOnBranch: _Created  # noqa: N815 -- GraphQL's name


class GithubCommits:
    """Makes commits in one repository."""

    def __init__(self, location: Location, query_graph: QueryGraph) -> None:
        self._location = location
        self._query = query_graph

    async def commit(self, commit: BranchCommit) -> str:
        """Return the name of a commit that is on the branch now; four or five requests.

        Raises Refused for what the API cannot make, and Conflict when the branch is not where it was expected.
        """
        check_changes(commit.changes)
        where = {"owner": self._location.owner, "name": self._location.name}
        repository = _read(await self._query(REPOSITORY, where), _RepositoryAnswer).repository.id
        working = WORKING_BRANCH + short_digest(commit.branch, commit.expected, commit.parent, commit.message)
        start = {"repository": repository, "name": f"refs/heads/{working}", "oid": commit.parent}
        await self._start(repository, working, start)
        try:
            made = _read(await self._query(COMMIT, {"input": self._input(commit, working)}), _CommitAnswer)
            oid = made.createCommitOnBranch.commit.oid
        except ForgeError:
            await self._clean_up(repository, working)
            raise
        head = _move(commit.branch, commit.expected or NOTHING, oid)
        try:
            await self._update(repository, [head, _move(working, oid, NOTHING)])
        except Refused as error:
            await self._clean_up(repository, working)
            raise Conflict(f"{commit.branch} is not where it was: {error.reason}") from error
        return oid

    async def _start(self, repository: str, working: str, start: dict[str, Any]) -> None:
        try:
            await self._query(CREATE_REF, start)
        except Refused:  # a crash has left it: nobody else makes branches of this name
            await self._update(repository, [_move(working, "", NOTHING)])
            await self._query(CREATE_REF, start)

    async def _clean_up(self, repository: str, working: str) -> None:
        """Delete the working branch after a failure, which is what counts; the same try again deletes it, too."""
        with suppress(ForgeError):
            await self._update(repository, [_move(working, "", NOTHING)])

    async def _update(self, repository: str, moves: list[dict[str, Any]]) -> None:
        await self._query(UPDATE_REFS, {"input": {"repositoryId": repository, "refUpdates": moves}})

    def _input(self, commit: BranchCommit, working: str) -> dict[str, Any]:
        headline, _, body = commit.message.partition("\n")
        kept = [change for change in commit.changes if change.content is not None]
        return {
            "branch": {
                "repositoryNameWithOwner": f"{self._location.owner}/{self._location.name}",
                "branchName": working,
            },
            "expectedHeadOid": commit.parent,
            "message": {"headline": headline, "body": body.lstrip("\n")},
            "fileChanges": {
                "additions": [
                    {"path": change.path, "contents": base64.b64encode(change.content or b"").decode()}
                    for change in kept
                ],
                "deletions": [{"path": change.path} for change in commit.changes if change.content is None],
            },
        }


def _read(data: Any, into: type[T]) -> T:
    """Return what GraphQL answered. Raises BadAnswer."""
    try:
        return msgspec.convert(data, into)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"the answer is not what its API answers: {describe(error)}") from error


def check_changes(changes: tuple[FileChange, ...]) -> None:
    """Raise Refused for files that cannot be written through the API, or are too many or too large."""
    for change in changes:
        if change.content is not None and change.mode != REGULAR:
            raise Refused(
                f"{change.path} is executable or a link, which its API does not keep",
                remedy="the commit is pushed instead, and is not signed by GitHub",
            )
    size = sum(len(change.content or b"") for change in changes)
    if size > MAX_BYTES or len(changes) > MAX_FILES:
        raise Refused(
            f"{len(changes)} files of {size} bytes are more than its API takes ({MAX_FILES} files, {MAX_BYTES} bytes)",
            remedy="the commit is pushed instead, and is not signed by GitHub",
        )


def _move(branch: str, before: str, after: str) -> dict[str, Any]:
    move = {"name": f"refs/heads/{branch}", "afterOid": after, "force": True}
    return move | ({"beforeOid": before} if before else {})
