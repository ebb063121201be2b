"""ACR: a token of Microsoft Entra, exchanged at the registry for a refresh token.

Follows https://azure.github.io/acr/AAD-OAuth.html. Whose token it is: see `cloud.azure`.
"""

import base64
from datetime import UTC, datetime

import msgspec

from controllers.cloud import sdk
from controllers.cloud.azure import AUDIENCE, EXTRA, access_token, translate_errors
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken, sent_secrets
from controllers.registry.cloud.hosts import azure_cloud
from controllers.registry.dockerconfig import Credentials

USERNAME = "00000000-0000-0000-0000-000000000000"
"""The user name that marks the password as a refresh token."""


class Claims(msgspec.Struct):
    exp: int


class ExchangeResponse(msgspec.Struct):
    refresh_token: str


def credential_scope(host: str) -> str:
    """Return the host itself. Raises LoginFailed unless it is a registry of ACR."""
    azure_cloud(host)
    return host


def audience(identity: Identity) -> str:
    """Return the audience of the Kubernetes token."""
    return AUDIENCE


def login(host: str, subject: SubjectToken | None, *, proxy: str) -> Login[Credentials]:
    """Return credentials for an ACR registry, good for some hours. Blocks for 2 or 3 requests. Raises LoginFailed."""
    cloud = azure_cloud(host)
    with translate_errors(*sent_secrets(subject, proxy)):
        token = access_token(cloud.scope, subject, proxy=proxy, authority=cloud.authority).credentials
        return _login(_exchange(host, token, proxy))


def _exchange(host: str, token: str, proxy: str) -> str:
    core, rest = sdk.load("azure.core", extra=EXTRA), sdk.load("azure.core.rest", extra=EXTRA)
    policies = sdk.load("azure.core.pipeline.policies", extra=EXTRA)
    used = [policies.RetryPolicy(retry_total=sdk.ATTEMPTS - 1), policies.ProxyPolicy(sdk.proxies(proxy))]
    form = {"grant_type": "access_token", "service": host, "access_token": token}
    limits = {"connection_timeout": sdk.SECONDS, "read_timeout": sdk.SECONDS}
    with core.PipelineClient(f"https://{host}", policies=used, **limits) as client:
        answer = client.send_request(rest.HttpRequest("POST", f"https://{host}/oauth2/exchange", data=form))
        if answer.status_code != 200:
            raise LoginFailed(f"POST https://{host}/oauth2/exchange: unexpected status code {answer.status_code}")
        try:
            return msgspec.json.decode(answer.content, type=ExchangeResponse).refresh_token
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise LoginFailed(f"POST https://{host}/oauth2/exchange: no refresh token in the answer") from None


def _login(refresh_token: str) -> Login[Credentials]:
    try:
        claims = refresh_token.split(".")[1]
        expiry = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), type=Claims).exp
    except (IndexError, ValueError):
        raise LoginFailed("the registry's refresh token does not tell when it expires") from None
    refresh_token = sdk.fit(refresh_token, "the registry's refresh token")
    return Login(Credentials(USERNAME, refresh_token), datetime.fromtimestamp(expiry, UTC))
