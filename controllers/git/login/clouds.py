"""The clouds whose Git hosts we can log in to, and what to present there."""

from collections.abc import Callable, Mapping
from datetime import datetime

from controllers.cloud.aws import AwsCredentials
from controllers.cloud.logins import Provider
from controllers.git.login import azuredevops
from controllers.git.login.codecommit import CodeCommit, sign_url
from controllers.git.remote import Basic, Bearer

CloudCredentials = AwsCredentials | Bearer
"""What a login to a cloud yields: keys to sign with, or a token to present."""


def providers(now: Callable[[], datetime]) -> Mapping[str, Provider[CloudCredentials]]:
    """Return `spec.provider` → the login to its Git host."""
    return {"aws": CodeCommit(now), "azure": azuredevops}


def present(url: str, grant: CloudCredentials, *, now: datetime) -> Basic | Bearer:
    """Return what to present to a repository of a cloud; the same for some minutes. Raises LoginFailed."""
    return sign_url(url, grant, now=now) if isinstance(grant, AwsCredentials) else grant
