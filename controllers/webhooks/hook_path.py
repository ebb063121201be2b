"""The path of a hook: unguessable, and the same as in Flux, so that hooks survive a change of the controller.

Flux: notification-controller api/v1/receiver_types.go, `GetWebhookPath`.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "/hook/"


def hook_path(token: bytes | str, name: str, namespace: str) -> str:
    """Return the path of a Receiver: `/hook/` and the SHA-256 of token, name and namespace. token: empty with OIDC."""
    secret = token.encode() if isinstance(token, str) else token
    return PREFIX + hashlib.sha256(secret + name.encode() + namespace.encode()).hexdigest()


def find_path(given: str, paths: Iterable[str]) -> str | None:
    """Return the one of the paths that was asked for, None for an unknown one. Takes the same time for both."""
    wanted = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
    found = [path for path in paths if hmac.compare_digest(wanted, hashlib.sha256(path.encode()).digest())]
    return found[0] if found else None
