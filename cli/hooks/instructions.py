"""What to enter at a sender, from its `Setup`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from controllers.webhooks.hook_path import PREFIX, hook_path
from controllers.webhooks.senders.sender import Sender

TOKEN_WORD: Final = "TOKEN"  # noqa: S105 -- stands for it: a token is never printed
_FROM_STATUS: Final = "PATH"


def hook_url(host: str, *, token: bytes | None, name: str, namespace: str) -> str:
    """Return the URL to enter; without name or token its path is what the Receiver's status will say.

    token: empty for a type that has none, None where it is not known
    """
    base = host.rstrip("/") if "://" in host else f"https://{host.rstrip('/')}"
    return base + (PREFIX + _FROM_STATUS if not name or token is None else hook_path(token, name, namespace))


def is_complete(url: str) -> bool:
    """Return whether a URL can be entered as it is."""
    return not url.endswith(PREFIX + _FROM_STATUS)


def steps_of(sender: Sender, url: str) -> list[str]:
    """Return what to enter, one step a text."""
    return [step.format(url=url, secret=TOKEN_WORD) for step in sender.setup.steps]


def as_json(sender: Sender, url: str) -> Mapping[str, Any]:
    """Return the instructions as a value for JSON."""
    setup = sender.setup
    return {
        "type": sender.type,
        "title": sender.title,
        "url": url,
        "where": setup.where,
        "steps": steps_of(sender, url),
        "secret": setup.needs,
        "verified": setup.verified,
        "notes": list(setup.notes),
    }


def as_lines(sender: Sender, url: str) -> Iterator[str]:
    """Yield the instructions for people."""
    setup = sender.setup
    yield f"{sender.title} (type: {sender.type})"
    yield f"Where: {setup.where}"
    yield from (f"  {number}. {step}" for number, step in enumerate(steps_of(sender, url), 1))
    if not is_complete(url):
        yield "PATH: what follows /hook/ in the Receiver's .status.webhookPath"
    yield f"Secret: {setup.needs}"
    yield f"Verified: {setup.verified}"
    yield from (f"Note: {note}" for note in setup.notes)
