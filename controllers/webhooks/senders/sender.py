"""What is known of one type of sender."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from controllers.webhooks.payload import parse_object
from controllers.webhooks.request import Request
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Event, Notice

Authenticate = Callable[[Request, Settings], str]
"""Returns by what the sender is known. Raises Refusal."""
Read = Callable[[Any, Request, Settings], Notice]
"""From the payload, which `load` has made, to what it says. Raises Refusal."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a user enters at the sender. `{url}` and `{secret}` are replaced."""

    where: str
    """The page or file of the sender."""
    steps: tuple[str, ...]
    needs: str
    """What the Secret of the Receiver holds."""
    verified: str
    """What is verified of a request."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One value of `spec.type`."""

    type: str
    title: str
    authenticate: Authenticate
    read: Read
    setup: Setup
    aliases: tuple[str, ...] = ()
    load: Callable[[bytes], Any] = parse_object
    event_headers: tuple[str, ...] = ()
    """Headers with the sender's word for the event, which `spec.events` may restrict."""
    uses_tokens: bool = False
    """True: an identity token says who it is, and its claims are kept."""
    needs_secret: bool = True
    """False: its Receivers have no Secret, so their paths are made of name and namespace alone."""
    unwrap: Callable[[Any], Any] = lambda payload: payload
    """From the payload to what filters see of it."""


def nothing(detail: str, action: Action = Action.OTHER) -> Event:
    """Return the event of something that is no push. detail: the sender's word for it, or the reason."""
    return Event(action, detail=detail)
