"""The report of `trace`: the object, what applied it, and the source of that."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from api.resource import Resource
from cli.ages import parse_time
from cli.kinds.kind import Object, condition, is_suspended, ready_message, status
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
    spec, found = obj.get("spec") or {}, status(obj)
    return [
        *_head(resource, obj),
        ("Target", str(spec.get("targetNamespace") or "")),
        ("Path", str(spec.get("path") or "")),
        ("Revision", str(found.get("lastAppliedRevision") or found.get("lastAttemptedRevision") or "")),
        *_state(obj),
    ]


def source_section(resource: Resource, obj: Object) -> Section:
    """Return where that came from."""
    spec = obj.get("spec") or {}
    ref: Mapping[str, Any] = spec.get("ref") or {}
    artifact = status(obj).get("artifact") or {}
    return [
        *_head(resource, obj),
        ("URL", str(spec.get("url") or spec.get("endpoint") or "")),
        ("Chart", str(spec.get("chart") or "")),
        *((name.capitalize(), str(ref.get(name) or "")) for name in _REFS),
        ("Revision", str(artifact.get("revision") or "")),
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
        word = "reconciled" if ready.get("status") == "True" else "reconciliation failed"
        yield "Status", f"Last {word} at {shown}"
    yield "Message", ready_message(obj)
