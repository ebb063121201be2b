"""Quay, hosted and self-hosted. It signs nothing.

https://docs.redhat.com/en/documentation/red_hat_quay/, "Repository notifications", "Repository push". Old versions
send `updated_tags` as an object, tag to image.
"""

from typing import Any

from controllers.webhooks import names
from controllers.webhooks.authentication import check_path
from controllers.webhooks.limits import MAX_EVENTS
from controllers.webhooks.payload import text, texts
from controllers.webhooks.request import Request
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Name, Notice, malformed, too_large


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    if "updated_tags" not in payload:
        return Notice((nothing("a notification without updated_tags is no push"),))
    name = names.full_reference(text(payload, "docker_url"))[0]
    if not name.repository:  # the host is unknown: a self-hosted Quay must not become quay.io
        name = Name("", text(payload, "repository"))
    if not name.repository:
        raise malformed("neither `docker_url` nor `repository` are there")
    tags = list(texts(payload, "updated_tags"))
    if len(tags) > MAX_EVENTS:
        raise too_large(f"there are more than {MAX_EVENTS} tags")
    return Notice(tuple(names.push(name, tag=tag) for tag in tags or [""]))


SENDER = Sender(
    type="quay",
    title="Quay",
    authenticate=check_path,
    read=_read,
    setup=Setup(
        where="Quay, the repository, Settings, Events and notifications, Create notification",
        steps=("When this event occurs: Push to repository", "Then issue a: Webhook POST", "Webhook URL: {url}"),
        needs="`token`, of which the path is made; optionally `password`, to be sent as ?token= in the URL",
        verified="the path alone, and the password if the Secret has one",
        notes=("Quay signs nothing, so keep the URL secret. Of other events than pushes nothing is woken.",),
    ),
)
