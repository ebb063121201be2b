"""From a request to a verdict: bounds, who sent it, what it says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from controllers.net.foreign_text import sanitize
from controllers.webhooks.expressions import evaluate_bool
from controllers.webhooks.identity_tokens import claims_of
from controllers.webhooks.request import Request, check
from controllers.webhooks.senders.sender import Sender, nothing
from controllers.webhooks.senders.table import find_sender
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Accepted, Event, Notice, Refusal, Refused, not_configured

UNVERIFIED: Final = "nothing"


def judge(request: Request, settings: Settings, *, verifies: bool = True) -> Accepted | Refused:
    """Return what a request is. Never raises, whatever the request holds.

    verifies: False only for trying a payload on one's own machine.
    """
    try:
        sender = find_sender(settings.type)
        if sender is None:
            raise not_configured(f"the type {sanitize(settings.type)} is not known")
        check(request)
        known_by = sender.authenticate(request, settings) if verifies else UNVERIFIED
        claims = claims_of(request) if verifies and sender.uses_tokens else {}
        payload = sender.load(request.document)
        notice = _restrict(sender.read(payload, request, settings), sender, request, settings)
        content = sender.unwrap(payload)
    except Refusal as refusal:
        return Refused(refusal.reason, str(refusal), refusal.status)
    events = tuple(dict.fromkeys(replace(event, detail=sanitize(event.detail)) for event in notice.events))
    return Accepted(events, notice.delivery, known_by, claims, content)


def passes(expression: str, verdict: Accepted, metadata: Mapping[str, Any]) -> bool:
    """Return whether a resource passes `spec.resourceFilter` or the filter of its item, as in Flux. Raises Refusal.

    expression: CEL over `req`, the payload, `res`, the resource, and `claims`; metadata: of the resource.
    """
    known = {"req": verdict.payload, "res": {"metadata": metadata}, "claims": verdict.claims}
    return not expression or evaluate_bool(expression, known)


def _restrict(notice: Notice, sender: Sender, request: Request, settings: Settings) -> Notice:
    """Return a notice without the events that `spec.events` does not list, where the sender names them."""
    event = request.first_header(sender.event_headers) or notice.kind
    wanted = {word.lower() for word in settings.events}
    if not wanted or not event or event.lower() in wanted:
        return notice
    unwanted: tuple[Event, ...] = (nothing(f"the event {event} is not in spec.events"),)
    return Notice(unwanted, notice.delivery)
