"""How much of a request is taken. Senders' own payloads are far below."""

from typing import Final

MAX_BODY_BYTES: Final = 3 * 1024 * 1024
"""As in Flux's notification-controller."""
MAX_HEADERS: Final = 128
MAX_HEADER_BYTES: Final = 256 * 1024
"""Of all headers together, path and query included."""
MAX_DEPTH: Final = 64
"""Of arrays and objects in each other."""
MAX_CONTAINERS: Final = 200_000
"""Brackets and braces in a body. Empty arrays cost most of all that fits into it: without this a second of CPU time."""
MAX_EVENTS: Final = 10_000
"""In one body. As many are accepted and merged: a registry that was away sends what it has queued."""
MAX_TEXT: Final = 1024
"""Characters of one field that is read."""
MAX_TOKEN_CHARS: Final = 16 * 1024
"""Of an identity token."""
