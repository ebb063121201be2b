"""What a webhook would do, for people and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from controllers.image.reference import BadReference, Image, parse_image
from controllers.webhooks import replay
from controllers.webhooks.authentication import PATH
from controllers.webhooks.judge import UNVERIFIED
from controllers.webhooks.matching import Passed, Subject, Wake, Wakeups, canonical, match
from controllers.webhooks.senders.sender import Sender
from controllers.webhooks.verdict import Accepted, Action, Event, Refused

WAKES: Final = 0
WAKES_NOTHING: Final = 1
REFUSED: Final = 2
_SHOWN: Final = 50
_NO_HOST: Final = "host.invalid"
_AUTOMATIONS: Final = "ImageUpdateAutomations that the Receiver lists"


@dataclass(frozen=True, slots=True)
class Trial:
    """A verdict, and what it means for some images."""

    sender: Sender
    verdict: Accepted | Refused
    wakeups: Wakeups
    now: datetime

    @property
    def exit_status(self) -> int:
        """0: something would wake; 1: nothing would; 2: the request is refused."""
        if isinstance(self.verdict, Refused):
            return REFUSED
        return WAKES if self.wakeups.wakes else WAKES_NOTHING

    @property
    def is_stale(self) -> bool:
        """Whether a receiver would take the request for a copy by its age."""
        delivery = self.verdict.delivery if isinstance(self.verdict, Accepted) else None
        return (
            delivery is not None and replay.check(delivery, replay.Memory(), now=self.now)[0] is replay.Freshness.STALE
        )


def try_out(
    sender: Sender, verdict: Accepted | Refused, subjects: list[Subject], *, registry: str, now: datetime
) -> Trial:
    """Return what a verdict means for some images; without any, for those that its events name."""
    if isinstance(verdict, Refused):
        return Trial(sender, verdict, Wakeups((), ()), now)
    found = match(verdict.events, subjects, registry=registry) if subjects else _named(verdict.events, registry)
    return Trial(sender, verdict, found, now)


def _named(events: tuple[Event, ...], registry: str) -> Wakeups:
    """Return the wake-ups of the images that events name themselves, as if there were an ImageRepository of each."""
    wakes: dict[str, dict[str, None]] = {}
    passed: list[Passed] = []
    for event in events:
        if event.action is Action.CODE:
            wakes.setdefault(_AUTOMATIONS, {})
        elif event.action is not Action.PUSH:
            passed.append(Passed(event, event.detail or str(event.action)))
        elif (image := _image(event, registry)) is None:
            passed.append(Passed(event, "no ImageRepository can have an image of this name"))
        else:
            wakes.setdefault(image, {}).update({event.tag: None} if event.tag else {})
    return Wakeups(tuple(Wake(Subject("", image, image), tuple(tags)) for image, tags in wakes.items()), tuple(passed))


def _image(event: Event, registry: str) -> str | None:
    """Return the canonical image of a push; None where none can be."""
    if event.wakes_all:
        return "all that the Receiver lists"
    name = event.names[0]
    host = registry or name.host
    image = canonical(Image(host or _NO_HOST, name.repository))
    try:
        if canonical(parse_image(image.name)) != image:  # a host without a dot is the first part of a path
            return None
    except BadReference:
        return None
    return image.name if host else f"any host/{image.repository}"


def as_json(trial: Trial) -> dict[str, Any]:
    """Return a trial as a value for JSON."""
    verdict = trial.verdict
    if isinstance(verdict, Refused):
        refusal = {"reason": verdict.reason, "message": verdict.message}
        return {"type": trial.sender.type, "status": verdict.status, "refused": refusal, "wakes": [], "ignored": []}
    sent = verdict.delivery.sent
    return {
        "type": trial.sender.type,
        "status": verdict.status,
        "authenticatedBy": verdict.authenticated_by,
        "delivery": {"id": verdict.delivery.id, "sent": sent.isoformat() if sent else None, "stale": trial.is_stale},
        "events": [_event_as_json(event) for event in verdict.events],
        "wakes": [{"image": wake.subject.image, "tags": list(wake.tags)} for wake in trial.wakeups.wakes],
        "ignored": [{**_event_as_json(passed.event), "why": passed.why} for passed in trial.wakeups.passed],
    }


def _event_as_json(event: Event) -> dict[str, Any]:
    return {
        "action": str(event.action),
        "image": str(event.names[0]) if event.names else "",
        "names": [str(name) for name in event.names],
        "tag": event.tag,
        "digest": event.digest,
        "detail": event.detail,
    }


def as_lines(trial: Trial) -> Iterator[str]:
    """Yield a trial for people."""
    verdict = trial.verdict
    yield _row("type", f"{trial.sender.type} ({trial.sender.title})")
    if isinstance(verdict, Refused):
        yield _row("refused", f"{verdict.reason}: {verdict.message}")
        yield _row("answer", str(verdict.status))
        return
    yield _row("known by", _known_by(verdict.authenticated_by))
    if verdict.delivery.id or verdict.delivery.sent:
        yield _row("delivery", _delivery(verdict, trial.is_stale))
    yield from _some([_row("wakes", _wake(wake)) for wake in trial.wakeups.wakes])
    yield from _some([_row("ignored", _passed(passed)) for passed in trial.wakeups.passed])
    if not verdict.events:
        yield _row("ignored", "there are no events in it")
    yield _row("answer", str(verdict.status))


def _row(name: str, text: str) -> str:
    return f"{name:<10}{text}"


def _some(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return lines if more <= 0 else [*lines[:_SHOWN], _row("", f"and {more} more")]


def _known_by(authenticated_by: str) -> str:
    if authenticated_by == UNVERIFIED:
        return "not verified: no secret was given (--secret-file, --token-env)"
    return "the path of its hook alone" if authenticated_by == PATH else authenticated_by


def _delivery(verdict: Accepted, is_stale: bool) -> str:
    sent = verdict.delivery.sent
    parts = [verdict.delivery.id, f"sent {sent:%Y-%m-%dT%H:%M:%SZ}" if sent else ""]
    hours = int(replay.KEPT_FOR.total_seconds() // 3600)
    note = f"; a receiver ignores it when it is older than {hours} h, which it is here" if is_stale else ""
    return ", ".join(filter(None, parts)) + note


def _wake(wake: Wake) -> str:
    tags = ", ".join(wake.tags)
    if wake.subject.image == _AUTOMATIONS:
        return f"{_AUTOMATIONS} (a run)"
    return f"{wake.subject.image} ({f'tag {tags}' if len(wake.tags) == 1 else f'tags {tags}' if tags else 'a scan'})"


def _passed(passed: Passed) -> str:
    image = passed.event.image
    return f"{image}: {passed.why}" if image else passed.why
