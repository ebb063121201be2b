"""From the API server's bytes to values: objects, list pages, watch lines, Status errors. No sockets.

Decoding goes straight into the caller's Structs; fields they do not name (managedFields above all) never become
Python objects. An object the server accepts but our type does not is reported beside its neighbours instead of
failing them: one odd object must not blind a controller to all others.
Lists and watches: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast

import msgspec

from controllers.net.headers import parse_retry_after
from controllers.net.library_errors import describe
from controllers.runtime.key import Key, KubeObject
from controllers.runtime.kube.errors import ApiError, TooLarge, Unreadable, error_for_status

T = TypeVar("T")
K = TypeVar("K", bound=KubeObject)

ChangeType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]

MAX_LINE_BYTES = 3 << 20
"""Twice etcd's request limit: what one watch event can grow to as JSON."""


@dataclass(frozen=True, slots=True)
class UnreadableObject:
    """An object that does not decode into the requested type: its coordinates and what is wrong with it."""

    key: Key
    resource_version: str
    error: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; all pages of one list show the same moment."""

    items: list[T]
    resource_version: str
    """The moment; a watch may start here."""
    continue_: str
    """Token of the next page; empty on the last."""
    unreadable: tuple[UnreadableObject, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectEvent(Generic[T]):
    """An object appeared, changed, or is gone (then `object` is its last state)."""

    type: ChangeType
    object: T
    resource_version: str


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Nothing else happened up to this moment."""

    resource_version: str
    type: Literal["BOOKMARK"] = "BOOKMARK"


WatchEvent: TypeAlias = ObjectEvent[T] | Bookmark | UnreadableObject


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Partial(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct, Generic[T]):
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[T] | None = None


class _Envelope(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Details(msgspec.Struct, rename="camel"):
    retry_after_seconds: float | None = None


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_PARTIAL = msgspec.json.Decoder(_Partial)
_STATUS = msgspec.json.Decoder(_Status)
_RAW_LIST = msgspec.json.Decoder(_List[msgspec.Raw])
_ENCODER = msgspec.json.Encoder()
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError)


_Decoders: TypeAlias = "dict[type[object], msgspec.json.Decoder[Any]]"
_objects: _Decoders = {}
_lists: _Decoders = {}


def _decoder(into: type[object]) -> "msgspec.json.Decoder[Any]":
    # One a type for the life of the process: making one costs as much as hundreds of decodes.
    if into not in _objects:
        _objects[into] = msgspec.json.Decoder(into)
    return _objects[into]


def _list_decoder(into: type[Any]) -> "msgspec.json.Decoder[Any]":
    if into not in _lists:
        _lists[into] = msgspec.json.Decoder(_List[into])  # type: ignore[valid-type]
    return _lists[into]


def encode(body: object) -> bytes:
    """Return the JSON of a Struct or of plain values."""
    return _ENCODER.encode(body)


def decode(data: bytes | msgspec.Raw, into: type[T], *, operation: str) -> T:
    """Decode one object. Raises Unreadable when it is not what `into` describes."""
    try:
        return cast(T, _decoder(into).decode(data))
    except _UNDECODABLE as error:
        raise Unreadable(operation, f"answer is not a {into.__name__}: {describe(error)}", status=200) from error


def decode_page(data: bytes, into: type[T], *, operation: str) -> Page[T]:
    """Decode one page of a list. Raises Unreadable when it is not a list at all."""
    try:
        page = cast(_List[T], _list_decoder(into).decode(data))
        return Page(page.items or [], page.metadata.resource_version, page.metadata.continue_)
    except _UNDECODABLE:
        return _decode_item_by_item(data, into, operation=operation)


def _decode_item_by_item(data: bytes, into: type[T], *, operation: str) -> Page[T]:
    try:
        page = _RAW_LIST.decode(data)
    except _UNDECODABLE as error:
        raise Unreadable(operation, f"answer is not a list: {describe(error)}", status=200) from error
    items: list[T] = []
    unreadable: list[UnreadableObject] = []
    for raw in page.items or []:
        obj = decode_object(raw, into, operation=operation)
        if isinstance(obj, UnreadableObject):
            unreadable.append(obj)
        else:
            items.append(obj)
    return Page(items, page.metadata.resource_version, page.metadata.continue_, tuple(unreadable))


def decode_object(raw: bytes | msgspec.Raw, into: type[T], *, operation: str) -> T | UnreadableObject:
    """Decode one of several objects; what does not fit `into` is reported. Raises Unreadable without metadata."""
    try:
        return cast(T, _decoder(into).decode(raw))
    except _UNDECODABLE as error:
        return _unreadable(raw, error, operation=operation)


def decode_change(kind: ChangeType, raw: bytes | msgspec.Raw, into: type[K], *, operation: str) -> WatchEvent[K]:
    """Return what a watch yields for a change of an object."""
    obj = decode_object(raw, into, operation=operation)
    return obj if isinstance(obj, UnreadableObject) else ObjectEvent(kind, obj, obj.metadata.resource_version)


def _unreadable(raw: bytes | msgspec.Raw, error: Exception, *, operation: str) -> UnreadableObject:
    try:
        meta = _PARTIAL.decode(raw).metadata
    except _UNDECODABLE as worse:
        raise Unreadable(operation, f"object without readable metadata: {describe(worse)}", status=200) from worse
    return UnreadableObject(Key(meta.namespace, meta.name), meta.resource_version, describe(error))


def decode_event(line: bytes, into: type[K], *, operation: str) -> WatchEvent[K]:
    """Decode one line of a watch. Raises the ApiError an ERROR event stands for, Unreadable for anything unknown."""
    try:
        event = _ENVELOPE.decode(line)
        match event.type:
            case "ADDED" | "MODIFIED" | "DELETED" as kind:
                return decode_change(kind, event.object, into, operation=operation)
            case "BOOKMARK":
                return Bookmark(_PARTIAL.decode(event.object).metadata.resource_version)
            case "ERROR":
                raise decode_error(bytes(event.object), operation=operation)
    except _UNDECODABLE as error:
        raise Unreadable(operation, f"watch line is not an event: {describe(error)}", status=200) from error
    raise Unreadable(operation, f"unknown watch event {event.type[:32]!r}", status=200)


def decode_error(body: bytes, *, operation: str, status: int = 0, retry_after: str | None = None) -> ApiError:
    """Return the error of a failed answer, whether its body is a Status object or some proxy's text.

    status: of the HTTP answer; 0 takes the Status object's own code.
    retry_after: the header; a Status object's `retryAfterSeconds` is used when there is none.
    """
    try:
        reported = _STATUS.decode(body)
    except _UNDECODABLE:
        reported = _Status(message=" ".join(body.decode("utf-8", "replace").split()))
    wait = _seconds(retry_after)
    if wait is None and reported.details is not None:
        wait = reported.details.retry_after_seconds
    message = reported.message or "no explanation given"
    return error_for_status(
        operation, message, status=status or reported.code or 500, reason=reported.reason, retry_after=wait
    )


def _seconds(header: str | None) -> float | None:
    # The API server sends whole seconds; a date (proxies may) is treated as no hint.
    wait = parse_retry_after(header or "", now=None)
    return None if wait is None else wait.total_seconds()


class LineSplitter:
    """Cuts a byte stream, chunked at any place, into lines; linear in the number of bytes."""

    def __init__(self, *, operation: str, limit: int = MAX_LINE_BYTES) -> None:
        self._operation = operation
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes, without newlines and blank lines. Raises TooLarge past the limit."""
        *ends, rest = chunk.split(b"\n")
        lines: list[bytes] = []
        for end in ends:
            self._append(end)
            lines.append(b"".join(self._parts))
            self._parts, self._size = [], 0
        if rest:
            self._append(rest)
        return [line for line in lines if line.strip()]

    def _append(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            raise TooLarge(self._operation, f"watch line of more than {self._limit} bytes", status=200)
        self._parts.append(part)
