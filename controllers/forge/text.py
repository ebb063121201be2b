"""The words of a pull request: the stamp by which we know it again, lengths that forges take, foreign text in Markdown.

The stamp is a link definition of Markdown that nothing refers to (CommonMark section 4.7): all forges leave it out of
what they show, and an API answers with it.
"""

import hashlib
import re
from typing import Final

from controllers.forge.model import Stamp

_NAME: Final = r"[a-z0-9.-]{1,253}"
_STAMP: Final = re.compile(
    rf"^\[//\]: # \(tagline automation=({_NAME}/{_NAME}) content=([0-9a-f]{{0,64}}) text=([0-9a-f]{{0,64}})( closed)?\)\s*$",
    re.MULTILINE,
)


def text_digest(title: str, body: str) -> str:
    """Return the digest of title and body, as it is in a stamp."""
    return hashlib.sha256(f"{len(title)}\n{title}{body}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_stamp(body: str) -> Stamp | None:
    """Return the stamp in the text of a pull request: the last one, as ours stands at the end."""
    last = None
    for last in _STAMP.finditer(body):
        pass
    return Stamp(last[1], last[2], last[3], bool(last[4])) if last else None


def format_stamp(stamp: Stamp) -> str:
    """Return the line that `read_stamp` reads."""
    closed = " closed" if stamp.closed else ""
    return f"[//]: # (tagline automation={stamp.automation} content={stamp.content} text={stamp.text}{closed})"
