"""The metadata that a server keeps for an object: names it accepts, what it sets, what nobody may change.

https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
"""

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from controllers.runtime.embedded.served import Json, Kind
from controllers.runtime.kube.errors import Invalid

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_LABEL, _MAX_SUBDOMAIN = 63, 253
_SYSTEM_FIELDS: Final = (
    "name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp", "resourceVersion",
)  # fmt: skip
_SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"  # as the API server's: no words come out of it


def prepare_new(kind: Kind, namespace: str, body: Json, operation: str) -> Json:
    """Return the metadata of a new object as sent, with its name and namespace checked. Raises Invalid."""
    meta: Json = dict(body.get("metadata") or {})
    if meta.get("resourceVersion"):
        raise Invalid(operation, "resourceVersion should not be set on objects to be created", status=400)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = f"{meta['generateName']}{''.join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(5))}"
    if not kind.resource.namespaced:
        meta.pop("namespace", None)
    elif meta.get("namespace", namespace) != namespace:
        text = "the namespace of the provided object does not match the namespace sent on the request"
        raise Invalid(operation, text, status=400)
    else:
        meta["namespace"] = namespace
    problem = _name_problem(kind, meta) or _text_problem(meta)
    if problem:
        raise Invalid(operation, f'{kind.resource.kind} "{meta.get("name", "")}" is invalid: {problem}', status=422)
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink", "generation", "uid"):
        meta.pop(name, None)
    return meta


def keep_system_fields(meta: Mapping[str, Any], before: Mapping[str, Any]) -> Json:
    """Return changed metadata in which everything that only the server sets is as `before`."""
    kept = {name: before[name] for name in _SYSTEM_FIELDS if name in before}
    return {name: value for name, value in meta.items() if name not in _SYSTEM_FIELDS} | kept


def _name_problem(kind: Kind, meta: Json) -> str:
    name, namespace = meta.get("name"), meta.get("namespace", "")
    if not isinstance(name, str) or not name:
        return "metadata.name: Required value: name or generateName is required"
    if kind.resource.namespaced and not _LABEL.fullmatch(namespace):
        return (
            f'metadata.namespace: Invalid value: "{namespace}": a lowercase RFC 1123 label must consist of lower case '
            "alphanumeric characters or '-', and must start and end with an alphanumeric character"
        )
    if not _SUBDOMAIN.fullmatch(name):
        return (
            f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case '
            "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
        )
    limit = _MAX_LABEL if kind.resource.kind == "Namespace" else _MAX_SUBDOMAIN
    if len(name) > limit or len(namespace) > _MAX_LABEL:
        return f"metadata.name: Invalid value: must be no more than {limit} bytes"
    return ""


def _text_problem(meta: Json) -> str:
    """Return what is wrong with labels and annotations: they hold text only."""
    for field in ("labels", "annotations"):
        values = meta.get(field)
        if values is not None and not isinstance(values, dict):
            return f"metadata.{field}: Invalid value: must be a map of texts"
        for name, value in (values or {}).items():
            if not isinstance(value, str):
                return f"metadata.{field}.{name}: Invalid value: {value!r} is not a text; put it in quotes"
    return ""
