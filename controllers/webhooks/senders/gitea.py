"""Gitea and Forgejo, packages of type container.

Gitea's modules/structs/hook.go, package.go and services/webhook/deliver.go. With the content type of forms what is
signed is the JSON in the form, not the body.
"""

from typing import Any, Final

from controllers.webhooks import names
from controllers.webhooks.authentication import check_hmac, check_token
from controllers.webhooks.payload import child, moment, text
from controllers.webhooks.request import Request
from controllers.webhooks.senders import code
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Name, Notice, malformed

_EVENTS: Final = ("X-Forgejo-Event", "X-Gitea-Event", "X-Gogs-Event", "X-GitHub-Event")
_DELIVERIES: Final = ("X-Forgejo-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery", "X-GitHub-Delivery")
_SIGNATURES: Final = ("X-Gitea-Signature", "X-Forgejo-Signature", "X-Gogs-Signature", "X-Hub-Signature-256")


def _authenticate(request: Request, settings: Settings) -> str:
    if not request.first_header(_SIGNATURES) and request.header("Authorization"):
        return check_token(request, settings)
    return check_hmac(request, settings, headers=_SIGNATURES, body=request.document, outdated="X-Hub-Signature")


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    event = request.first_header(_EVENTS)
    if event.lower() in code.EVENTS:
        return Notice((code.read_event(event.lower(), payload),), Delivery(request.first_header(_DELIVERIES)))
    package = child(payload, "package")
    delivery = Delivery(request.first_header(_DELIVERIES), moment(package, "created_at"))
    if (event and event.lower() != "package") or not package:
        return Notice(
            (nothing(f"the event {event} is not about packages" if event else "no package is named"),), delivery
        )
    kind, action = text(package, "type"), text(payload, "action")
    if kind.lower() != "container":
        return Notice((nothing(f"a package of type {kind} is no image"),), delivery)
    if action == "deleted":
        return Notice((nothing(action, Action.DELETE),), delivery)
    if action not in ("created", "updated"):
        return Notice((nothing(f"the action {action} pushes nothing"),), delivery)
    owner = text(package, "owner", "login") or text(package, "owner", "username")
    name = text(package, "name")
    if not owner or not name:
        raise malformed("`package.owner.login` and `package.name` are not both there")
    host = names.host_of(text(package, "html_url")) or names.host_of(text(package, "owner", "html_url"))
    return Notice((names.push(Name(host, f"{owner}/{name}"), tag=text(package, "version")),), delivery)


SENDER = Sender(
    type="gitea",
    aliases=("forgejo",),
    title="Gitea and Forgejo",
    authenticate=_authenticate,
    read=_read,
    event_headers=_EVENTS,
    setup=Setup(
        where="Gitea or Forgejo, settings of the user or organization that owns the packages, Webhooks, Add webhook",
        steps=(
            "Target URL: {url}",
            "HTTP method: POST; content type: application/json",
            "Secret: {secret}",
            "Trigger on: custom events, Package",
        ),
        needs="`token`: the text that is entered as Secret",
        verified="X-Gitea-Signature or X-Forgejo-Signature: HMAC with SHA-256; without a signature, Authorization with "
        "the token",
        notes=(
            "Hooks of a repository fire only for packages that are linked to it.",
            (
                "To wake automations whose pull requests are merged or pushed to, also choose Push, Delete, Pull "
                "request and Pull request synchronized, at the repository of the automation."
            ),
            "The server's ROOT_URL is in the payload; where images are pulled by another host, set the registry.",
            "A receiver in a private network must be in the server's webhook.ALLOWED_HOST_LIST.",
        ),
    ),
)
