"""Tags that a registry has announced, as a receiver of its webhooks tells the scans: an annotation of the repository.

A receiver writes `reconcile.fluxcd.io/requestedAt` and these tags in one patch. What they mean together:

- Of the last tag, `at` is the value of requestedAt: the request is about the tags of the list and nothing else. All
  that is pending is among them: what an earlier request announced is dropped only once that has been handled.
- It is not, or there are no tags: the request is for a scan of the whole list, by whomever it was made.

Whoever may patch the object may write anything here, so nothing that is odd raises an error, and all of it is a hint.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from api.names import PUSHED_TAGS, REQUESTED_AT

MAX_PUSHED_TAGS: Final = 16
MAX_BYTES: Final = 16 << 10
"""Of the annotation: far more than `MAX_PUSHED_TAGS` tags with digests take."""


class PushedTag(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tag that was pushed."""

    tag: str
    digest: str = ""
    """Of its manifest, where the registry has said it."""
    at: str
    """The value of requestedAt that was written with it: a time in the form of RFC 3339, in nanoseconds."""
    trace: str = ""
    """Trace context (W3C traceparent) of the request that announced it; empty unless the receiver makes traces."""


def encode_pushed_tags(tags: Iterable[PushedTag]) -> str:
    """Return the annotation for some tags, the newest last."""
    return msgspec.json.encode(list(tags)).decode()


def decode_pushed_tags(annotation: str) -> tuple[PushedTag, ...]:
    """Return the tags of an annotation, at most `MAX_PUSHED_TAGS`; none where it is not what a receiver writes."""
    if not annotation or len(annotation) > MAX_BYTES:
        return ()
    try:
        tags = msgspec.json.decode(annotation, type=tuple[PushedTag, ...])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ()
    return tags if len(tags) <= MAX_PUSHED_TAGS else ()


def requested_tags(annotations: Mapping[str, str]) -> tuple[PushedTag, ...]:
    """Return the tags that the last request is about, none where it is for a scan of the whole list."""
    tags = decode_pushed_tags(annotations.get(PUSHED_TAGS, ""))
    return tags if tags and tags[-1].at == annotations.get(REQUESTED_AT) else ()
