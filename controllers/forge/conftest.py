"""What the tests of this package share: each forge as a stand-in, and our side of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controllers.forge.decision import digest
from controllers.forge.forges import Forges
from controllers.forge.location import locate
from controllers.forge.model import Desired, Forge, ForgeKind
from controllers.git.protocol.session import Check, anyone
from controllers.git.remote import Bearer, Remote
from controllers.net.destinations import Destinations
from testing.clock import VirtualClock
from testing.forges.azuredevops import COLLECTION, AzureDevopsStandIn
from testing.forges.bitbucket import BitbucketStandIn
from testing.forges.bitbucket_server import BitbucketServerStandIn
from testing.forges.gitea import GiteaStandIn
from testing.forges.github import GithubStandIn
from testing.forges.gitlab import GitlabStandIn
from testing.forges.standin import NAME, OWNER, TOKEN, MemoryBranches, StandIn
from testing.gitserver import GitServer, git_server

STAND_INS = {
    ForgeKind.GITHUB: GithubStandIn,
    ForgeKind.GITLAB: GitlabStandIn,
    ForgeKind.GITEA: GiteaStandIn,
    ForgeKind.BITBUCKET: BitbucketStandIn,
    ForgeKind.BITBUCKET_SERVER: BitbucketServerStandIn,
    ForgeKind.AZURE_DEVOPS: AzureDevopsStandIn,
}
PATHS = {
    ForgeKind.BITBUCKET_SERVER: f"scm/{OWNER}/{NAME}.git",
    ForgeKind.AZURE_DEVOPS: f"{COLLECTION[1:]}/{OWNER}/_git/{NAME}",
}
AUTOMATION = "apps/web"
HEAD, BASE = "tagline/web", "main"
ONE, TWO = digest([("web", "1.1.0")]), digest([("web", "1.2.0")])


@dataclass(slots=True)
class World:
    """A stand-in with a branch for a pull request, and a connection to it."""

    kind: ForgeKind
    server: GitServer
    stand_in: StandIn
    branches: MemoryBranches
    forges: Forges
    clock: VirtualClock

    @property
    def url(self) -> str:
        return f"{self.server.url}/{PATHS.get(self.kind, f'{OWNER}/{NAME}.git')}"

    def connect(self, token: str = TOKEN, *, check: Check = anyone) -> Forge:
        login, remote = Bearer(token) if token else None, Remote(self.url)
        return self.forges.connect(locate(self.kind, self.url), login, remote, check=check)


def desired(**changes: object) -> Desired:
    """Return what the tests offer unless they say something else."""
    fields: dict[str, object] = {
        "head": HEAD,
        "base": BASE,
        "title": "Update web",
        "body": "web: 1.0.0 to 1.1.0\n",
        "automation": AUTOMATION,
        "content": ONE,
    }
    return Desired(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path) as server:
        yield server


def build_world(kind: ForgeKind, server: GitServer) -> World:
    branches, clock = MemoryBranches(), VirtualClock(auto_advance=True)
    branches.push(BASE, base="")
    branches.push(HEAD)
    stand_in = STAND_INS[kind](branches, url=server.url)
    server.respond = stand_in.respond
    return World(kind, server, stand_in, branches, Forges(destinations=Destinations(), clock=clock), clock)


@pytest.fixture(params=list(ForgeKind), ids=str)
def world(request: pytest.FixtureRequest, server: GitServer) -> Iterator[World]:
    """Each forge in turn."""
    built = build_world(request.param, server)
    yield built
    built.forges.close()


@pytest.fixture
def world_of(request: pytest.FixtureRequest, server: GitServer) -> Iterator[World]:
    """Build the forge that the test names by an indirect parameter."""
    built = build_world(request.param, server)
    yield built
    built.forges.close()
