"""Harbor, in its own format and as CloudEvents.

https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/; Harbor's
src/pkg/notifier/formats.
"""

from typing import Any, Final

from controllers.webhooks import names
from controllers.webhooks.authentication import check_token
from controllers.webhooks.payload import child, items, moment, text
from controllers.webhooks.request import Request
from controllers.webhooks.senders import cloudevents
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Name, Notice, malformed

_PUSHES: Final = ("PUSH_ARTIFACT", "harbor.artifact.pushed", "pushImage")
_DELETES: Final = ("DELETE_ARTIFACT", "harbor.artifact.deleted", "deleteImage")


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    notifications = cloudevents.events_of(payload)
    first = notifications[0] if notifications else {}
    sent = moment(first, "time") or moment(first, "occur_at")
    events = tuple(event for one in notifications for event in _events(one, request))
    return Notice(events, Delivery(cloudevents.ids_of(notifications, request), sent))


def _events(notification: Any, request: Request) -> list[Event]:
    kind = cloudevents.type_of(notification, request)
    if kind in _DELETES:
        return [nothing(kind, Action.DELETE)]
    if kind not in _PUSHES:
        return [nothing(f"the event {kind} pushes nothing" if kind else "a test without an event")]
    data = child(notification, "event_data") or cloudevents.data_of(notification) or notification
    repository = _repository(data)
    return [_event(resource, repository) for resource in items(data, "resources")]


def _repository(data: Any) -> str:
    return text(data, "repository", "repo_full_name") or "/".join(
        part for key in ("namespace", "name") if (part := text(data, "repository", key))
    )


def _event(resource: Any, repository: str) -> Event:
    named, url_tag, url_digest = names.full_reference(text(resource, "resource_url"))
    name = named if named.repository else Name("", repository)
    if not name.repository:
        raise malformed("neither `resource_url` nor `repository.repo_full_name` are there")
    tag, digest = text(resource, "tag") or url_tag, text(resource, "digest") or url_digest
    return names.push(name, tag=tag, digest=digest)


SENDER = Sender(
    type="harbor",
    title="Harbor",
    authenticate=check_token,
    load=cloudevents.load,
    read=_read,
    setup=Setup(
        where="Harbor, the project, Webhooks, New webhook",
        steps=(
            "Notify type: http",
            "Payload format: Default or CloudEvents",
            "Event type: Artifact pushed",
            "Endpoint URL: {url}",
            "Auth header: {secret}",
        ),
        needs="`token`: the text that is entered as Auth header",
        verified="Authorization holds the token",
        notes=(
            "Harbor writes its external URL into the payload; where images are pulled by another, set the registry.",
        ),
    ),
)
