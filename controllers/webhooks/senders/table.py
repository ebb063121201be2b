"""All types of senders. The order is that of documentation and help."""

from typing import Final

from controllers.webhooks.senders import (
    acr,
    aliyun,
    bitbucket,
    cdevents,
    distribution,
    dockerhub,
    ecr,
    gcr,
    generic,
    gitea,
    github,
    gitlab,
    harbor,
    jfrog,
    nexus,
    quay,
)
from controllers.webhooks.senders.sender import Sender

SENDERS: Final = (
    dockerhub.SENDER,
    github.SENDER,
    harbor.SENDER,
    quay.SENDER,
    gcr.SENDER,
    acr.SENDER,
    ecr.SENDER,
    gitea.SENDER,
    gitlab.SENDER,
    distribution.SENDER,
    nexus.SENDER,
    jfrog.SENDER,
    aliyun.SENDER,
    cdevents.SENDER,
    bitbucket.SENDER,
    generic.GENERIC,
    generic.GENERIC_HMAC,
    generic.GENERIC_OIDC,
)
_BY_NAME: Final = {name: sender for sender in SENDERS for name in (sender.type, *sender.aliases)}


def find_sender(type: str) -> Sender | None:
    """Return the sender of a type or alias, None for an unknown one."""
    return _BY_NAME.get(type)
