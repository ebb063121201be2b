"""How a new value is written in the place of an old scalar: same style where that is sound, quotes where it is not.

Every YAML reader must read a marked value as a string, so plain values are tested against what YAML 1.1 and the core
schema of YAML 1.2 read as anything else (https://yaml.org/type/, https://yaml.org/spec/1.2.2/#103-core-schema),
spellings of go-yaml included. Works on one scalar's source text; `markers` finds the scalars.
"""

import re

from controllers.setters.comments import BREAK, PROPERTIES, split_lines

PLAIN, SINGLE, DOUBLE, LITERAL, FOLDED = "plain", "single", "double", "literal", "folded"
STYLES = {None: PLAIN, "": PLAIN, "'": SINGLE, '"': DOUBLE, "|": LITERAL, ">": FOLDED}

CORE = "tag:yaml.org,2002:"
STRING_TAG = CORE + "str"

_WORDS = frozenset({"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<", "..."})
_OTHER_TYPES = re.compile(
    r"""[-+]?(?:
          0b[01]+ | 0o?[0-7]+ | 0x[0-9a-f]+                             # integers of other bases
        | [0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?                          # sexagesimal numbers
        | (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?             # decimal numbers
        | \.(?:inf|nan)
        )
        | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:t|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}.*)?   # dates
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SAFE_PLAIN = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./@+~=-]|:(?=[A-Za-z0-9_./@+~=-]))*")
_UNPRINTABLE = re.compile("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029\ufeff]")
_NAMED_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
_ESCAPED = re.compile(rf'[\\"]|{_UNPRINTABLE.pattern}')
_PROPERTY_TAG = re.compile("(#[^\n\r\x85\u2028\u2029]*)|(![^ \t\n\r\x85\u2028\u2029]*)")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")


def reads_as_string(value: str) -> bool:
    """Return False when some YAML reader takes the unquoted value for a number, date, boolean or null."""
    if value.lower() in _WORDS:
        return False
    if value[:1] not in "0123456789+-.":
        return True
    return not _OTHER_TYPES.fullmatch(value.replace("_", ""))


def quote(value: str) -> str:
    """Return the value in double quotes, on one line."""
    return f'"{_ESCAPED.sub(_escape, value)}"'


def rewrite(source: str, value: str, *, style: str, tag: str | None) -> str:
    """Return the source text of one scalar with its value replaced by `value`.

    source: from the first property (anchor or tag) to the end the parser gives, for block scalars the start of a line.
    style: one of the five names above. tag: the scalar's tag as the parser resolved it, None when it has none.

    Anchor, comments and a tag of the author's own stay; a tag of YAML's own other than `!!str` would contradict the
    value and becomes `!!str`. An unquoted value gets double quotes where it needs them; single-quoted and block
    scalars become double-quoted where the value cannot be written their way; block scalars get strip chomping.
    """
    content = PROPERTIES.match(source).end() if source[:1] in ("&", "!") else 0  # type: ignore[union-attr]
    properties, old = source[:content], source[content:]
    if properties and not properties[-1].isspace():  # `&a:x` is an anchor and the text `:x`
        properties += " "
    if tag and tag.startswith(CORE) and tag != STRING_TAG:
        properties = _PROPERTY_TAG.sub(lambda m: m.group(1) or "!!str", properties)
        tag = STRING_TAG
    if style == PLAIN:
        sound = _SAFE_PLAIN.fullmatch(value) and (tag == STRING_TAG or reads_as_string(value))
        return properties + (value if sound else quote(value))
    if style == SINGLE and not _UNPRINTABLE.search(value):
        return properties + "'" + value.replace("'", "''") + "'"
    if style in (LITERAL, FOLDED):
        return properties + _rewrite_block(old, value)
    return properties + quote(value)


def _rewrite_block(old: str, value: str) -> str:
    """Rewrite a block scalar from its `|` or `>` on; keep header comment, indentation and empty lines at the end."""
    indicators = _BLOCK_HEADER.match(old)
    assert indicators is not None
    line_break = BREAK.search(old)
    header = old[indicators.end() : line_break.end() if line_break else len(old)]
    lines = _body_lines(old, line_break.end()) if line_break else []
    filled = [number for number, (text, _) in enumerate(lines) if text.strip(" ")]
    plain_text = value and not _UNPRINTABLE.search(value) and value == value.strip(" ")
    if not filled or not plain_text:
        tail = lines[filled[-1] + 1 :] if filled else lines
        return quote(value) + header + "".join(text + end for text, end in tail)
    first, last = lines[filled[0]][0], filled[-1]
    indent = first[: len(first) - len(first.lstrip(" "))]
    tail = [(text if len(text) <= len(indent) else "", end) for text, end in lines[last + 1 :]]
    body = indent + value + lines[last][1] + "".join(text + end for text, end in tail)
    return indicators.group()[0] + "-" + header + body


def _body_lines(text: str, start: int) -> list[tuple[str, str]]:
    """Return the lines from `start` on, each with its line break; the last break may be missing."""
    lines = split_lines(text, start)
    following = (*(start for start, _ in lines[1:]), len(text))
    return [
        (text[start:end], text[end:after])
        for (start, end), after in zip(lines, following, strict=True)
        if start < len(text)
    ]


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if char in _NAMED_ESCAPES:
        return _NAMED_ESCAPES[char]
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
