"""Azure Container Registry, its own webhooks and those of Event Grid.

https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference,
https://learn.microsoft.com/azure/event-grid/event-schema-container-registry
"""

from typing import Any, Final

from controllers.webhooks import names
from controllers.webhooks.authentication import check_token_if_sent
from controllers.webhooks.payload import moment, text
from controllers.webhooks.request import Request
from controllers.webhooks.senders import cloudevents
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Name, Notice, malformed

_GRID_PUSHES: Final = "Microsoft.ContainerRegistry.ImagePushed"


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    envelopes = cloudevents.events_of(payload)
    first = envelopes[0] if envelopes else {}
    delivery = Delivery(
        cloudevents.ids_of(envelopes, request),
        moment(first, "timestamp") or moment(first, "eventTime") or moment(first, "time"),
    )
    return Notice(tuple(_event(envelope) for envelope in envelopes), delivery)


def _event(envelope: Any) -> Event:
    kind = text(envelope, "eventType") or text(envelope, "type")
    data = cloudevents.data_of(envelope) if kind else envelope
    action = text(data, "action")
    if kind and kind != _GRID_PUSHES:
        return nothing(f"the event {kind} pushes no image")
    if action == "delete":
        return nothing(action, Action.DELETE)
    if action != "push":
        return nothing(action or "an event without an action", Action.PING if action == "ping" else Action.OTHER)
    repository = text(data, "target", "repository")
    if not repository:
        raise malformed("there is no `target.repository`")
    host = text(data, "request", "host")
    return names.push(Name(host, repository), tag=text(data, "target", "tag"), digest=text(data, "target", "digest"))


SENDER = Sender(
    type="acr",
    title="Azure Container Registry",
    authenticate=check_token_if_sent,
    load=cloudevents.load,
    read=_read,
    setup=Setup(
        where="Azure, the container registry, Webhooks, Add",
        steps=(
            "Service URI: {url}",
            "Custom headers: Authorization: Bearer {secret}",
            "Actions: push",
            (
                "or: az acr webhook create -n tagline -r REGISTRY --actions push --uri {url} "
                "--headers 'Authorization=Bearer {secret}'"
            ),
        ),
        needs="`token`: the text in the custom header",
        verified="Authorization holds the token, if the header is sent; else the path alone. "
        "With `password` in the Secret that must be sent",
        notes=("A push by digest alone has no tag: it makes one scan.",),
    ),
)
