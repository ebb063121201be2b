"""The walk over one file's events that finds its markers: where we are, and which comment belongs to which value.

Driven by `markers.find_markers`. Comments are read only in gaps that hold something like a marker, so the cost of
a file is that of its parse.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from controllers.setters.attempts import CommentLines, may_be_meant
from controllers.setters.comments import (
    BREAK,
    COMMENT,
    MARKER_HINT,
    PROPERTIES,
    line_comments,
    read_marker,
    split_lines,
)
from controllers.setters.errors import Unparsable
from controllers.setters.head_comments import head_comment
from controllers.setters.marker import EnclosingObject, Marker, MarkerScan, StrayMarker
from controllers.setters.parser import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
    signature,
)
from controllers.setters.scalars import CORE, STYLES

LIST_KINDS = ("List", "ResourceList")
NULLS = ("", "~", "null", "Null", "NULL")
NO_ORDINAL = -1
"""Ordinal of no scalar: a null that is written still names nothing, since Flux leaves it its type."""

SEPARATOR = re.compile("\n---.*\n")
"""Where kyaml cuts a file into documents before it parses them: of two such lines in a row only the first is one."""

OBJECT, METADATA, ITEMS = "object", "metadata", "items"
IDENTITY = {OBJECT: {"apiVersion": "api_version", "kind": "kind"}, METADATA: {"name": "name", "namespace": "namespace"}}


@dataclass(slots=True)
class _Frame:
    """An open collection. `live` is False where markers never count: below keys and repeated keys."""

    mapping: bool
    flow: bool
    indent: int
    live: bool
    owner: EnclosingObject | None
    role: str = ""
    key: str = ""
    at_key: bool = True
    is_repeated: bool = False
    seen: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Value:
    """The last value that may carry a marker, until the comments behind it have been read."""

    event: Event
    ordinal: int
    head: tuple[int, str] | None
    inner: list[tuple[int, str]]
    path: str | None = None
    """Where it is, once the pair around it has ended: that in `[k: v, # …]` ends before the comma and the comment."""


@dataclass(frozen=True, slots=True)
class _PendingMarker:
    value: _Value
    comment: int
    setter: str
    path: str
    document: int
    owner: EnclosingObject


class Scanner:
    """Collects the markers of one stream. What lies between the last token's end and the next token is a gap."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._suspects = [found.start() for found in MARKER_HINT.finditer(text)]
        self._suspects.append(len(text) + 1)
        self._suspect = 0
        self._next = self._suspects[0]
        """Where the next comment that matters may be; gaps before it are skipped."""
        self._token_end = 0
        self._token_indent = 0
        self._token_is_key = False
        self._line_start = True
        self._stack: list[_Frame] = []
        self._value: _Value | None = None
        self._anchors: dict[str, tuple[int, str] | None] = {}
        self._documents = 0
        self._dashes = -1
        self._root: _Frame | None = None
        self._pending: list[_PendingMarker] = []
        self._gaps: list[tuple[int, int]] = []
        self._event_signatures: list[object] = []
        self._handlers = {
            ScalarEvent: self._scalar,
            AliasEvent: self._alias,
            MappingStartEvent: self._open,
            SequenceStartEvent: self._open,
            MappingEndEvent: self._close,
            SequenceEndEvent: self._close,
            DocumentStartEvent: self._document_start,
            DocumentEndEvent: self._document_end,
            StreamStartEvent: self._stream_start,
            StreamEndEvent: self._stream_end,
        }

    def handle(self, event: Event) -> None:
        """Process the next event."""
        self._handlers[type(event)](event)
        self._event_signatures.append(signature(event))

    # events

    def _scalar(self, event: Event) -> None:
        start, end, value, style = event.start_mark.index, event.end_mark.index, event.value, event.style
        self._attach_comments(start)
        tag, anchor = event.tag, event.anchor
        ordinal = len(self._event_signatures)
        if anchor is not None:
            self._anchors[anchor] = (ordinal, value)
        is_null = not style and tag is None and value in NULLS
        if not self._stack:
            if not is_null and tag != CORE + "null":
                raise Unparsable("a document is a single value, not a map or list", event.start_mark.line + 1)
            self._advance(start, end)
            return
        frame = self._stack[-1]
        is_key = frame.mapping and frame.at_key
        live = self._enter_node(value)
        if live and frame.role:
            self._identify(frame, (NO_ORDINAL, "") if is_null else (ordinal, value))
            self._check_metadata(event, sound=is_null)
        if live and (value or style) and not self._is_overwritten_by_kyaml(frame):
            gap_matters = self._next < start
            inner = self._inner_comments(event, start, end) if self._next < end else []
            self._value = _Value(event, ordinal, self._head(start, frame) if gap_matters else None, inner)
        if end > start:
            self._advance(start, end)
            self._token_is_key = is_key
            self._line_start = style in ("|", ">")

    def _alias(self, event: Event) -> None:
        self._attach_comments(event.start_mark.index)
        if event.anchor not in self._anchors:
            raise Unparsable(f"unknown anchor '{event.anchor}' referenced", event.start_mark.line + 1)
        if not self._stack:
            raise Unparsable("a document is an alias, not a map or list", event.start_mark.line + 1)
        frame = self._stack[-1]
        if self._enter_node(event.anchor) and frame.role:
            self._identify(frame, self._anchors[event.anchor])
            self._check_metadata(event, sound=False)
        self._advance(event.start_mark.index, event.end_mark.index)

    def _open(self, event: Event) -> None:
        self._attach_comments(event.start_mark.index)
        mapping, flow = type(event) is MappingStartEvent, bool(event.flow_style)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if not self._stack:
            # A list is not one object, so nothing in it has an identity, nor metadata that kyaml would look at.
            frame = _Frame(mapping, flow, 0, live=True, owner=EnclosingObject(), role=OBJECT if mapping else "")
            self._root = frame
        else:
            parent = self._stack[-1]
            live = self._enter_node("")
            frame = _Frame(mapping, flow, parent.indent, live=live, owner=parent.owner)
            if live and parent.role:
                self._assign_role(frame, parent, event)
        if not flow:
            bare = event.tag is None and event.anchor is None
            frame.indent = (event.start_mark if bare else event.end_mark).column
        self._stack.append(frame)
        if flow:
            self._advance(event.start_mark.index, event.end_mark.index)

    def _close(self, event: Event) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        if self._stack[-1].flow and end == start:
            if self._value is not None:
                self._value.path = self._path()
        else:
            self._attach_comments(start)
        self._stack.pop()
        if end > start:
            self._advance(start, end)

    def _document_start(self, event: Event) -> None:
        if (event.version or event.tags) and not self._follows_empty_document():
            raise Unparsable("%YAML and %TAG directives are not supported, remove them", event.start_mark.line + 1)
        self._anchors.clear()
        self._root = None
        self._dashes = event.start_mark.index if event.explicit else -1
        if event.explicit:
            self._advance(event.start_mark.index, event.end_mark.index)

    def _follows_empty_document(self) -> bool:
        """Return True when the document before is empty and begins where kyaml's idea of a document begins."""
        starts = {0, *(found.end() for found in SEPARATOR.finditer(self._text))}
        return self._root is None and self._dashes in starts

    def _document_end(self, event: Event) -> None:
        self._attach_comments(event.start_mark.index)
        self._documents += 1
        if event.explicit:
            self._advance(event.start_mark.index, event.end_mark.index)

    def _stream_start(self, event: Event) -> None:
        pass

    def _stream_end(self, event: Event) -> None:
        self._attach_comments(len(self._text))
        self._advance(len(self._text), len(self._text))

    # positions

    def _enter_node(self, key: str) -> bool:
        """Enter the next node of the innermost collection; return True when it is a value whose marker would count."""
        frame = self._stack[-1]
        if not frame.mapping:
            return frame.live
        if frame.at_key:
            frame.at_key = False
            frame.key = key
            frame.is_repeated = key in frame.seen
            frame.seen.add(key)
            return False
        frame.at_key = True
        return frame.live and not frame.is_repeated

    def _identify(self, frame: _Frame, scalar: tuple[int, str] | None) -> None:
        name = IDENTITY.get(frame.role, {}).get(frame.key)
        if name and frame.owner and scalar:
            frame.owner.fields[name] = scalar

    def _is_overwritten_by_kyaml(self, frame: _Frame) -> bool:
        """Return True where kyaml puts maps for its own annotations, whatever was there: a marker there is lost."""
        at_metadata = len(self._stack) == 1 and frame.key == METADATA
        return at_metadata or (len(self._stack) == 2 and frame.role == METADATA and frame.key == "annotations")

    def _check_metadata(self, event: Event, *, sound: bool) -> None:
        """Refuse a document whose `metadata`, if that is where we are, is not `sound`."""
        if len(self._stack) == 1 and self._stack[0].key == METADATA and not sound:
            raise Unparsable("the metadata of a document is not a map", event.start_mark.line + 1)

    def _assign_role(self, frame: _Frame, parent: _Frame, event: Event) -> None:
        at_root = len(self._stack) == 1
        if parent.role == ITEMS and frame.mapping:
            frame.role, frame.owner = OBJECT, EnclosingObject(root=parent.owner)
        elif parent.role == OBJECT and parent.key == METADATA:
            self._check_metadata(event, sound=frame.mapping)
            frame.role = METADATA
        elif at_root and parent.key == ITEMS and not frame.mapping:
            frame.role = ITEMS

    # comments

    def _attach_comments(self, start: int) -> None:
        """Decide about the value before the gap that ends at `start`, while the stack is still the value's own."""
        value, self._value = self._value, None
        if value is None or not (self._next < start or value.head or value.inner):
            return
        frame = self._stack[-1]
        gap = self._text[self._token_end : start]
        behind = [(self._token_end + at, text) for at, text in line_comments(gap, flow=frame.flow)]
        if value.event.style in ("|", ">"):
            behind = []
        comments = value.inner + behind or ([value.head] if value.head else [])
        if len(comments) != 1 or not (setter := read_marker(comments[0][1])):
            return
        path = self._path() if value.path is None else value.path
        assert frame.owner is not None
        self._pending.append(_PendingMarker(value, comments[0][0], setter, path, self._documents, frame.owner))

    def _path(self) -> str:
        return ".".join(frame.key for frame in self._stack if frame.mapping)

    def _advance(self, start: int, end: int) -> None:
        """Advance behind a token, keeping the gap before it for the search for stray markers."""
        if self._next < start:
            self._gaps.append((self._token_end, start))
        while self._next < end:
            self._suspect += 1
            self._next = self._suspects[self._suspect]
        self._token_end = end
        self._token_indent = self._stack[-1].indent if self._stack else 0
        self._token_is_key = self._line_start = False

    def _head(self, start: int, frame: _Frame) -> tuple[int, str] | None:
        base = self._token_end
        before = split_lines(self._text[max(0, base - 256) : base], 0) if self._line_start else []
        head = head_comment(
            self._text[base:start],
            indent=self._token_indent,
            flow=frame.flow,
            after_key=self._token_is_key,
            line_start=self._line_start,
            empty_before=len(before) > 1 and not before[-2][1] - before[-2][0],
        )
        return (base + head[0], head[1]) if head else None

    def _inner_comments(self, event: Event, start: int, end: int) -> list[tuple[int, str]]:
        """Return the comments between a scalar's properties and its text, and behind the header of a block scalar."""
        until = start
        if event.tag is not None or event.anchor is not None:
            until = PROPERTIES.match(self._text, start, end).end()  # type: ignore[union-attr]
        if event.style in ("|", ">") and (line_break := BREAK.search(self._text, until, end)):
            until = line_break.start()
        self._gaps.append((start, until))
        return [(m.start(), m.group()) for m in COMMENT.finditer(self._text, start, until)]

    # results

    def finish(self, to_bytes: Callable[[int], int]) -> MarkerScan:
        """Return what was found. Markers of a `List` beside its items do not count, as in Flux."""
        is_list = self._is_list()
        markers, attached = [], set()
        for pending in self._pending:
            root = pending.owner.root
            if is_list and root is None:
                continue
            attached.add(pending.comment)
            event, ordinal = pending.value.event, pending.value.ordinal
            markers.append(
                Marker(
                    start=to_bytes(event.start_mark.index),
                    end=to_bytes(event.end_mark.index),
                    style=STYLES[event.style],
                    tag=event.tag,
                    document=pending.document,
                    path=pending.path,
                    line=event.start_mark.line + 1,
                    column=event.start_mark.column + 1,
                    value=event.value,
                    setter=pending.setter,
                    owner=pending.owner if is_list or root is None else root,
                    ordinal=ordinal,
                )
            )
        return MarkerScan(tuple(markers), tuple(self._stray_markers(attached)), self._event_signatures)

    def _is_list(self) -> bool:
        if self._documents != 1 or self._root is None or self._root.owner is None or SEPARATOR.search(self._text):
            return False
        _, kind = self._root.owner.fields.get("kind", (0, ""))
        return kind in LIST_KINDS and not self._root.seen.isdisjoint(("items", "functionConfig"))

    def _stray_markers(self, attached: set[int]) -> list[StrayMarker]:
        stray_markers, lines, line, at = [], None, 1, 0
        for start, end in sorted(set(self._gaps)):
            for comment in COMMENT.finditer(self._text, start, end):
                if comment.start() in attached or not may_be_meant(comment.group()):
                    continue
                lines = lines or CommentLines(self._text)
                line += sum(1 for _ in BREAK.finditer(self._text, at, comment.start()))
                at = comment.start()
                if lines.is_meant(line, comment.group()):
                    stray_markers.append(StrayMarker(line, read_marker(comment.group()) or ""))
        return stray_markers
