"""Credentials of AWS: a role's, or those of the process.

The process's come from botocore's own chain: IRSA, Pod Identity, the node. A role is assumed with the ServiceAccount's
token alone, so that a tenant never gets what the process may do. Follows
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from controllers.cloud import sdk
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Login, SubjectToken

EXTRA = "aws"
AUDIENCE = "sts.amazonaws.com"
SESSION_NAME_CHARS = 64


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """What requests are signed with."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    """Belongs to the keys of a role; "" for those of a user."""


def new_session() -> Any:
    """Return a session of botocore that shares nothing with others. Raises LoginFailed without the SDK."""
    return sdk.load("botocore.session", extra=EXTRA).get_session()


def config(proxy: str, **more: Any) -> Any:
    """Return a client's configuration: our limits, and the proxy of the object."""
    return sdk.load("botocore.config", extra=EXTRA).Config(
        connect_timeout=sdk.SECONDS,
        read_timeout=sdk.SECONDS,
        retries={"total_max_attempts": sdk.ATTEMPTS},
        proxies=sdk.proxies(proxy),
        **more,
    )


@contextmanager
def translate_errors(*secrets: str) -> Iterator[set[str]]:
    """Turn what botocore raises into LoginFailed.

    secrets: what is sent, and must not come back in a message. Yields them, for more to be added.
    """
    errors, parsers = sdk.load("botocore.exceptions", extra=EXTRA), sdk.load("botocore.parsers", extra=EXTRA)
    sent = set(secrets)
    try:
        yield sent
    except (errors.BotoCoreError, errors.ClientError) as error:
        raise sdk.login_error(error, sent) from error
    except (*sdk.UNEXPECTED_ERRORS, parsers.ResponseParserError) as error:
        raise sdk.unexpected_answer_error(error) from error


def assume_role(session: Any, subject: SubjectToken, region: str, *, proxy: str) -> Login[AwsCredentials]:
    """Return an hour's credentials of the subject's role. Blocks for one request. Raises as `translate_errors`."""
    who = subject.identity
    unsigned = sdk.load("botocore", extra=EXTRA).UNSIGNED
    settings = config(proxy, signature_version=unsigned)
    with closing(session.create_client("sts", region_name=region, config=settings)) as client:
        keys = client.assume_role_with_web_identity(
            RoleArn=who.role,
            RoleSessionName=f"{who.service_account}.{who.namespace}.{region}.fluxcd.io"[:SESSION_NAME_CHARS],
            WebIdentityToken=subject.token,
        )["Credentials"]
    return Login(AwsCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]), keys["Expiration"])


def load_process_credentials(session: Any, region: str, *, proxy: str) -> AwsCredentials:
    """Return the process's credentials. Blocks for a few requests.

    Raises LoginFailed when there are none, and as `translate_errors`.
    """
    session.set_config_variable("region", region)
    session.set_default_client_config(config(proxy))  # for the requests of IRSA
    credentials = session.get_credentials()
    if credentials is None:
        raise LoginFailed(
            "no keys of AWS were found: give the controller's pod a role (IRSA, Pod Identity, the node), or name a "
            "ServiceAccount that has one"
        )
    frozen = credentials.get_frozen_credentials()
    return AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token or "")
