"""Azure DevOps: a token of Microsoft Entra as a bearer token.

Follows https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/service-principal-managed-identity.
Whose token it is: see `cloud.azure`. A token opens every organisation that its identity is a user of, so it goes to
Azure DevOps and to no other host.
"""

from urllib.parse import urlsplit

from controllers.cloud.azure import AUDIENCE, access_token, explained
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, Subject
from controllers.git.errors import foreign
from controllers.git.remote import Bearer

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps, wherever its organisation is."""
HOST = "dev.azure.com"
FORMER_HOSTS = ".visualstudio.com"
"""Of organisations that never moved."""
FORM = f"https://{HOST}/<organization>/<project>/_git/<repository>"


def place(url: str) -> str:
    """One for all repositories. Raises LoginFailed for a URL that is none of Azure DevOps'."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and parts.port in (None, 443) and (host == HOST or host.endswith(FORMER_HOSTS)):
        return HOST
    raise LoginFailed(f"invalid Azure DevOps repository: '{foreign(url)}'. must be like {FORM}")


def audience(identity: Identity) -> str:
    """Of the Kubernetes token."""
    return AUDIENCE


def login(place: str, subject: Subject | None, *, proxy: str) -> Login[Bearer]:
    """A token for Azure DevOps: good for an hour or more. Blocks for one or two requests. Raises LoginFailed."""
    with explained():
        token = access_token(SCOPE, subject, proxy=proxy)
    return Login(Bearer(token.credentials), token.expires_at)
