"""Docker Hub. It signs nothing: the path is all that it knows. Its `callback_url` is never called.

https://docs.docker.com/docker-hub/repos/manage/webhooks/
"""

from typing import Any

from controllers.webhooks import names
from controllers.webhooks.authentication import check_path
from controllers.webhooks.payload import moment, text
from controllers.webhooks.request import Request
from controllers.webhooks.senders.sender import Sender, Setup
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Delivery, Name, Notice, malformed


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    repository = text(payload, "repository", "repo_name") or "/".join(
        part for key in ("namespace", "name") if (part := text(payload, "repository", key))
    )
    if not repository:
        raise malformed("there is no `repository.repo_name`")
    event = names.push(
        Name(names.DOCKER_HUB, repository),
        tag=text(payload, "push_data", "tag"),
        digest=text(payload, "push_data", "digest"),
    )
    return Notice((event,), Delivery(sent=moment(payload, "push_data", "pushed_at")))


SENDER = Sender(
    type="dockerhub",
    title="Docker Hub",
    authenticate=check_path,
    read=_read,
    setup=Setup(
        where="hub.docker.com, the repository, Webhooks",
        steps=("Webhook name: any", "Webhook URL: {url}"),
        needs="`token`, of which the path is made; optionally `password`, to be sent as ?token= in the URL",
        verified="the path alone, and the password if the Secret has one",
        notes=("Docker Hub signs nothing, so keep the URL secret: who knows it can cause scans, nothing else.",),
    ),
)
