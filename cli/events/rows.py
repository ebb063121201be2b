"""The cells of an event, and the time by which events are sorted."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cli.ages import age_of, parse_time

Event = Mapping[str, Any]
_NEVER: Final = datetime.fromtimestamp(0, tz=UTC)


def header(*, with_namespace: bool) -> list[str]:
    """Return the titles."""
    return [*(["Namespace"] if with_namespace else []), "Last seen", "Type", "Reason", "Object", "Message"]


def row(event: Event, now: datetime, *, with_namespace: bool) -> list[str]:
    """Return the cells of one event."""
    involved = event.get("involvedObject") or {}
    return [
        *([event["metadata"].get("namespace", "")] if with_namespace else []),
        last_seen(event, now),
        str(event.get("type") or ""),
        str(event.get("reason") or ""),
        f"{involved.get('kind', '')}/{involved.get('name', '')}",
        str(event.get("message") or ""),
    ]


def last_seen(event: Event, now: datetime) -> str:
    """Return how long ago it happened: `3m`, or `2s (x3 over 4s)` when it did several times."""
    first = age_of(event.get("eventTime") or event.get("firstTimestamp"), now)
    series = event.get("series") or {}
    if series:
        return f"{age_of(series.get('lastObservedTime'), now)} (x{series.get('count', 0)} over {first})"
    if (event.get("count") or 0) > 1:
        return f"{age_of(event.get('lastTimestamp'), now)} (x{event['count']} over {first})"
    return first


def time_of(event: Event) -> datetime:
    """Return when it happened last."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    found = (parse_time(time) for time in (*times, event["metadata"].get("creationTimestamp")))
    return next((time for time in found if time is not None), _NEVER)
