"""The words of a pull request: lengths that forges take, and foreign text in Markdown.

Mentions (@team), references (#1, !1, GH-1) and quick actions (GitLab: `/merge` at the beginning of a line) act on other
people and on other pull requests. Forges find them in the text that Markdown has made, so a backslash does not help:
inside of a code span they are left alone by all six, and elsewhere a zero-width space takes them apart.
"""

import re
from dataclasses import replace
from typing import Final

from controllers.forge.model import Stamp
from controllers.forge.stamp import format_stamp
from controllers.net.foreign_text import escape

ELLIPSIS: Final = "…"
CUT_NOTE: Final = "*The rest was cut, as the forge takes no longer text.*"
ZERO_WIDTH: Final = "\u200b"
MAX_BACKTICKS: Final = 16
_PUNCTUATION: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$^&=:\"'/])")
_ACTS: Final = re.compile(r"(?<=[@#!~%$&])(?=[\w\"])|(?<=\bGH)(?=-\d)|(?<=:)(?=//)|(?<=\bwww)(?=\.)", re.IGNORECASE)
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_LINK: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~%+/?=&-]*)?", re.ASCII)


def length(text: str) -> int:
    """Return how long a text is for those that count most: in UTF-16."""
    return len(text) + sum(char > "\uffff" for char in text)


def fit_title(title: str, limit: int, *, prefix: str = "") -> str:
    """Return a title on one line that a forge takes, with the prefix in front of it."""
    start = " ".join(title[: 8 * limit].split())
    line = _defuse(escape(start)) or "Update images"
    return prefix + _cut(line, limit - length(prefix), ELLIPSIS)


def compose(body: str, stamp: Stamp, limit: int) -> str:
    """Return the text of a pull request: the stamp, and of the body what a forge takes.

    A long body is cut between lines, and a code block that is cut is closed.
    """
    head = format_stamp(stamp) + "\n\n"
    clean = _without_controls(body[: 2 * limit + 1])  # more than that is cut anyway
    room = limit - length(format_stamp(replace(stamp, closed=True))) - 2
    if length(clean) <= room:
        return head + clean
    end = f"\n\n{CUT_NOTE}"
    kept = _cut(clean, room - length(end) - MAX_BACKTICKS * 2, "")
    line_end = kept.rfind("\n")
    kept = kept[:line_end] if line_end > len(kept) // 2 else kept
    return head + kept.rstrip() + _closing_fence(kept) + end


def code(text: str) -> str:
    """Return foreign text as a code span: nothing in it means anything."""
    line = escape(" ".join(text.split())) or " "
    runs = [len(run) for run in re.findall("`+", line)]
    if max(runs, default=0) >= MAX_BACKTICKS:
        line, runs = line.replace("`", "'"), []
    fence = "`" * (max(runs, default=0) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" or (line[0] == line[-1] == " " and line.strip()) else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(markdown: str) -> str:
    """Return Markdown of one line for a cell of a table."""
    return markdown.replace("|", "\\|")


def prose(text: str) -> str:
    """Return foreign text as words of a sentence, on one line."""
    return _PUNCTUATION.sub(r"\\\1", _defuse(escape(" ".join(text.split()))))


def link(words: str, url: str) -> str:
    """Return a link; empty where the URL has anything in it that a plain one has not."""
    return f"[{words}]({url})" if _LINK.fullmatch(url) else ""


def _defuse(line: str) -> str:
    return _ACTS.sub(ZERO_WIDTH, line)


def _without_controls(text: str) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(escape(part) for part in line.split("\t")) for line in lines)


def _cut(text: str, limit: int, end: str) -> str:
    """Return the beginning of a text, with `end` where something is left out."""
    if length(text) <= limit:
        return text
    room = limit - length(end)
    kept = text[: max(room, 0)]
    while (over := length(kept) - room) > 0 and kept:
        kept = kept[: -max(over // 2, 1)]
    return kept.rstrip() + end


def _closing_fence(text: str) -> str:
    """Return what closes the code block that a text ends in."""
    fence = ""
    for match in _FENCE.finditer(text):
        mark = match[1]
        if not fence:
            fence = mark
        elif mark[0] == fence[0] and len(mark) >= len(fence):
            fence = ""
    return f"\n{fence[:MAX_BACKTICKS]}" if fence else ""
