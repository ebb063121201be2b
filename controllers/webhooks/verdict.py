"""What a request turns out to be: events of a registry, or a refusal with the HTTP status that its sender gets.

| status | when |
|---|---|
| 200 | understood, whether or not something is woken: a sender that gets another answer calls its hook broken |
| 400 | authentic as far as can be said, but no payload of its type |
| 401 | signature, token or password are missing or wrong |
| 403 | an authentic token of somebody who is not allowed to call |
| 404 | no hook has this path |
| 405 | not a POST |
| 413 | larger than `limits` allows |
| 415 | compressed in a way that is not understood |
| 503 | the receiver is suspended, or its Secret or keys are not usable |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

OK: Final = 200
BAD_REQUEST: Final = 400
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
METHOD_NOT_ALLOWED: Final = 405
TOO_LARGE: Final = 413
UNSUPPORTED: Final = 415
UNAVAILABLE: Final = 503


class Action(StrEnum):
    """What a sender says has happened. A push of an image wakes ImageRepositories, a change of code automations."""

    PUSH = "push"
    CODE = "code"
    DELETE = "delete"
    PING = "ping"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Name:
    """A repository as its registry names it: to be compared, never to be connected to."""

    host: str
    """With its port if it has one; empty where the sender does not say it."""
    repository: str

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}" if self.host else self.repository


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a registry, or at a forge."""

    action: Action
    names: tuple[Name, ...] = ()
    """All names by which the repository may be known; the first is the sender's own. None: the event names no image."""
    tag: str = ""
    digest: str = ""
    detail: str = ""
    """The sender's own word for the action, or why there is nothing to do; foreign text."""
    wakes_all: bool = False
    """True of a generic hook without an expression for the image: it stands for all that its Receiver lists."""

    @property
    def image(self) -> str:
        """The image for people: name, tag and digest as far as they are known."""
        name = str(self.names[0]) if self.names else ""
        return name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What tells one delivery from another."""

    id: str = ""
    """As the sender gives it; empty where it gives none."""
    sent: datetime | None = None
    """When the sender says it happened."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a payload says."""

    events: tuple[Event, ...]
    delivery: Delivery = Delivery()
    kind: str = ""
    """The sender's word for the event, where no header holds it."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that is what it claims to be."""

    events: tuple[Event, ...]
    delivery: Delivery
    authenticated_by: str
    """For people: `signature`, `token`, …; `path` where the sender has nothing but the unguessable path."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Of the identity token, where there was one."""
    payload: Any = field(default=None, repr=False)
    """What filters see as `req`: the JSON, taken out of its envelope."""
    status: int = OK


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is not acted on."""

    reason: str
    """A word in camel case, for metrics: `InvalidSignature`."""
    message: str
    """A sentence for people. It holds nothing of a secret, and nothing of the payload but escaped names of fields."""
    status: int


class Refusal(Exception):
    """Raised inside of the room; `judge` makes a `Refused` of it."""

    def __init__(self, reason: str, message: str, status: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


def malformed(message: str) -> Refusal:
    """Return the refusal of a payload that is not of its type."""
    return Refusal("InvalidPayload", message, BAD_REQUEST)


def too_large(message: str) -> Refusal:
    """Return the refusal of what exceeds a bound."""
    return Refusal("TooLarge", message, TOO_LARGE)


def unauthorized(reason: str, message: str) -> Refusal:
    """Return the refusal of a sender that has not shown who it is."""
    return Refusal(reason, message, UNAUTHORIZED)


def not_configured(message: str) -> Refusal:
    """Return the refusal of a receiver that could not verify anything: it must not accept everything instead."""
    return Refusal("NotConfigured", message, UNAVAILABLE)
