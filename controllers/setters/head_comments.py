"""Which comment above a value is the value's own.

Go-yaml hands a comment on lines of its own to what follows, the "head", or to what came before, the "foot"; only a
value whose head is one comment, the marker, is marked by it. The rules are those of go-yaml v3 (`scannerc.go`,
`yaml_parser_scan_comments`), as far as they decide about markers.
"""

import re
from dataclasses import dataclass, field

from controllers.setters.comments import COMMENT, split_lines

Comment = tuple[int, str]
"""Offset in the gap, and text from the `#` on."""

_DASHES = re.compile(r"(?:-(?=[ \t]|$)[ \t]*)*")


@dataclass(slots=True)
class _HeadCommentState:
    """The state after some lines of a gap. A group is a run of comment lines that may still turn out to be a foot."""

    indent: int
    below: int
    """The line right below the last token, where a foot may stand; -1 when nothing can have a foot."""
    heads: list[Comment] = field(default_factory=list)
    group: list[Comment] = field(default_factory=list)
    group_column: int = 0
    group_adjacent: bool = False
    empty_seen: bool = False
    dash_column: int | None = None
    before_dash: int = 0

    def empty_line(self) -> None:
        """Drop a comment right below the last token that has an empty line after it: it is that token's foot."""
        if not self.empty_seen and (self.group_adjacent or self.group_column < self.indent):
            self.group = []
        self.empty_seen = True

    def start_line(self, column: int) -> None:
        """Drop a comment above a line that ends a collection and is not indented like it: it is a foot, too."""
        if column < self.indent and column != self.group_column:
            self.group = []

    def comment(self, comment: Comment, line: int, column: int) -> None:
        if not self.group:
            self.group_column, self.group_adjacent = column, line == self.below
        self.group.append(comment)

    def content(self) -> None:
        self.heads += self.group
        self.group = []

    def dash(self, line: int, column: int) -> None:
        """Drop what stands above a dash with another to its right: it belongs to the inner list, not its first item."""
        if self.dash_column is not None and self.dash_column < column:
            del self.heads[: self.before_dash]
        self.dash_column, self.before_dash = column, len(self.heads)
        self.indent, self.below, self.empty_seen = max(self.indent, column), line + 1, False


def head_comment(
    gap: str, *, indent: int, flow: bool, after_key: bool, line_start: bool, empty_before: bool = False
) -> Comment | None:
    """Return the one comment in the gap that is the head of the value after it; None if there is not exactly one.

    gap: the text between the last token and the value. indent: column of the innermost block collection at that token.
    flow: the value is in a flow collection. after_key: the token is the colon of a mapping. line_start: the gap begins
    on a line of its own, behind a block scalar. empty_before: that scalar ends with an empty line.
    """
    lines = split_lines(gap, 0)
    if not (line_start or (flow and after_key)):
        lines = lines[1:]
    state = _HeadCommentState(indent, -1 if flow or after_key else 0, empty_seen=empty_before)
    for number, (start, end) in enumerate(lines):
        body = gap[start:end].lstrip(" \t")
        column = end - start - len(body)
        if not body and number < len(lines) - 1:
            state.empty_line()
            continue
        state.start_line(column)
        if body.startswith("#"):
            state.comment((start + column, body), number, column)
            continue
        state.content()
        dashes = _DASHES.match(body)
        for dash in re.finditer("-", dashes.group() if dashes else ""):
            state.dash(number, column + dash.start())
        if body.startswith(("-", ":") if flow else "-") and (comment := COMMENT.search(gap, start, end)):
            state.heads.append((comment.start(), comment.group()))
    state.content()
    return state.heads[0] if len(state.heads) == 1 else None
