"""The trailer of our commits on head branches: by it such a commit is known again, whoever has forgotten what.

`Tagline-Offer: <content> <tree>`: a digest of what the commit offers, and the tree that it was made with. A commit that
somebody has amended or rebased has another tree, and is theirs.
"""

import re
from dataclasses import dataclass

_TRAILER = re.compile(r"^Tagline-Offer: (?P<content>[0-9a-f]{1,64}) (?P<tree>\S{1,128})[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a commit says that it offers."""

    content: str
    tree: str


def read_offer(message: str) -> Offer | None:
    """Return the offer of a commit's message, None where there is none. The last one counts, as for all trailers."""
    found = next(reversed([*_TRAILER.finditer(message)]), None)
    return Offer(found["content"], found["tree"]) if found else None


def add_offer(message: str, offer: Offer) -> str:
    """Return a message with its trailer, in a paragraph of its own."""
    return f"{message.rstrip()}\n\nTagline-Offer: {offer.content} {offer.tree}\n"
