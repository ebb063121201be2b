"""The stamp: one line in the text of a pull request, by which it is known again without any memory of ours.

It is a link definition of Markdown that nothing refers to (CommonMark section 4.7): forges leave it out of what they
show, and their APIs answer with it. It comes first, since listings of Azure DevOps cut texts at 400 characters, and
ends in the automation's name, which alone has no bounded length of a few characters.
"""

import hashlib
import re
from dataclasses import replace
from typing import Final

from controllers.forge.model import Stamp

DIGEST_CHARS: Final = 16
_NAME: Final = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_STAMP: Final = re.compile(
    r"^\[//\]: # \(tagline (?P<closed>closed )?(?P<content>[0-9a-f]{1,64}) (?P<text>[0-9a-f]{1,64}) "
    rf"(?P<automation>{_NAME}/{_NAME})\)[ \t\r]*$",
    re.MULTILINE | re.ASCII,
)


def short_digest(*parts: str) -> str:
    """Return a digest of some texts in this order, which different texts do not share."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()[:DIGEST_CHARS]


def text_digest(title: str, body: str) -> str:
    """Return the digest of title and body, as it is in a stamp."""
    return short_digest(title, body)


def read_stamp(body: str) -> Stamp | None:
    """Return the stamp in the text of a pull request: the first one, as foreign text comes behind ours."""
    match = _STAMP.search(body)
    return Stamp(match["automation"], match["content"], match["text"], bool(match["closed"])) if match else None


def format_stamp(stamp: Stamp) -> str:
    """Return the line that `read_stamp` reads."""
    closed = "closed " if stamp.closed else ""
    return f"[//]: # (tagline {closed}{stamp.content} {stamp.text} {stamp.automation})"


def mark_closed(body: str) -> str:
    """Return the text of a pull request with a stamp that says that it was us who closed it.

    A text without a stamp stays as it is: it is not ours.
    """
    stamp = read_stamp(body)
    if stamp is None or stamp.closed:
        return body
    return _STAMP.sub(lambda _: format_stamp(replace(stamp, closed=True)), body, count=1)
