"""Objects of a cluster as manifests: what somebody wrote, without what the cluster keeps about them."""

from collections.abc import Iterable, Iterator
from typing import Any

from cli.fields import mapping
from cli.kinds.kind import CliKind, Object

_DURATIONS = ("interval", "timeout")


def manifest(kind: CliKind, obj: Object) -> dict[str, Any]:
    """Return an object as it would be written down."""
    spec = dict(mapping(obj, "spec"))
    for field in _DURATIONS:
        if isinstance(spec.get(field), str):
            spec[field] = _duration(spec[field])
    return {
        "apiVersion": kind.resource.api_version,
        "kind": kind.kind,
        "metadata": _metadata(obj),
        "spec": kind.complete(spec),
    }


def secret_manifest(secret: Object) -> dict[str, Any]:
    """Return a Secret as it would be written down."""
    data = {"data": dict(secret["data"])} if secret.get("data") else {}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(secret), **data, "type": secret.get("type", "")}


def to_output(objects: Iterable[dict[str, Any]], form: str, *, as_list: bool) -> Iterator[bytes]:
    """Yield objects as `yaml` or `json`. as_list: JSON of what may be several is a List, however many they are."""
    if form == "yaml":
        from cli.yaml_text import to_documents  # noqa: PLC0415

        for obj in objects:
            yield to_documents([obj]).encode()
        return
    import json  # noqa: PLC0415

    found = list(objects)
    value: Any = {"apiVersion": "v1", "items": found, "kind": "List"} if as_list else found[0]
    yield f"{json.dumps(value, indent=4, ensure_ascii=False)}\n".encode()


def _metadata(obj: Object) -> dict[str, Any]:
    metadata = obj["metadata"]
    return {name: metadata[name] for name in ("name", "namespace", "labels", "annotations") if metadata.get(name)}


def _duration(text: str) -> str:
    """Return a duration as Go prints it, as `create --export` does; as it is where it is none."""
    from controllers.golang.duration import BadDuration, format_nanoseconds, parse_nanoseconds  # noqa: PLC0415

    try:
        return format_nanoseconds(parse_nanoseconds(text))
    except BadDuration:
        return text
