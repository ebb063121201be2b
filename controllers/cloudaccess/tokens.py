"""Tokens that Kubernetes issues for ServiceAccounts, for others than itself."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from api.names import SERVICE_ACCOUNTS
from controllers.cloud.errors import ServiceAccountFailed
from controllers.runtime.kube.errors import ApiError, Forbidden
from controllers.runtime.kube.protocols import Client

OWN_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""The process's own, where it runs in a pod."""
RIGHT_MISSING: Final = (
    "the controller may not act for ServiceAccounts: install the component workload-identity, which gives it the right"
)


class TokenRequestStatus(msgspec.Struct):
    token: str

    def __repr__(self) -> str:
        return "TokenRequestStatus()"


class TokenRequest(msgspec.Struct):
    """What is read of the answer to an authentication.k8s.io/v1 TokenRequest."""

    status: TokenRequestStatus


class Claims(msgspec.Struct):
    """What is read of a token: who issued it, for whom."""

    iss: str = ""
    aud: list[str] | str = ""

    @property
    def audiences(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.aud,) if isinstance(self.aud, str) else self.aud))


async def issue_token(
    client: Client, namespace: str, account: str, *, audiences: Sequence[str], lifetime: timedelta
) -> str:
    """Have Kubernetes issue a token of a ServiceAccount. Raises ServiceAccountFailed."""
    body = {"spec": {"audiences": list(audiences), "expirationSeconds": int(lifetime.total_seconds())}}
    try:
        answer = await client.create(
            SERVICE_ACCOUNTS, namespace, body, into=TokenRequest, name=account, subresource="token"
        )
    except ApiError as error:
        raise ServiceAccountFailed(
            f"failed to create kubernetes token for service account '{namespace}/{account}': {explain(error)}"
        ) from error
    return answer.status.token


def check_audiences(token: str, own: Iterable[str]) -> None:
    """Raise ServiceAccountFailed for a token that the API server itself would take.

    Whoever runs a registry could otherwise act in the cluster as the ServiceAccount that its users name. By default the
    API server takes tokens that are for their issuer. own: audiences of the process's own token.
    """
    claims = read_claims(token)
    if refused := {claims.iss, *own}.intersection(claims.audiences):
        raise ServiceAccountFailed(
            f"audience '{sorted(refused)[0]}' is not allowed as it is intended for the local kubernetes cluster"
        )


def own_audiences(path: Path = OWN_TOKEN) -> tuple[str, ...]:
    """Return whom the process's own token is for; nothing outside of a pod."""
    try:
        return read_claims(path.read_text()).audiences
    except (OSError, UnicodeDecodeError):
        return ()


def read_claims(token: str) -> Claims:
    """Return the claims of a token, unverified; none of a text that is no token."""
    try:
        payload = token.split(".")[1]
        return msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=Claims)
    except (IndexError, ValueError, binascii.Error, msgspec.DecodeError):
        return Claims()


def explain(error: ApiError) -> str:
    """Return why the API server refused, with what to do about a missing right."""
    return f"{error.message}: {RIGHT_MISSING}" if isinstance(error, Forbidden) else error.message
