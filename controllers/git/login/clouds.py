"""The clouds whose Git hosts we know, and what is presented there."""

from collections.abc import Callable, Mapping
from datetime import datetime

from controllers.cloud.aws import Keys
from controllers.cloud.logins import Provider
from controllers.git.login import azuredevops
from controllers.git.login.codecommit import CodeCommit, signed
from controllers.git.remote import Basic, Bearer

Grant = Keys | Bearer
"""What a cloud gives: to sign with, or to show."""


def providers(now: Callable[[], datetime]) -> Mapping[str, Provider[Grant]]:
    """`spec.provider` → its Git hosts."""
    return {"aws": CodeCommit(now), "azure": azuredevops}


def presented(url: str, grant: Grant, *, now: datetime) -> Basic | Bearer:
    """What a repository of a cloud is shown; the same for some minutes. Raises LoginFailed."""
    return signed(url, grant, now=now) if isinstance(grant, Keys) else grant
