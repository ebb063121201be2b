"""Google's Artifact Registry and Container Registry, by a push subscription of Pub/Sub.

https://cloud.google.com/artifact-registry/docs/configure-notifications,
https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions. Who signs is Google, for everybody who asks: so
audience and e-mail address of the token must be those of this subscription (CVE-2026-40109 of Flux).
"""

import base64
import binascii
from typing import Any

from controllers.webhooks import names
from controllers.webhooks.identity_tokens import check_google
from controllers.webhooks.payload import child, identifier, moment, parse, text
from controllers.webhooks.request import Request, encode
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Name, Notice, Refusal, malformed


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    message = child(payload, "message")
    delivery_id = identifier(message, "messageId") or identifier(message, "message_id")
    sent = moment(message, "publishTime") or moment(message, "publish_time")
    return Notice((_event(_unwrap(payload)),), Delivery(delivery_id, sent))


def _unwrap(payload: Any) -> Any:
    """Return what is in the envelope; None where it is not the text of an object, as of a test from the console."""
    if not child(payload, "message"):
        return payload  # of a subscription that sends no envelope
    data = payload["message"].get("data") or ""
    if not isinstance(data, str):
        raise malformed("the field `message.data` is not text")
    try:
        document = base64.b64decode(encode(data), altchars=b"-_" if {*"-_"} & {*data} else None, validate=True)
        value = parse(document)
    except (binascii.Error, ValueError):
        raise malformed("the field `message.data` is not base64") from None
    except Refusal:
        return None
    return value if isinstance(value, dict) else None


def _event(data: Any) -> Event:
    if data is None:
        return nothing("a message that is not about an image", Action.PING)
    action = text(data, "action")
    if action.upper() == "DELETE":
        return nothing(action, Action.DELETE)
    if action.upper() != "INSERT":
        return nothing(f"the action {action} pushes nothing" if action else "a message without an action")
    tagged, tag, _ = names.full_reference(text(data, "tag"))
    digested, _, digest = names.full_reference(text(data, "digest"))
    name: Name = tagged if tagged.repository else digested
    if not name.repository:
        raise malformed("neither `tag` nor `digest` are references of an image")
    return names.push(name, tag=tag, digest=digest)


SENDER = Sender(
    type="gcr",
    aliases=("gar",),
    title="Google Artifact Registry (Pub/Sub push)",
    authenticate=check_google,
    read=_read,
    uses_tokens=True,
    unwrap=_unwrap,
    setup=Setup(
        where="Google Cloud, the project of the registry",
        steps=(
            "gcloud pubsub topics create gcr  (the topic must be called so)",
            (
                "gcloud pubsub subscriptions create tagline --topic=gcr --push-endpoint={url} "
                "--push-auth-service-account=EMAIL --push-auth-token-audience=AUDIENCE"
            ),
        ),
        needs="`token`, of which the path is made; `email`: EMAIL; `audience`: AUDIENCE",
        verified="the Bearer token: Google's signature, issuer, audience, expiry, and a verified e-mail address",
        notes=(
            "Without both `email` and `audience` nothing is accepted: Google signs tokens for everybody.",
            "Give the subscription an audience of its own; the default is the URL, which holds the secret path.",
        ),
    ),
)
