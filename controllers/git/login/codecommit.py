"""AWS CodeCommit: user and password for Git, made from keys of AWS by Signature Version 4.

The signature is computed here, without a request, and good for 15 minutes. User, password and canonical request are
those of AWS's own helpers; the steps are in https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from controllers.cloud.aws import (
    AUDIENCE,
    AwsCredentials,
    assume_role,
    load_process_credentials,
    new_session,
    translate_errors,
)
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken, sent_secrets
from controllers.git.remote import Basic
from controllers.net.foreign_text import sanitize
from controllers.net.url import redact_text

SERVICE = "codecommit"
ALGORITHM = "AWS4-HMAC-SHA256"
URL_FORMAT = "https://git-codecommit.<region>.amazonaws.com/v1/repos/<repository>"
URL = re.compile(
    r"https://git-codecommit(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/v1/repos/[A-Za-z0-9._-]{1,100}"
)
SIGNATURE_INTERVAL = timedelta(minutes=5)
"""Runs within this time present the same signature, which is good for at least 10 minutes more."""
PROCESS_KEYS_LIFETIME = timedelta(minutes=5)
"""The shortest there is: a node gets new keys five minutes before the old ones expire, everybody else earlier."""


class CodeCommit:
    """Keys of AWS by region."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def credential_scope(self, url: str) -> str:
        """Return the region of a repository. Raises LoginFailed for a URL of another host."""
        return parse_region(url)

    def audience(self, identity: Identity) -> str:
        """Return the audience of the Kubernetes token."""
        return AUDIENCE

    def login(self, region: str, subject: SubjectToken | None, *, proxy: str) -> Login[AwsCredentials]:
        """Return keys to sign with in a region. Raises LoginFailed.

        Blocks for one request with a subject, else for a few.
        """
        session = new_session()
        with translate_errors(*sent_secrets(subject, proxy)):
            if subject:
                return assume_role(session, subject, region, proxy=proxy)
            keys = load_process_credentials(session, region, proxy=proxy)
        return Login(keys, self._now() + PROCESS_KEYS_LIFETIME)


def parse_region(url: str) -> str:
    """Return the region of a repository. Raises LoginFailed for a URL of another host."""
    if match := URL.fullmatch(url):
        return match[1]
    raise LoginFailed(f"invalid AWS CodeCommit repository: '{sanitize(redact_text(url))}'. must be like {URL_FORMAT}")


def sign_url(url: str, keys: AwsCredentials, *, now: datetime) -> Basic:
    """Return what to log in to a repository with for the next minutes. now: with a time zone. Raises LoginFailed."""
    seconds = SIGNATURE_INTERVAL.total_seconds()
    at = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
    user = f"{keys.access_key}%{keys.session_token}" if keys.session_token else keys.access_key
    return Basic(user, signature(url, keys.secret_key, at=at))


def signature(url: str, secret_key: str, *, at: datetime) -> str:
    """Return the password for a repository: time of signing (UTC) and signature. Raises LoginFailed."""
    region, parts, time = parse_region(url), urlsplit(url), at.strftime("%Y%m%dT%H%M%S")
    scope = (time[:8], region, SERVICE, "aws4_request")
    # The body is left out altogether, even the hash of an empty one.
    request = f"GIT\n{parts.path}\n\nhost:{parts.hostname or ''}\n\nhost\n"
    to_sign = "\n".join((ALGORITHM, time, "/".join(scope), hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{secret_key}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{time}Z{hmac.digest(key, to_sign.encode(), 'sha256').hex()}"
