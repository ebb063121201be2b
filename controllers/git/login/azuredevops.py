"""Azure DevOps: log in with a token of Microsoft Entra.

Follows https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/service-principal-managed-identity.
Whose token it is: see `cloud.azure`. A token opens every organisation that its identity is a user of, so it goes to
Azure DevOps and to no other host.
"""

from urllib.parse import urlsplit

from controllers.cloud import sdk
from controllers.cloud.azure import AUDIENCE, access_token, translate_errors
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken, sent_secrets
from controllers.git.remote import Bearer
from controllers.net.foreign_text import sanitize
from controllers.net.url import redact_text

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps as a whole."""
HOST = "dev.azure.com"
LEGACY_HOST_SUFFIX = ".visualstudio.com"
"""Of organisations that never moved to HOST."""
URL_FORMAT = f"https://{HOST}/<organization>/<project>/_git/<repository>"


def credential_scope(url: str) -> str:
    """Return the scope, which is the same for all repositories. Raises LoginFailed for a URL of another host."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and parts.port in (None, 443) and (host == HOST or host.endswith(LEGACY_HOST_SUFFIX)):
        return HOST
    raise LoginFailed(f"invalid Azure DevOps repository: '{sanitize(redact_text(url))}'. must be like {URL_FORMAT}")


def audience(identity: Identity) -> str:
    """Return the audience of the Kubernetes token."""
    return AUDIENCE


def login(credential_scope: str, subject: SubjectToken | None, *, proxy: str) -> Login[Bearer]:
    """Return a token, good for an hour or more. Blocks for one or two requests. Raises LoginFailed."""
    with translate_errors(*sent_secrets(subject, proxy)):
        token = access_token(SCOPE, subject, proxy=proxy)
    return Login(Bearer(sdk.fit(token.credentials, "the access token")), token.expires_at)
