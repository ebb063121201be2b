"""Notifications of the CNCF's registry (Distribution), which other registries are built from.

https://distribution.github.io/distribution/about/notifications/. Blobs and manifests are pushed, mounted and pulled;
only a tag that points to a manifest changes a list of tags.
"""

import hashlib
from typing import Any

from controllers.webhooks import names
from controllers.webhooks.authentication import check_token
from controllers.webhooks.payload import identifier, items, moment, text
from controllers.webhooks.request import Request
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Name, Notice, malformed


def read(payload: Any, request: Request, settings: Settings) -> Notice:
    """Return the events of an envelope."""
    if "events" not in payload:
        raise malformed("there is no `events`")
    events = items(payload, "events")
    ids = [identifier(event, "id") for event in events]
    batch = hashlib.sha256("\n".join(ids).encode()).hexdigest() if all(ids) and ids else ""
    latest = max((sent for event in events if (sent := moment(event, "timestamp"))), default=None)
    return Notice(tuple(_event(event) for event in events), Delivery(batch, latest))


def _event(event: Any) -> Event:
    action, tag = text(event, "action"), text(event, "target", "tag")
    if action == "delete":
        return nothing(action, Action.DELETE)
    if action != "push":
        return nothing(f"a {action} changes no tags" if action else "an event without an action")
    if not tag:
        return nothing("a push without a tag: of a blob, or of a part of an image")
    repository = text(event, "target", "repository")
    if not repository:
        raise malformed("there is no `target.repository`")
    hosts = (text(event, "request", "host"), names.host_of(text(event, "target", "url")))
    known = [Name(host, repository) for host in hosts if host] or [Name("", repository)]
    return names.push(*known, tag=tag, digest=text(event, "target", "digest"))


SENDER = Sender(
    type="distribution",
    title="CNCF Distribution (registry:2, registry:3)",
    authenticate=check_token,
    read=read,
    setup=Setup(
        where="the registry's config.yml",
        steps=(
            (
                "notifications: {{endpoints: [{{name: tagline, url: '{url}', "
                "headers: {{Authorization: ['Bearer {secret}']}}, timeout: 5s, threshold: 5, backoff: 10s, "
                "ignore: {{actions: [pull]}}}}]}}"
            ),
        ),
        needs="`token`: the text behind Bearer",
        verified="Authorization holds the token, alone, behind Bearer, or as the password of Basic",
        notes=(
            "The registry names itself as its clients did: where images are pulled by another host, set the registry.",
        ),
    ),
)
