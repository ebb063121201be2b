"""ECR: credentials from GetAuthorizationToken, as the process or as a role.

Follows https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html. As the process means
botocore's own chain: IRSA, Pod Identity, the node. A role is assumed with the ServiceAccount's token alone, so that a
tenant never gets what the process may do.
"""

import base64
from contextlib import closing
from typing import Any

from controllers.cloud import sdk
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, Subject
from controllers.registry.cloud.hosts import AWS_PUBLIC, aws_region
from controllers.registry.dockerconfig import Credentials

EXTRA = "aws"
SESSION_NAME_CHARS = 64


def check(host: str) -> None:
    """Raises LoginFailed unless the host is a registry of ECR."""
    aws_region(host)


def audience(identity: Identity) -> str:
    """Of the Kubernetes token."""
    return "sts.amazonaws.com"


def login(host: str, subject: Subject | None, *, proxy: str) -> Login[Credentials]:
    """Credentials for an ECR registry: good for 12 hours. Blocks for one request, or two with a subject.

    Raises LoginFailed.
    """
    region = aws_region(host)
    session = sdk.load("botocore.session", extra=EXTRA).get_session()
    errors = sdk.load("botocore.exceptions", extra=EXTRA)
    try:
        keys = _assumed_role(session, subject, region, proxy) if subject else {}
        service = "ecr-public" if host == AWS_PUBLIC else "ecr"
        with closing(session.create_client(service, region_name=region, config=_config(proxy), **keys)) as client:
            data = client.get_authorization_token()["authorizationData"]
    except (errors.BotoCoreError, errors.ClientError) as error:
        raise sdk.refused(error) from error
    except sdk.MISREAD as error:
        raise sdk.misread(error) from error
    return _login(data if isinstance(data, dict) else next(iter(data), {}))


def _assumed_role(session: Any, subject: Subject, region: str, proxy: str) -> dict[str, str]:
    who = subject.identity
    unsigned = sdk.load("botocore", extra=EXTRA).UNSIGNED
    config = _config(proxy, signature_version=unsigned)
    with closing(session.create_client("sts", region_name=region, config=config)) as client:
        found = client.assume_role_with_web_identity(
            RoleArn=who.role,
            RoleSessionName=f"{who.service_account}.{who.namespace}.{region}.fluxcd.io"[:SESSION_NAME_CHARS],
            WebIdentityToken=subject.token,
        )["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def _config(proxy: str, **more: Any) -> Any:
    return sdk.load("botocore.config", extra=EXTRA).Config(
        connect_timeout=sdk.SECONDS,
        read_timeout=sdk.SECONDS,
        retries={"total_max_attempts": sdk.ATTEMPTS},
        proxies=sdk.proxies(proxy),
        **more,
    )


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
    return Login(Credentials(username, password), expires_at)
