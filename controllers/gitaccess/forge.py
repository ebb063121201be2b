"""Where an automation's pull requests are made, and as whom: `spec.git.pullRequest` with its Secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.gitrepository import GitRepository
from api.pullrequest import AUTO, FORGES, PullRequestSpec
from controllers.forge.errors import BadLocation
from controllers.forge.location import Location, detect, locate
from controllers.forge.model import ForgeKind
from controllers.git.remote import Basic, Bearer, Remote
from controllers.net.credential import UnfitCredential, fit_text, fit_token

TOKEN_KEYS = ("token", "bearerToken")
"""Keys of a Secret under which a token may be; as user name and password, it may be under those."""


class BadForge(Exception):
    """The spec leads to no forge, or its Secret to no login; the text says what to do."""


@dataclass(frozen=True, slots=True)
class ForgeAccess:
    """A repository at a forge, and as whom to ask it."""

    location: Location
    login: Basic | Bearer | None = field(repr=False)


def find_location(spec: PullRequestSpec, repository: GitRepository) -> Location:
    """Return the repository at its forge. Raises BadForge."""
    url = repository.spec.url
    kind = detect(url, provider=repository.spec.provider) if spec.forge == AUTO else ForgeKind(spec.forge)
    if kind is None:
        known = ", ".join(FORGES[1:])
        raise BadForge(f"the Git host's name does not tell the forge: set spec.git.pullRequest.forge ({known})")
    try:
        return locate(kind, url, api=spec.api)
    except BadLocation as error:
        raise BadForge(str(error)) from error


def login_from_secret(data: Mapping[str, bytes], *, secret_name: str) -> Basic | Bearer:
    """Return the login that a Secret for a forge's API holds. Raises BadForge."""
    try:
        for key in TOKEN_KEYS:
            if token := fit_token(data.get(key, b""), f"secret '{secret_name}': '{key}'"):
                return Bearer(token)
        username, password = (
            fit_text(data.get(key, b""), f"secret '{secret_name}': '{key}'") for key in ("username", "password")
        )
    except UnfitCredential as error:
        raise BadForge(str(error)) from None
    if password:
        return Basic(username, password) if username else Bearer(password)
    raise BadForge(
        f"secret '{secret_name}' has no token for the forge's API: set 'token', or 'username' and 'password', or the "
        "keys of a GitHub App"
    )


def login_of(remote: Remote) -> Basic | Bearer:
    """Return the login of a repository as one for its forge's API. Raises BadForge."""
    if isinstance(remote.credentials, Basic | Bearer):
        return remote.credentials
    raise BadForge(
        "pull requests need a token for the forge's API, and the GitRepository "
        f"{'logs in with a key' if remote.credentials else 'has no login'}: name a Secret with 'token' in "
        "spec.git.pullRequest.secretRef"
    )
