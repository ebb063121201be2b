"""Whether an object may be stored, and in what form: type, structure, schema, the fields of built-in kinds."""

import base64
import binascii
from typing import Any

from api.resource import Resource
from controllers.runtime.embedded import metadata
from controllers.runtime.embedded.served import Json, Kind
from controllers.runtime.embedded.structure import apply_defaults, prune
from controllers.runtime.embedded.validation import Problem, find_problems, new_problems
from controllers.runtime.kube.errors import Invalid, NotFound

_STATUS = "status"
_NAME_LABEL = "kubernetes.io/metadata.name"


def check_type(kind: Kind, resource: Resource, body: Json, operation: str) -> None:
    """Raise Invalid when the object says that it is of another kind or version than the request."""
    if text := kind.mismatch(resource, body):
        raise Invalid(operation, text, status=400)


def combine(kind: Kind, held: Json, changed: Json, subresource: str, operation: str) -> Json:
    """Return what a request may change of an object: its status only through the subresource, and nothing else there.

    Raises NotFound for a subresource that the kind does not have, Invalid for another name.
    """
    if subresource:
        if subresource != _STATUS or (kind.is_custom and not kind.has_status_subresource):
            raise NotFound(operation, "the server could not find the requested resource", status=404)
        return _with_status(held, changed)
    sent = changed.get("metadata") or {}
    for field in ("name", "namespace"):
        if sent.get(field, held["metadata"].get(field)) != held["metadata"].get(field):
            raise Invalid(operation, f"the {field} of the object does not match the {field} on the URL", status=400)
    merged = {**changed, "metadata": metadata.keep_system_fields(sent, held["metadata"])}
    return _with_status(merged, held) if kind.has_status_subresource else merged


def admit(kind: Kind, resource: Resource, obj: Json, operation: str, *, before: Json | None = None) -> None:
    """Prune, default and validate an object in place. Raises Invalid.

    before: the object as it was; what was wrong with it already and stays is not held against the change.
    """
    if not kind.is_custom:
        _complete_built_in(kind, obj, operation)
        return
    schema = kind.schema(resource.version)
    complete(kind, resource, obj)
    problems = find_problems(obj, schema) if before is None else new_problems(obj, before, schema)
    if problems:
        raise invalid(kind, obj, problems, operation)
    apply_defaults(obj, kind.schema(kind.resource.version))  # come on the way to storage


def complete(kind: Kind, resource: Resource, obj: Json) -> None:
    """Prune and default an object of a kind with a schema, in place."""
    schema = kind.schema(resource.version)
    prune(obj, schema)
    apply_defaults(obj, schema)


def invalid(kind: Kind, obj: Json, problems: list[Problem], operation: str) -> Invalid:
    """Return the error for an object with problems, in the API server's words."""
    texts = [str(problem) for problem in problems]
    what = f"{kind.resource.kind}.{kind.resource.group}"
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return Invalid(operation, f'{what} "{obj["metadata"].get("name")}" is invalid: {text}', status=422)


def _with_status(obj: Json, status_of: Json) -> Json:
    """Return an object with the status of another one, or without."""
    rest = {name: value for name, value in obj.items() if name != _STATUS}
    return {**rest, _STATUS: status_of[_STATUS]} if _STATUS in status_of else rest


def _complete_built_in(kind: Kind, obj: Json, operation: str) -> None:
    match kind.resource.kind:
        case "Secret":
            obj.setdefault("type", "Opaque")
            _encode_secret(obj, operation)
        case "Namespace":
            meta = obj["metadata"]
            obj["metadata"] = {**meta, "labels": {**(meta.get("labels") or {}), _NAME_LABEL: meta["name"]}}


def _encode_secret(obj: Json, operation: str) -> None:
    """Move a Secret's `stringData` into its `data`. Raises Invalid for data that is not base64, without showing it."""
    data: dict[str, Any] = dict(obj.get("data") or {})
    for name, text in (obj.pop("stringData", None) or {}).items():
        if not isinstance(text, str):
            raise Invalid(operation, f"stringData.{name}: Invalid value: not a text; put it in quotes", status=400)
        data[name] = base64.b64encode(text.encode()).decode()
    for name, value in data.items():
        try:
            base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise Invalid(operation, f"data.{name}: Invalid value: not base64", status=400) from None
    if data:
        obj["data"] = data
