"""Sonatype Nexus Repository 3, webhooks of a repository for components or assets.

https://help.sonatype.com/en/webhooks.html. Its signature is an HMAC with SHA-1; it has nothing better. A payload names
no host, and how clients reach a repository (a port, a subdomain, a path) is not in it.
"""

import re
from typing import Any, Final

from controllers.webhooks import names
from controllers.webhooks.authentication import check_sha1
from controllers.webhooks.payload import child, moment, text
from controllers.webhooks.request import Request
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Name, Notice, malformed

_MANIFEST: Final = re.compile(r"/?v2/(.+)/manifests/([^/]+)")


def _authenticate(request: Request, settings: Settings) -> str:
    return check_sha1(request, settings, header="X-Nexus-Webhook-Signature")


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    delivery = Delivery(request.header("X-Nexus-Webhook-Delivery"), moment(payload, "timestamp"))
    component, asset = child(payload, "component"), child(payload, "asset")
    kind, action = text(component or asset, "format"), text(payload, "action").upper()
    if not component and not asset:
        event = nothing("neither a component nor an asset is named")
    elif kind != "docker":
        event = nothing(f"the format {kind} holds no images")
    elif action == "DELETED":
        event = nothing(action, Action.DELETE)
    elif action not in ("CREATED", "UPDATED"):
        event = nothing(f"the action {action} pushes nothing")
    else:
        event = _component(payload, component) if component else _asset(payload, asset)
    return Notice((event,), delivery)


def _component(payload: Any, component: Any) -> Event:
    return _push(payload, text(component, "name"), text(component, "version"))


def _asset(payload: Any, asset: Any) -> Event:
    match = _MANIFEST.fullmatch(text(asset, "name"))
    return _push(payload, match[1], match[2]) if match else nothing("an asset that is no manifest")


def _push(payload: Any, image: str, tag: str) -> Event:
    if not image:
        raise malformed("there is no `component.name`")
    repository = text(payload, "repositoryName")
    by_path = [Name("", f"{repository}/{image}")] if repository else []  # where repositories share a port
    return names.push(Name("", image), *by_path, tag=tag)


SENDER = Sender(
    type="nexus",
    title="Sonatype Nexus Repository 3",
    authenticate=_authenticate,
    read=_read,
    setup=Setup(
        where="Nexus, Administration, System, Capabilities, Create capability, Webhook: Repository",
        steps=("Repository: the one with the images", "Event types: component", "URL: {url}", "Secret key: {secret}"),
        needs="`token`: the text that is entered as Secret key",
        verified="X-Nexus-Webhook-Signature: HMAC with SHA-1 over the body, the only one that Nexus has",
        notes=(
            (
                "The payload names no host: what has the same path is woken, whatever its host. Set the registry, "
                "or list only images of this Nexus."
            ),
        ),
    ),
)
