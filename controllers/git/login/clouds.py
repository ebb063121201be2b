"""The clouds whose Git hosts we know, and what is presented there."""

from collections.abc import Callable, Mapping
from datetime import datetime

from controllers.cloud.aws import AwsCredentials
from controllers.cloud.logins import Provider
from controllers.git.login import azuredevops
from controllers.git.login.codecommit import CodeCommit, sign_url
from controllers.git.remote import Basic, Bearer

CloudCredentials = AwsCredentials | Bearer
"""What a cloud gives: to sign with, or to show."""


def providers(now: Callable[[], datetime]) -> Mapping[str, Provider[CloudCredentials]]:
    """`spec.provider` → its Git hosts."""
    return {"aws": CodeCommit(now), "azure": azuredevops}


def present(url: str, grant: CloudCredentials, *, now: datetime) -> Basic | Bearer:
    """What a repository of a cloud is shown; the same for some minutes. Raises LoginFailed."""
    return sign_url(url, grant, now=now) if isinstance(grant, AwsCredentials) else grant
