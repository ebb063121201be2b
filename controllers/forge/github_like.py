"""What GitHub's API has in common with Gitea's, which is modelled on it: pull requests that are issues, too."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Final

from controllers.forge.api import Api, path
from controllers.forge.driver import Driver, Text
from controllers.forge.location import Location
from controllers.forge.model import PullRequest
from controllers.forge.named import add_each

TEAM: Final = "team/"


class GithubLike(Driver):
    """Base of both drivers."""

    def __init__(self, api: Api, location: Location) -> None:
        self._api = api
        self._owner = location.owner
        self._repository = path("repos", location.owner, location.name)
        self._pulls = f"{self._repository}/pulls"

    async def edit(self, pull_request: PullRequest, base: str, text: Text) -> PullRequest:
        body = {"title": text.title, "body": text.body}
        return await self._patch(pull_request, body | ({"base": base} if base != pull_request.base else {}))

    async def comment(self, pull_request: PullRequest, text: str) -> None:
        await self._api.send("POST", f"{self._issue(pull_request)}/comments", body={"body": text})

    async def close(self, pull_request: PullRequest, body: str) -> PullRequest:
        return await self._patch(pull_request, {"state": "closed", "body": body})

    async def request_reviews(self, pull_request: PullRequest, reviewers: Sequence[str]) -> Sequence[str]:
        """Ask all at once; one by one where the forge refuses all because of one."""

        async def add(names: Sequence[str]) -> None:
            body = {
                "reviewers": [name for name in names if not name.startswith(TEAM)],
                "team_reviewers": [name.removeprefix(TEAM) for name in names if name.startswith(TEAM)],
            }
            await self._api.send("POST", f"{self._one(pull_request)}/requested_reviewers", body=body)

        return await add_each(reviewers, add)

    @abstractmethod
    async def _patch(self, pull_request: PullRequest, body: dict[str, str]) -> PullRequest:
        """Change what the body names, and return what the pull request is then."""

    def _one(self, pull_request: PullRequest) -> str:
        return f"{self._pulls}{path(pull_request.number)}"

    def _issue(self, pull_request: PullRequest) -> str:
        return f"{self._repository}/issues{path(pull_request.number)}"
