"""Comments of YAML: which of them are markers, and which value they belong to.

The parser drops comments, so they are looked up in the gaps between its tokens, where no scalar can be: there the
first `#` of a line begins a comment, since neither indicators nor anchors nor tags may hold one.

What belongs where follows go-yaml v3, through which Flux reads its files (`scannerc.go`, line, head and foot
comments), as far as it decides about markers: the JSON must be all that go-yaml would attach to the value. This module
looks at text only; it knows no events.
"""

import re

import msgspec

MARKER_KEY = "$imagepolicy"
QUOTED_KEY = f'"{MARKER_KEY}"'
"""In every file that has a marker: no other spelling of the key makes one."""
REF_KEY, REF_PREFIX = "$ref", "#/definitions/io.k8s.cli.setters."
"""The older, longer form of a marker, which Flux still reads."""

BREAK = re.compile("[\n\r\x85\u2028\u2029](?:(?<=\r)\n)?")
COMMENT = re.compile("#[^\n\r\x85\u2028\u2029]*")
MARKER_HINT = re.compile(r"#[ \t]*\{|[iI]mage[-_]?[pP]olic|IMAGEPOLIC")
"""Where a marker may be: every comment that is one, or was meant to be one, has a match."""

PROPERTIES = re.compile(
    "(?:&[0-9A-Za-z_-]+|![^ \t\n\r\x85\u2028\u2029]*|#[^\n\r\x85\u2028\u2029]*|[ \t\n\r\x85\u2028\u2029]+)*"
)
"""Anchor, tag and what may stand between them and the scalar."""

_AFTER_COMMA = re.compile(r"[ \t]*,[ \t]*#")
_JSON = msgspec.json.Decoder(dict[str, str | None])


def read_marker(comment: str) -> str | None:
    """Return the setter that a comment names, e.g. `apps:web:tag`, or None when the comment is not a marker.

    `comment` starts with its `#`. Only one JSON object of strings is accepted; of a repeated key the last one counts.
    The long form is kustomize's and kpt's, too: without a colon it names a setter of theirs.
    """
    try:
        keys = _JSON.decode(comment.lstrip("#"))
    except (msgspec.DecodeError, UnicodeError):
        return None
    if setter := keys.get(MARKER_KEY):
        return setter
    ref = keys.get(REF_KEY) or ""
    setter = ref.removeprefix(REF_PREFIX)
    return setter if setter != ref and ":" in setter else None


def line_comments(gap: str, *, flow: bool) -> list[tuple[int, str]]:
    """Return offset and text of the comments on the line where the value before the gap ends.

    Inside a flow collection the comment after the comma also belongs to the value, wherever the comma stands; a value
    with a comment on either side of it has two. `gap` is the text between the value and the next token.
    """
    first = BREAK.search(gap)
    eol = first.start() if first else len(gap)
    comments = [(m.start(), m.group()) for m in COMMENT.finditer(gap, 0, eol) if not gap[: m.start()].strip(" \t,")]
    if flow and first and "," not in gap[: comments[0][0] if comments else eol]:
        for line in split_lines(gap, first.end()):
            if _AFTER_COMMA.match(gap, *line):
                comment = COMMENT.search(gap, *line)
                assert comment is not None
                comments.append((comment.start(), comment.group()))
                break
    return comments


def split_lines(text: str, start: int) -> list[tuple[int, int]]:
    """Return start and end of each line of `text[start:]`, without its line break; the last line may be empty."""
    lines = []
    for line_break in BREAK.finditer(text, start):
        lines.append((start, line_break.start()))
        start = line_break.end()
    lines.append((start, len(text)))
    return lines
