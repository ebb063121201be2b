"""Applies components of manifests/components to objects, as kustomize does: the part of it that they use.

https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/patches/ and RFC 6902.
"""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from cli.grammar.session import Failed

Object: TypeAlias = dict[str, Any]


class PatchFailed(Failed):
    """A patch does not fit the manifests; the text says which operation."""


def apply_component(objects: Sequence[Object], component: Mapping[str, Any]) -> list[Object]:
    """Return the objects with those of the component, and its patches applied. What is given stays as it is.

    component: `resources`, and `patches`, each with `target` and either `operations` or `delete`. Raises PatchFailed.
    """
    result = [*copy.deepcopy(list(objects)), *copy.deepcopy(component["resources"])]
    for patch in component["patches"]:
        if patch.get("delete"):
            result = [obj for obj in result if not matches(patch["target"], obj)]
            continue
        for obj in result:
            if matches(patch["target"], obj):
                for operation in patch["operations"]:
                    apply_operation(obj, operation)
    return result


def matches(target: Mapping[str, str], obj: Mapping[str, Any]) -> bool:
    """Return whether a target selects an object: kind and name are patterns for the whole, labels are `key=value`."""
    metadata = obj["metadata"]
    labels = metadata.get("labels", {})
    wanted = [pair.split("=", 1) for pair in target.get("labelSelector", "").split(",") if pair]
    return (
        re.fullmatch(target.get("kind") or ".*", obj["kind"]) is not None
        and re.fullmatch(target.get("name") or ".*", metadata["name"]) is not None
        and all(labels.get(key) == value for key, value in wanted)
    )


def apply_operation(obj: Object, operation: Mapping[str, Any]) -> None:
    """Change an object by one operation of RFC 6902: add, remove, replace or test. Raises PatchFailed."""
    *parents, last = _keys(operation["path"])
    holder: Any = obj
    try:
        for key in parents:
            holder = holder[int(key)] if isinstance(holder, list) else holder[key]
        _change(holder, last, operation)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        name = f"{obj['kind']} {obj['metadata']['name']}"
        raise PatchFailed(f"{name}: cannot {operation['op']} {operation['path']}") from error


def _change(holder: Any, key: str, operation: Mapping[str, Any]) -> None:
    value = copy.deepcopy(operation.get("value"))
    at: Any = int(key) if isinstance(holder, list) and key != "-" else key
    match operation["op"]:
        case "add" if isinstance(holder, list):
            holder.insert(len(holder) if at == "-" else at, value)
        case "add":
            holder[at] = value
        case "remove":
            del holder[at]
        case "replace":
            _ = holder[at]  # there has to be one
            holder[at] = value
        case "test":
            if holder[at] != value:
                raise ValueError(at)
        case _:
            raise ValueError(operation["op"])


def _keys(path: str) -> Iterator[str]:
    return (key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/"))
