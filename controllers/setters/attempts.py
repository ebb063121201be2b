"""Was a comment meant as a marker? One that was and cannot work is a finding; one that only mentions markers is not.

Behind a value a comment is meant as a marker when something in it looks like one. On a line of its own it must be
nothing else, and stand where somebody would put a marker: prose about markers and lines that are commented out are
common in real files, and none of them is wrong. Flux ignores all of it, so the rules are ours. Knows no YAML.
"""

import re
from collections.abc import Iterator

from controllers.setters.comments import COMMENT, QUOTED_KEY, REF_KEY, read_marker, split_lines

MAX_COMMENT_CHARS = 1024
"""Nobody writes a longer marker by hand."""

_WORD = r"image[-_]?polic(?:y|ies)"
_KEY = rf"\${_WORD}"
_QUOTE = r"\"'`“”‘’"
_QUOTES = rf"[\s\\{_QUOTE}]*+"
_COLON = rf"{_QUOTES}[:=](?!=)"
_NAMES = rf"{_QUOTES}[\w.-]++[:/][\w.-]"
"""The beginning of `namespace:name`, or of the common mistake `namespace/name`."""

# Anybody who commits to a repository chooses these texts. So each part takes all that it can and gives nothing back:
# where two parts in a row could share the same characters, a few hundred of them took minutes.
_BRACED = re.compile(
    rf"\{{(?:[^{{}}]*?(?:[{_QUOTE}]{_KEY}|{_KEY}{_COLON}|{_KEY}(?=\s){_NAMES})|{_QUOTES}{_WORD}{_COLON}{_NAMES})",
    re.IGNORECASE,
)
"""A marker with at least its opening brace; `{{ $imagePolicy := 1 }}` of a template is none."""
_BARE = re.compile(
    rf"{_QUOTES}[\[(<]?+{_QUOTES}"
    rf"(?:(?<=[{_QUOTE}]){_KEY}|{_KEY}{_COLON}|{_KEY}(?=\s){_NAMES}|{_WORD}{_COLON}{_QUOTES}[\w.-]++:[\w.-])",
    re.IGNORECASE,
)
"""A marker without its brace, at the beginning of a comment."""
_NAME = re.compile(_WORD, re.IGNORECASE)
_BEFORE_NAME = re.compile(rf"[{{\[(<]*+(?:[^{{}}]*,)?+{_QUOTES}\$?")
_BEHIND_NAME = re.compile(
    rf"{_QUOTES}[:=;]?+{_QUOTES}(?:[^\s{{}}]*+\{{[^{{}}]*+\}}|[^\s{{}},]*+){_QUOTES}(?:,[^{{}}]*+)?+[}}\])>]*+"
)
"""Together: a comment that is nothing but a marker, however wrong."""

_SPELLINGS = (b"magepolic", b"magePolic", b"MAGEPOLIC", b"mage-polic", b"mage_polic")
_MENTION = re.compile(rf"{_KEY}|[{{\"'`“‘]\s*{_WORD}".encode(), re.IGNORECASE)
_STRETCH = 1024
"""Places that are so near to each other are looked at together: a file may have millions."""
_QUOTED_KEY = QUOTED_KEY.encode()


def mentions_marker(data: bytes) -> bool:
    """Return True when a file may have a marker, or a comment that was meant as one. Most files cost two searches."""
    if b"olic" not in data and b"OLIC" not in data:
        return False
    return _QUOTED_KEY in data or any(_is_mentioned(spelling, data) for spelling in _SPELLINGS)


def _is_mentioned(spelling: bytes, data: bytes) -> bool:
    """Return True when a comment has the key in this spelling. Looks back no further than markers are long."""
    at = data.find(spelling)
    while at >= 0:
        last = data.rfind(spelling, at, at + _STRETCH)
        lines = data[max(0, at - MAX_COMMENT_CHARS) : last + len(spelling) + len(b"ies")].split(b"\n")
        if any((b"#" in line or b"//" in line) and _MENTION.search(line) for line in lines):
            return True
        at = data.find(spelling, last + 1)
    return False


def may_be_meant(comment: str) -> bool:
    """Return False, at little cost, for most comments that were not meant as a marker."""
    return REF_KEY in comment or "polic" in comment.lower()


def contains_attempt(body: str) -> bool:
    """Return True when a comment behind a value was meant as a marker. body: the comment without what it starts with.

    A comment inside the comment is not: whoever writes `# # {…}` has switched the marker off.
    """
    if len(body) > MAX_COMMENT_CHARS:
        return QUOTED_KEY in body
    return not body.lstrip().startswith("#") and bool(_BRACED.search(body) or _BARE.match(body))


def is_attempt(body: str) -> bool:
    """Return True when a comment on a line of its own is nothing but a marker, right or wrong."""
    return len(body) <= MAX_COMMENT_CHARS and contains_attempt(body) and _is_whole(body.strip())


def _is_whole(body: str) -> bool:
    """Return True when there is nothing but a marker around one of the places that name its key."""
    return any(
        _BEFORE_NAME.fullmatch(body, 0, name.start()) and _BEHIND_NAME.fullmatch(body, name.end())
        for name in _NAME.finditer(body)
    )


class CommentLines:
    """The lines of a text, to judge comments in it by what stands around them."""

    def __init__(self, text: str) -> None:
        self._lines = [text[start:end] for start, end in split_lines(text, 0)]

    def is_meant(self, line: int, comment: str) -> bool:
        """Return True when a comment was meant as a marker. line: 1-based. comment: from its `#` to its line's end."""
        index = line - 1
        body = comment.lstrip("#")
        if not self._is_comment(index):
            return contains_attempt(body) or read_marker(comment) is not None
        if not (is_attempt(body) or read_marker(comment) is not None):
            return False
        if not (self._is_prose(index - 1) or self._is_prose(index + 1)):
            return True
        # In a block of comments it is an example, unless it stands right above a value and no line announces it.
        if self._is_prose(index + 1) or not self._is_content(index + 1):
            return False
        above = self._text_above(index)
        return not above.rstrip().endswith(":") and _indent(body) <= _indent(above)

    def _is_comment(self, index: int) -> bool:
        return 0 <= index < len(self._lines) and self._lines[index].lstrip().startswith("#")

    def _is_content(self, index: int) -> bool:
        return 0 <= index < len(self._lines) and bool(self._lines[index].strip()) and not self._is_comment(index)

    def _body(self, index: int) -> str:
        return self._lines[index].lstrip().lstrip("#")

    def _is_prose(self, index: int) -> bool:
        return self._is_comment(index) and not is_attempt(self._body(index))

    def _text_above(self, index: int) -> str:
        """Return the last line of the block above that is not empty."""
        index -= 1
        while self._is_comment(index) and not self._body(index).strip():
            index -= 1
        return self._body(index) if self._is_comment(index) else ""


def find_attempts(text: str) -> Iterator[int]:
    """Yield the numbers of lines with a marker or something meant as one, in a text that cannot be parsed.

    The first `#` of a line, or else its first `//`, is taken for the beginning of a comment.
    """
    lines = None
    for number, (start, end) in enumerate(split_lines(text, 0), 1):
        line = text[start:end]
        if not may_be_meant(line):
            continue
        lines = lines or CommentLines(text)
        comment = COMMENT.search(line)
        if comment is None and "//" in line:
            line = line.replace("//", "#", 1)
            comment = COMMENT.search(line)
        if comment is not None and lines.is_meant(number, comment.group()):
            yield number


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
