"""GitHub's container registry, also of GitHub Enterprise Server.

Events `package` (hooks of repositories and organizations) and `registry_package` (GitHub Apps), which say the same.
https://docs.github.com/en/webhooks/webhook-events-and-payloads#registry_package
"""

from collections.abc import Mapping
from typing import Any, Final

from controllers.webhooks import names
from controllers.webhooks.authentication import check_hmac
from controllers.webhooks.payload import child, moment, text
from controllers.webhooks.request import Request
from controllers.webhooks.senders import code
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Name, Notice, malformed

EVENT: Final = "X-GitHub-Event"
_PACKAGE_EVENTS: Final = ("package", "registry_package")
_PUSHES: Final = ("published", "updated")
_IMAGES: Final = ("container", "docker")
_HOST: Final = "ghcr.io"


def _authenticate(request: Request, settings: Settings) -> str:
    return check_hmac(request, settings, headers=("X-Hub-Signature-256",), outdated="X-Hub-Signature")


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    event = request.header(EVENT).lower()
    package = next((found for key in _PACKAGE_EVENTS if (found := child(payload, key))), {})
    version = child(package, "package_version")
    delivery = Delivery(request.header("X-GitHub-Delivery"), moment(version, "updated_at"))
    if event == "ping" or (not event and "zen" in payload):
        return Notice((nothing("ping", Action.PING),), delivery)
    if event in code.EVENTS:
        return Notice((code.read_event(event, payload),), delivery)
    if event and event not in _PACKAGE_EVENTS:
        return Notice((nothing(f"the event {event} is not about packages"),), delivery)
    if not package:
        raise malformed(f"there is no `{event or _PACKAGE_EVENTS[0]}`")
    return Notice((_event(text(payload, "action"), package, version),), delivery)


def _event(action: str, package: Mapping[str, Any], version: Mapping[str, Any]) -> Event:
    kind = text(package, "package_type") or text(package, "ecosystem")
    if kind.lower() not in _IMAGES:
        return nothing(f"a package of type {kind} is no image")
    if action == "deleted":
        return nothing(action, Action.DELETE)
    if action not in _PUSHES:
        return nothing(f"the action {action} publishes nothing")
    url, url_tag, url_digest = names.full_reference(text(version, "package_url"))
    owner = text(package, "namespace") or text(package, "owner", "login")
    name = text(package, "name")
    host = url.host or names.host_of(text(package, "registry", "url")) or _HOST
    own = Name(host, f"{owner}/{name}" if owner and name else "")
    if not url.repository and not own.repository:
        raise malformed("neither `package_version.package_url` nor owner and name of the package are there")
    tag = child(version, "container_metadata", "tag")
    digest = text(tag, "digest") or text(version, "version") or url_digest
    return names.push(url, own, tag=text(tag, "name") or url_tag, digest=digest)


SENDER = Sender(
    type="github",
    aliases=("ghcr",),
    title="GitHub Packages (ghcr.io)",
    authenticate=_authenticate,
    read=_read,
    event_headers=(EVENT,),
    setup=Setup(
        where="github.com, the repository or organization, Settings, Webhooks, Add webhook",
        steps=(
            "Payload URL: {url}",
            "Content type: application/json",
            "Secret: {secret}",
            "Events: select individual events, Packages (of a GitHub App: Registry packages)",
        ),
        needs="`token`: the text that is entered as Secret",
        verified="X-Hub-Signature-256: HMAC with SHA-256 over the body; SHA-1 is not taken",
        notes=(
            "Only packages that are linked to the repository are announced by its hook.",
            "To wake automations whose pull requests are merged or pushed to, also choose Pull requests and Pushes.",
        ),
    ),
)
