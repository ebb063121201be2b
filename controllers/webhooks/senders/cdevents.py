"""CDEvents: artifacts that were published or packaged, alone or inside of a CloudEvent.

https://cdevents.dev/docs/core/, conformance/artifact_published.json of its specification. The subject is a package URL;
of images its types are `oci` and `docker` (https://github.com/package-url/purl-spec).
"""

import re
from typing import Any, Final

from controllers.webhooks import forms, names
from controllers.webhooks.authentication import check_path
from controllers.webhooks.payload import child, moment, text
from controllers.webhooks.request import Request, encode
from controllers.webhooks.senders import cloudevents
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Name, Notice, malformed

_TYPE: Final = re.compile(r"dev\.cdevents\.(?P<subject>\w+)\.(?P<predicate>\w+)(?:\..*)?")
_PURL: Final = re.compile(
    r"pkg:/{0,2}(?P<type>[a-z]+)/(?P<path>[^@?#]+)(?:@(?P<version>[^?#]*))?(?:\?(?P<query>[^#]*))?.*"
)


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    events = [_unwrap(event) for event in cloudevents.events_of(payload)]
    contexts = [child(event, "context") for event in events]
    if not all(contexts) or not contexts:
        raise malformed("there is no `context`")
    delivery = Delivery(cloudevents.ids_of(contexts, request), moment(contexts[0], "timestamp"))
    types = [text(context, "type") for context in contexts]
    read = tuple(_event(kind, text(event, "subject", "id")) for kind, event in zip(types, events, strict=True))
    return Notice(read, delivery, types[0] if len({*types}) == 1 else "")


def _unwrap(event: Any) -> Any:
    """Return the event of CDEvents in a CloudEvent of structured mode; in binary mode it is the body."""
    return event if not isinstance(event, dict) or "context" in event else cloudevents.data_of(event)


def _event(kind: str, id: str) -> Event:
    match = _TYPE.fullmatch(kind)
    if match is None:
        raise malformed("`context.type` is not one of CDEvents")
    subject, predicate = match["subject"], match["predicate"]
    if subject != "artifact" or predicate not in ("published", "packaged", "deleted"):
        return nothing(f"{subject} {predicate} pushes no image")
    if predicate == "deleted":
        return nothing(predicate, Action.DELETE)
    purl = _PURL.fullmatch(id)
    if purl is None:
        raise malformed("`subject.id` is not a package URL")
    if purl["type"] not in ("oci", "docker"):
        return nothing(f"a package of type {purl['type']} is no image")
    query = encode(purl["query"] or "")
    version, url, tag = (
        _decoded(value) for value in (purl["version"], _value(query, "repository_url"), _value(query, "tag"))
    )
    return names.push(
        *_names(purl["type"], _decoded(purl["path"]), url),
        tag=tag or version,
        digest=version,
    )


def _names(kind: str, path: str, url: str) -> list[Name]:
    """Return the possible names: the URL is that of the repository, or of what it is in."""
    last = path.rpartition("/")[2]
    if url:
        whole = names.docker_reference(url)[0] if "/" in url else Name(names.host_of(url), "")
        if whole.repository.rpartition("/")[2].lower() == last.lower():
            return [whole]
        return [Name(whole.host, f"{whole.repository}/{last}" if whole.repository else path)]
    return [names.docker_reference(path)[0] if kind == "docker" else Name("", path)]


def _value(query: bytes, name: str) -> str:
    return (forms.first_field(query, name) or b"").decode("utf-8", "replace")


def _decoded(text: str | None) -> str:
    return forms.decode(encode(text or "")).decode("utf-8", "replace")


SENDER = Sender(
    type="cdevents",
    title="CDEvents",
    authenticate=check_path,
    load=cloudevents.load,
    read=_read,
    event_headers=("Ce-Type",),
    setup=Setup(
        where="the tool that sends CDEvents",
        steps=(
            "Sink: {url}",
            (
                "Events: dev.cdevents.artifact.published; the subject's id is a package URL such as "
                "pkg:oci/app@sha256:...?repository_url=registry.example.com/org/app&tag=1.0.0"
            ),
        ),
        needs="`token`, of which the path is made; optionally `password`, sent as Bearer or as ?token=",
        verified="the path alone, and the password if the Secret has one",
    ),
)
