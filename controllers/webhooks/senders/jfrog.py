"""JFrog Artifactory, predefined webhooks of the domains docker and artifact.

https://docs.jfrog.com/administration/docs/event-types. The header X-JFrog-Event-Auth holds the secret itself, or with
"Use secret for payload signing" the HMAC with SHA-256 over the body.
"""

import re
from typing import Any, Final

from controllers.webhooks import names
from controllers.webhooks.authentication import SIGNATURE, check_hmac, check_token
from controllers.webhooks.payload import child, text
from controllers.webhooks.request import Request
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import UNAVAILABLE, Action, Event, Name, Notice, Refusal, malformed

_HEADER: Final = "X-JFrog-Event-Auth"
_PUSHES: Final = {"docker": ("pushed", "promoted"), "artifact": ("deployed", "copied", "moved", "cached")}
_MANIFESTS: Final = ("manifest.json", "list.manifest.json")
_CACHE: Final = "-cache"
_STORED_DIGEST: Final = re.compile(r"\A(sha256|sha512)__([0-9a-f]+)\Z")
"""How a digest is written where a tag stands: in paths there is no colon."""


def _authenticate(request: Request, settings: Settings) -> str:
    try:
        return check_hmac(request, settings, headers=(_HEADER,))
    except Refusal as refusal:
        if refusal.status == UNAVAILABLE or not request.header(_HEADER):
            raise
    check_token(request, settings, headers=(_HEADER,))
    return f"token, not a {SIGNATURE}"


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    data = child(payload, "data") or payload  # the documentation also shows it without an envelope
    domain = text(payload, "domain") or "docker"
    action = text(payload, "event_type") or text(data, "event_type")
    return Notice((_event(domain, action, data, text(payload, "jpd_origin"), settings),))


def _event(domain: str, action: str, data: Any, origin: str, settings: Settings) -> Event:
    if action == "deleted":
        return nothing(action, Action.DELETE)
    if action not in _PUSHES.get(domain, ()):
        return nothing(f"the event {action} of {domain} pushes no image" if action else "a test without an event")
    *folders, tag, file = ("//" + text(data, "path")).split("/")
    if domain == "artifact" and file not in _MANIFESTS:
        return nothing("an artifact that is no manifest of an image")
    image = "/".join(filter(None, folders)) or text(data, "image_name")
    key = text(data, "repo_key")
    if not image or not key:
        raise malformed("the image's name or `repo_key` are missing")
    found = _names(names.host_of(origin), settings.repository or key.removesuffix(_CACHE), image)
    checksum = text(data, "sha256")
    tag = _STORED_DIGEST.sub(r"\1:\2", text(data, "tag") or tag)
    return names.push(*found, tag=tag, digest=f"sha256:{checksum}" if checksum else "")


def _names(host: str, key: str, image: str) -> list[Name]:
    """Return the names of an image in each of the ways in which clients reach a repository.

    https://docs.jfrog.com/artifactory/docs/the-repository-path-method-for-docker and the subdomain method.
    """
    path = Name(host, f"{key}/{image}")
    server, dot, domain = host.partition(".")
    return [path, Name(f"{key}.{host}", image), Name(f"{server}-{key}.{domain}", image)] if dot else [path]


SENDER = Sender(
    type="jfrog",
    aliases=("artifactory",),
    title="JFrog Artifactory",
    authenticate=_authenticate,
    read=_read,
    setup=Setup(
        where="JFrog Platform, Administration, General Management, Webhooks, New webhook, Predefined",
        steps=(
            "URL: {url}",
            "Events: Docker, Tag was pushed; choose the repositories",
            "Secret token: {secret}",
            "Use secret for payload signing: on",
        ),
        needs="`token`: the text that is entered as Secret token",
        verified="X-JFrog-Event-Auth: HMAC with SHA-256 over the body, or the token where signing is off",
        notes=(
            "The payload names the local repository. Where images are pulled through a virtual one, name that.",
            "Receivers in private networks need urlStrictPolicy: false in Artifactory's system.yaml.",
        ),
    ),
)
