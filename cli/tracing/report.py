"""The report of `trace`: the object, what applied it, and the source of that."""

from collections.abc import Iterator
from typing import Final

from api.names import TRUE
from api.resource import Resource
from cli.ages import parse_time
from cli.fields import mapping, text
from cli.kinds.kind import Object, condition, is_suspended, ready_message
from cli.terminal import one_line

Section = list[tuple[str, str]]
"""Titles and values, in the order in which they are printed; what is empty is left out."""
_WIDTH: Final = 17
_REFS: Final = ("branch", "tag", "semver", "commit", "name", "digest")


def format_report(sections: list[Section]) -> str:
    """Return sections, with a line between them."""
    texts = ("".join(f"{title + ':':{_WIDTH}}{one_line(value)}\n" for title, value in one if value) for one in sections)
    return "\n" + "---\n".join(texts)


def object_section(kind: str, obj: Object) -> Section:
    """Return what was asked about."""
    metadata = obj["metadata"]
    return [
        ("Object", f"{kind}/{metadata['name']}"),
        ("Namespace", metadata.get("namespace", "")),
        ("Status", "Managed by Flux"),
    ]


def manager_section(resource: Resource, obj: Object) -> Section:
    """Return what applied it."""
    spec = mapping(obj, "spec")
    return [
        *_head(resource, obj),
        ("Target", text(spec, "targetNamespace")),
        ("Path", text(spec, "path")),
        ("Revision", _revision(obj)),
        *_state(obj),
    ]


def _revision(obj: Object) -> str:
    return text(obj, "status", "lastAppliedRevision") or text(obj, "status", "lastAttemptedRevision")


def source_section(resource: Resource, obj: Object) -> Section:
    """Return where that came from."""
    spec = mapping(obj, "spec")
    return [
        *_head(resource, obj),
        ("URL", text(spec, "url") or text(spec, "endpoint")),
        ("Chart", text(spec, "chart")),
        *((name.capitalize(), text(spec, "ref", name)) for name in _REFS),
        ("Revision", text(obj, "status", "artifact", "revision")),
        *_state(obj),
    ]


def _head(resource: Resource, obj: Object) -> Section:
    return [(resource.kind, obj["metadata"]["name"]), ("Namespace", obj["metadata"].get("namespace", ""))]


def _state(obj: Object) -> Iterator[tuple[str, str]]:
    ready = condition(obj)
    if is_suspended(obj):
        yield "Status", "Suspended"
    elif ready is None:
        yield "Status", "Unknown"
    else:
        when = parse_time(ready.get("lastTransitionTime"))
        shown = f"{when:%Y-%m-%d %H:%M:%S} +0000 UTC" if when else "an unknown time"
        word = "reconciled" if text(ready, "status") == TRUE else "reconciliation failed"
        yield "Status", f"Last {word} at {shown}"
    yield "Message", ready_message(obj)
