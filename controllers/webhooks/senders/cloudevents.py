"""CloudEvents as senders wrap what they say: https://github.com/cloudevents/spec/blob/main/cloudevents/formats/json-format.md.

In structured mode the body is the event, and what happened is in `data`: an object, the text of one, or `data_base64`.
In batched mode the body is a list of such events. In binary mode it is the data, and the rest stands in headers.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from controllers.webhooks.payload import child, field, identifier, items, parse, parse_object, text
from controllers.webhooks.request import Request, encode
from controllers.webhooks.verdict import malformed


def load(document: bytes) -> Any:
    """Return the payload of a body: an object, or a list of them. Raises Refusal."""
    value = parse(document)
    if not isinstance(value, dict | list):
        raise malformed("the body is neither a JSON object nor an array of them")
    return value


def events_of(payload: Any) -> list[Any]:
    """Return the events of a body, a single one as a list of it. Raises Refusal."""
    return items({"events": payload}, "events") if isinstance(payload, list) else [payload]


def data_of(event: Any) -> Mapping[str, Any]:
    """Return the data of an event in structured mode, an empty object where there is none. Raises Refusal."""
    if encoded := field(event, "data_base64"):
        if not isinstance(encoded, str):
            raise malformed("the field `data_base64` is not text")
        try:
            return parse_object(base64.b64decode(encode(encoded), validate=True))
        except (binascii.Error, ValueError):
            raise malformed("the field `data_base64` is not base64") from None
    data = field(event, "data")
    if isinstance(data, str):
        return parse_object(encode(data)) if data.strip() else {}
    return child(event, "data")


def type_of(event: Any, request: Request) -> str:
    """Return the type of an event, in whichever mode; empty where there is none."""
    return text(event, "type") or request.header("Ce-Type")


def ids_of(events: list[Any], request: Request) -> str:
    """Return what tells a delivery from another: the ids of its events."""
    ids = [identifier(event, "id") if isinstance(event, dict) else "" for event in events[:100]]
    return " ".join(filter(None, ids)) or request.header("Ce-Id")
