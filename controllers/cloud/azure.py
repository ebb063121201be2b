"""Tokens of Microsoft Entra: an application's, or those of the process.

The process's come from the SDK's default chain without the links that run developers' tools: service principal,
workload identity, managed identity. An application's is given for the ServiceAccount's token, which it has to trust:
https://learn.microsoft.com/entra/workload-id/workload-identity-federation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from controllers.cloud import sdk
from controllers.cloud.identity import Login, SubjectToken

EXTRA = "azure"
AUDIENCE = "api://AzureADTokenExchange"
EXCLUDED_CREDENTIALS = ("cli", "powershell", "developer_cli", "visual_studio_code", "shared_token_cache", "broker")


@contextmanager
def translate_errors(*secrets: str) -> Iterator[None]:
    """Turn what the SDK raises into LoginFailed. secrets: what is sent, and must not come back in a message."""
    errors = sdk.load("azure.core.exceptions", extra=EXTRA)
    try:
        yield
    except errors.AzureError as error:
        raise sdk.login_error(error, secrets) from error
    except sdk.UNEXPECTED_ERRORS as error:
        raise sdk.unexpected_answer_error(error) from error


def access_token(scope: str, subject: SubjectToken | None, *, proxy: str, authority: str = "") -> Login[str]:
    """Return a token for a scope. Blocks for one or two requests. Raises as `translate_errors`.

    authority: where tokens come from; "" leaves it to the SDK and its variable AZURE_AUTHORITY_HOST.
    """
    with _credential(authority, subject, proxy) as credential:
        token = credential.get_token(scope)
    return Login(str(token.token), datetime.fromtimestamp(token.expires_on, UTC))


def _credential(authority: str, subject: SubjectToken | None, proxy: str) -> Any:
    identity = sdk.load("azure.identity", extra=EXTRA)
    settings = _transport(proxy) | ({"authority": authority} if authority else {})
    if subject is None:
        return identity.DefaultAzureCredential(
            **{f"exclude_{name}_credential": True for name in EXCLUDED_CREDENTIALS}, **settings
        )
    tenant, _, client = subject.identity.role.partition("/")
    # Discovery only asks whether the authority is one of Microsoft's; no tenant can choose ours.
    return identity.ClientAssertionCredential(
        tenant, client, lambda: subject.token, disable_instance_discovery=True, **settings
    )


def _transport(proxy: str) -> dict[str, Any]:
    limits = {"connection_timeout": sdk.SECONDS, "read_timeout": sdk.SECONDS, "retry_total": sdk.ATTEMPTS - 1}
    return {**limits, "proxies": sdk.proxies(proxy)} if proxy else {**limits}
