"""From a location and a login to a forge."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from controllers.clock import Clock
from controllers.forge import azuredevops, bitbucket, bitbucket_server, gitea, github, gitlab
from controllers.forge.api import Api, Explain
from controllers.forge.driver import Driver
from controllers.forge.location import Location
from controllers.forge.model import Forge, ForgeKind
from controllers.forge.repository import RepositoryForge
from controllers.forge.transport import Identity, Transport
from controllers.git.protocol.session import Check, anyone
from controllers.git.remote import Basic, Bearer, Remote
from controllers.net.credential import is_token
from controllers.net.destinations import Destinations
from controllers.net.headers import basic_authorization
from controllers.net.redaction import login_secrets

NO_PASSWORD: Final = ("", "x-oauth-basic")
"""Passwords of those who have the token as user name."""


class Forges:
    """All forges that a process talks to: connections, earlier listings, pauses. Used from one event loop."""

    def __init__(self, *, destinations: Destinations, clock: Clock) -> None:
        """destinations: where APIs may be, besides on the host of the repository's own URL."""
        self._transport = Transport(destinations=destinations, clock=clock)

    def connect(self, location: Location, login: Basic | Bearer | None, via: Remote, *, check: Check = anyone) -> Forge:
        """Return a repository as one identity. Sends nothing.

        login: a token (`Bearer`), or user name and token (`Basic`), such as that of a GitHub App; None: each request
        fails, and says what to do. via: the repository's remote, whose TLS material, proxy, tenant and timeout to use;
        its credentials are not used. Connections, earlier listings and pauses are shared by those who agree in all of
        that. check: called right before each write is sent, after any wait for its turn; what it raises goes to the
        caller.
        """
        kind, identity = _KINDS[location.kind], None
        fault = _fault(login)
        if login is not None and not fault:
            headers = (("Authorization", kind.authorize(login)), *kind.headers)
            identity = Identity(location.api, headers, replace(via, credentials=None), _secrets(login))
        api = Api(
            self._transport,
            identity,
            name=location.forge,
            repository=location.repository,
            api=location.api,
            explain=kind.explain,
            fault=fault,
            check=check,
        )
        return RepositoryForge(kind.driver(api, location), api)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()


def _fault(login: Basic | Bearer | None) -> str:
    """Return why there is no token to send; empty where there is one."""
    token = _token(login) if login else ""
    if not token:
        return "there is no token for its API"
    if isinstance(login, Bearer) and not is_token(token):
        return "the token for its API has a character in it that no token has, like a line break"
    return ""


def _secrets(login: Basic | Bearer) -> tuple[str, ...]:
    if isinstance(login, Bearer):
        return (login.token, f":{login.token}")
    return (*login_secrets(login.username, login.password), _token(login))


def _token(login: Basic | Bearer) -> str:
    if isinstance(login, Bearer):
        return login.token
    return login.username if login.password in NO_PASSWORD else login.password


def _as_bearer(login: Basic | Bearer) -> str:
    """Return a header for forges whose APIs take tokens alone, whatever Git sends them with."""
    token = _token(login)
    return f"Bearer {token}" if is_token(token) else basic_authorization("", token)  # a password: it is refused


def _as_either(login: Basic | Bearer) -> str:
    return basic_authorization(login.username, login.password) if isinstance(login, Basic) else f"Bearer {login.token}"


def _for_azure(login: Basic | Bearer) -> str:
    """Return a header for Azure DevOps: a token of Microsoft Entra is a JSON Web Token, a personal one a password."""
    token = _token(login)
    return f"Bearer {token}" if token.count(".") == 2 and is_token(token) else basic_authorization("", token)


@dataclass(frozen=True, slots=True)
class _Kind:
    driver: Callable[[Api, Location], Driver]
    explain: Explain
    authorize: Callable[[Basic | Bearer], str]
    headers: tuple[tuple[str, str], ...] = ()


_KINDS: Final = {
    ForgeKind.GITHUB: _Kind(
        github.Github,
        github.explain,
        _as_bearer,
        (("Accept", "application/vnd.github+json"), ("X-GitHub-Api-Version", "2022-11-28")),
    ),
    ForgeKind.GITLAB: _Kind(gitlab.Gitlab, gitlab.explain, _as_bearer),
    ForgeKind.GITEA: _Kind(gitea.Gitea, gitea.explain, _as_either),
    ForgeKind.BITBUCKET: _Kind(bitbucket.Bitbucket, bitbucket.explain, _as_either),
    ForgeKind.BITBUCKET_SERVER: _Kind(
        bitbucket_server.BitbucketServer, bitbucket_server.explain, _as_either, (("X-Atlassian-Token", "no-check"),)
    ),
    ForgeKind.AZURE_DEVOPS: _Kind(azuredevops.AzureDevops, azuredevops.explain, _for_azure),
}
