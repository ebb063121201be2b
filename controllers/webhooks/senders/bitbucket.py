"""Bitbucket Cloud and Data Center, which have no registry: their hooks are about code alone.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/ and, of Data Center,
https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
"""

from typing import Any, Final

from controllers.webhooks.authentication import check_hmac
from controllers.webhooks.request import Request
from controllers.webhooks.senders import code
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Notice

_EVENT: Final = "X-Event-Key"
_DELIVERIES: Final = ("X-Request-UUID", "X-Request-Id")


def _authenticate(request: Request, settings: Settings) -> str:
    return check_hmac(request, settings, headers=("X-Hub-Signature",))


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    event = request.header(_EVENT).lower()
    delivery = Delivery(request.first_header(_DELIVERIES))
    is_ping = event == "diagnostics:ping" or not event
    return Notice((nothing("ping", Action.PING) if is_ping else code.read_bitbucket(event, payload),), delivery)


SENDER = Sender(
    type="bitbucket",
    title="Bitbucket Cloud and Data Center, for pull requests",
    authenticate=_authenticate,
    read=_read,
    event_headers=(_EVENT,),
    setup=Setup(
        where="Bitbucket, the repository, Repository settings, Webhooks, Add webhook",
        steps=(
            "URL: {url}",
            "Secret: {secret}",
            "Triggers: Repository push; Pull request created, updated, merged, declined",
            "in Data Center: Repository push; Pull request opened, source branch updated, merged, declined, deleted",
        ),
        needs="`token`: the text that is entered as Secret",
        verified="X-Hub-Signature: HMAC with SHA-256 over the body",
        notes=("It is about code alone, and wakes ImageUpdateAutomations.",),
    ),
)
