"""Objects as `kubectl` prints them with `-o json`, `yaml` and `name`."""

import json
from collections.abc import Sequence
from typing import Any, Final

from cli.kinds.kind import CliKind, Object

WORDS: Final = ("json", "yaml", "name")


def shown(obj: Object) -> dict[str, Any]:
    """Return an object without the bookkeeping of server-side apply, which nobody reads."""
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    return {**obj, "metadata": metadata}


def as_list(objects: Sequence[Object]) -> dict[str, Any]:
    """Return several objects as one."""
    items = [shown(obj) for obj in objects]
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}


def format_value(form: str, value: Any) -> str:
    """Return a JSON value as JSON or YAML; form: `json` or `yaml`."""
    if form == "json":
        # ASCII, so that what an object says cannot move a cursor.
        return json.dumps(value, indent=4, sort_keys=True) + "\n"
    from cli.yaml_text import to_yaml  # noqa: PLC0415 -- only where YAML is asked for

    return to_yaml(value)


def full_name(kind: CliKind, obj: Object) -> str:
    """Return what `kubectl get` takes as an argument."""
    return f"{kind.prefix}.{kind.resource.group}/{obj['metadata']['name']}"


def format_found(form: str, found: Sequence[tuple[CliKind, Object]], *, one: bool) -> str:
    """Return what was found as one document; for `name` as lines. one: an only object stands for itself."""
    if form == "name":
        return "".join(f"{full_name(kind, obj)}\n" for kind, obj in found)
    if one and len(found) == 1:
        return format_value(form, shown(found[0][1]))
    return format_value(form, as_list([obj for _, obj in found]))


def format_one(form: str, kind: CliKind, obj: Object) -> str:
    """Return one object of a stream of them."""
    return ("---\n" if form == "yaml" else "") + format_found(form, [(kind, obj)], one=True)
