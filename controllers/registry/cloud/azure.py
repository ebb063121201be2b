"""ACR: a token of Microsoft Entra, exchanged at the registry for a refresh token.

Follows https://azure.github.io/acr/AAD-OAuth.html. As the process means the SDK's default chain without those that run
programs of developers: service principal, workload identity, managed identity.
"""

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec

from controllers.cloud import sdk
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, Subject
from controllers.registry.cloud.hosts import AzureCloud, azure_cloud
from controllers.registry.dockerconfig import Credentials

EXTRA = "azure"
USERNAME = "00000000-0000-0000-0000-000000000000"
"""What says that the password is a refresh token."""
NOT_FOR_SERVICES = ("cli", "powershell", "developer_cli", "visual_studio_code", "shared_token_cache", "broker")


class Claims(msgspec.Struct):
    exp: int


class Exchanged(msgspec.Struct):
    refresh_token: str


def check(host: str) -> None:
    """Raises LoginFailed unless the host is a registry of ACR."""
    azure_cloud(host)


def audience(identity: Identity) -> str:
    """Of the Kubernetes token."""
    return "api://AzureADTokenExchange"


def login(host: str, subject: Subject | None, *, proxy: str) -> Login[Credentials]:
    """Credentials for an ACR registry: good for some hours. Blocks for two or three requests. Raises LoginFailed."""
    cloud = azure_cloud(host)
    errors = sdk.load("azure.core.exceptions", extra=EXTRA)
    try:
        with _credential(cloud, subject, proxy) as credential:
            access_token = credential.get_token(cloud.scope).token
        refresh_token = _exchange(host, access_token, proxy)
    except errors.AzureError as error:
        raise sdk.refused(error) from error
    except sdk.MISREAD as error:
        raise sdk.misread(error) from error
    return _login(refresh_token)


def _credential(cloud: AzureCloud, subject: Subject | None, proxy: str) -> Any:
    identity = sdk.load("azure.identity", extra=EXTRA)
    settings = _transport(proxy) | ({"authority": cloud.authority} if cloud.authority else {})
    if subject is None:
        return identity.DefaultAzureCredential(
            **{f"exclude_{name}_credential": True for name in NOT_FOR_SERVICES}, **settings
        )
    tenant, _, client = subject.identity.role.partition("/")
    # Discovery only asks whether the authority is one of Microsoft's; ours is never of a tenant's choosing.
    return identity.ClientAssertionCredential(
        tenant, client, lambda: subject.token, disable_instance_discovery=True, **settings
    )


def _exchange(host: str, access_token: str, proxy: str) -> str:
    core, rest = sdk.load("azure.core", extra=EXTRA), sdk.load("azure.core.rest", extra=EXTRA)
    policies = sdk.load("azure.core.pipeline.policies", extra=EXTRA)
    used = [policies.RetryPolicy(retry_total=sdk.ATTEMPTS - 1), policies.ProxyPolicy(sdk.proxies(proxy))]
    form = {"grant_type": "access_token", "service": host, "access_token": access_token}
    limits = {"connection_timeout": sdk.SECONDS, "read_timeout": sdk.SECONDS}
    with core.PipelineClient(f"https://{host}", policies=used, **limits) as client:
        answer = client.send_request(rest.HttpRequest("POST", f"https://{host}/oauth2/exchange", data=form))
        if answer.status_code != 200:
            raise LoginFailed(f"POST https://{host}/oauth2/exchange: unexpected status code {answer.status_code}")
        try:
            return msgspec.json.decode(answer.content, type=Exchanged).refresh_token
        except msgspec.DecodeError:
            raise LoginFailed(f"POST https://{host}/oauth2/exchange: no refresh token in the answer") from None


def _transport(proxy: str) -> dict[str, Any]:
    limits = {"connection_timeout": sdk.SECONDS, "read_timeout": sdk.SECONDS, "retry_total": sdk.ATTEMPTS - 1}
    return {**limits, "proxies": sdk.proxies(proxy)} if proxy else {**limits}


def _login(refresh_token: str) -> Login[Credentials]:
    try:
        claims = refresh_token.split(".")[1]
        expiry = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), type=Claims).exp
    except (IndexError, ValueError):
        raise LoginFailed("the registry's refresh token does not tell when it expires") from None
    return Login(Credentials(USERNAME, refresh_token), datetime.fromtimestamp(expiry, UTC))
