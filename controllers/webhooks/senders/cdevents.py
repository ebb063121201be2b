"""CDEvents: artifacts that were published or packaged, alone or inside of a CloudEvent.

https://cdevents.dev/docs/core/, conformance/artifact_published.json of its specification. The subject is a package URL;
of images its types are `oci` and `docker` (https://github.com/package-url/purl-spec).
"""

import re
from typing import Any, Final

from controllers.webhooks import forms, names
from controllers.webhooks.authentication import check_path
from controllers.webhooks.payload import child, identifier, moment, text
from controllers.webhooks.request import Request, encode
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Name, Notice, malformed

_TYPE: Final = re.compile(r"dev\.cdevents\.(?P<subject>\w+)\.(?P<predicate>\w+)(?:\..*)?")
_PURL: Final = re.compile(
    r"pkg:/{0,2}(?P<type>[a-z]+)/(?P<path>[^@?#]+)(?:@(?P<version>[^?#]*))?(?:\?(?P<query>[^#]*))?.*"
)


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    event = payload if "context" in payload else child(payload, "data")
    context = child(event, "context")
    if not context:
        raise malformed("there is no `context`")
    delivery = Delivery(identifier(context, "id"), moment(context, "timestamp"))
    match = _TYPE.fullmatch(text(context, "type"))
    if match is None:
        raise malformed("`context.type` is not one of CDEvents")
    return Notice((_event(match["subject"], match["predicate"], text(event, "subject", "id")),), delivery, match[0])


def _event(subject: str, predicate: str, id: str) -> Event:
    if subject != "artifact" or predicate not in ("published", "packaged", "deleted"):
        return nothing(f"{subject} {predicate} pushes no image")
    if predicate == "deleted":
        return nothing(predicate, Action.DELETE)
    match = _PURL.fullmatch(id)
    if match is None:
        raise malformed("`subject.id` is not a package URL")
    if match["type"] not in ("oci", "docker"):
        return nothing(f"a package of type {match['type']} is no image")
    query = encode(match["query"] or "")
    version, url, tag = (
        _decoded(value) for value in (match["version"], _value(query, "repository_url"), _value(query, "tag"))
    )
    return names.push(
        *_names(match["type"], _decoded(match["path"]), url),
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
