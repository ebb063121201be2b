"""ECR: credentials from GetAuthorizationToken, as the process or as a role.

Follows https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html. Whose keys the request
is signed with: see `cloud.aws`.
"""

import base64
from contextlib import closing
from typing import Any

from controllers.cloud import sdk
from controllers.cloud.aws import AUDIENCE, assume_role, config, new_session, translate_errors
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken, sent_secrets
from controllers.registry.cloud.hosts import AWS_PUBLIC, aws_region
from controllers.registry.dockerconfig import Credentials


def credential_scope(host: str) -> str:
    """Return the host itself. Raises LoginFailed unless it is a registry of ECR."""
    aws_region(host)
    return host


def audience(identity: Identity) -> str:
    """Return the audience of the Kubernetes token."""
    return AUDIENCE


def login(host: str, subject: SubjectToken | None, *, proxy: str) -> Login[Credentials]:
    """Return credentials for an ECR registry, good for 12 hours. Blocks for one request, or two with a subject.

    Raises LoginFailed.
    """
    region = aws_region(host)
    session = new_session()
    with translate_errors(*sent_secrets(subject, proxy)) as sent:
        keys = _as_arguments(session, subject, region, proxy) if subject else {}
        sent.update(keys.values())
        service = "ecr-public" if host == AWS_PUBLIC else "ecr"
        with closing(session.create_client(service, region_name=region, config=config(proxy), **keys)) as client:
            data = client.get_authorization_token()["authorizationData"]
        return _login(data if isinstance(data, dict) else next(iter(data), {}))


def _as_arguments(session: Any, subject: SubjectToken, region: str, proxy: str) -> dict[str, str]:
    keys = assume_role(session, subject, region, proxy=proxy).credentials
    return {
        "aws_access_key_id": keys.access_key,
        "aws_secret_access_key": keys.secret_key,
        "aws_session_token": keys.session_token,
    }


def _login(data: dict[str, Any]) -> Login[Credentials]:
    token, expires_at = data.get("authorizationToken"), data.get("expiresAt")
    if not token or not expires_at:
        raise LoginFailed("no authorization data returned")
    try:
        username, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if not colon:
        raise LoginFailed("invalid authorization token format")
    return Login(Credentials(sdk.fit(username, "the user name"), sdk.fit(password, "the password")), expires_at)
