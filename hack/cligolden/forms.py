"""What recordings tell of YAML whose text is not compared: the objects of manifests, the shape of a Secret."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from hack.cligolden.cases import Shape
from hack.cligolden.compare import Difference, Places, same, value_difference

POD_FIELDS = ("imagePullSecrets", "tolerations")


def manifest_differences(
    text: str,
    places: Places,
    *,
    header: Sequence[str] | None,
    objects: Sequence[Mapping[str, Any]] | None,
    labels: Mapping[str, str] | None,
    field: str = "",
) -> list[Difference]:
    """Return how manifests differ in first lines, objects in order, labels of the first. None: not told."""
    found = []
    try:
        documents = [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]
    except yaml.YAMLError as error:
        return [Difference(f"{field}objects", f"not YAML: {error}\n")]
    if header is not None:
        found += value_difference(f"{field}header", header, text.splitlines()[: len(header)], places)
    if objects is not None:
        found += value_difference(f"{field}objects", objects, [told(document) for document in documents], places)
    if labels is not None:
        first = documents[0] if documents else {}
        actual = (first.get("metadata") or {}).get("labels")
        found += value_difference(f"{field}labels of the first object", labels, actual, places)
    return found


def told(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the recordings tell of an object."""
    metadata = document.get("metadata") or {}
    entry: dict[str, Any] = {"kind": document.get("kind"), "name": metadata.get("name")}
    if metadata.get("namespace"):
        entry["namespace"] = metadata["namespace"]
    if document.get("kind") == "Deployment":
        pod = document["spec"]["template"]["spec"]
        container = pod["containers"][0]
        entry |= {"image": container.get("image"), "args": container.get("args")}
        entry |= {name: pod[name] for name in POD_FIELDS if pod.get(name)}
    return entry


def shape_differences(expected: Shape, text: str, places: Places) -> list[Difference]:
    """Return how a Secret differs from the recorded one in its keys, their order and the kinds of its values."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [Difference("shape", f"not YAML: {error}\n")]
    if not isinstance(document, dict):
        return [Difference("shape", f"not an object: {text[:200]}\n")]
    values = document.get("stringData") or {}
    head = {key: value for key, value in document.items() if key not in ("stringData", "type")}
    wanted = {"apiVersion": expected.apiVersion, "kind": expected.kind, "metadata": expected.metadata}
    found = value_difference("shape", wanted, head, places)
    found += value_difference("shape.type", expected.type, document.get("type"), places)
    found += value_difference("shape.key_order", expected.key_order, list(values), places)
    return found + list(secret_differences("shape.stringData", expected.stringData, values, places))


def secret_differences(
    field: str, expected: Mapping[str, str], values: Mapping[str, str], places: Places
) -> Iterator[Difference]:
    """Yield the values of a Secret that are not of the recorded kind."""
    if expected.keys() != values.keys():
        yield Difference(field, f"recorded are {', '.join(expected)}; ours are {', '.join(values)}\n")
        return
    for key, kind in expected.items():
        if not is_of_kind(kind, values[key], places):
            yield Difference(f"{field}.{key}", f"recorded is {kind!r}; ours begins {values[key][:60]!r}\n")


def is_of_kind(kind: str, value: str, places: Places) -> bool:
    """Return True when a value is what the recording says: a PEM block of a type, or a text with placeholders."""
    block = re.fullmatch(r"PEM BEGIN ([A-Z ]+)", kind)
    if block:
        body = rf"-----BEGIN {block[1]}-----\n[A-Za-z0-9+/=\n]+\n-----END {block[1]}-----\n?"
        return re.fullmatch(body, value) is not None
    return same(kind.replace("\\n", "\n"), value, places)
