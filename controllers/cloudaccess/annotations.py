"""What a ServiceAccount's annotations say about its tokens: whether registries get one, for whom, how long. Pure.

Flux 2.10 calls this object identity; see https://fluxcd.io/flux/integrations/object-identity/. Of the two providers of
tokens that it has, Kubernetes is supported; SPIFFE is not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from controllers.cloud.errors import LoginFailed
from controllers.golang.duration import BadDuration, parse_duration

PREFIX: Final = "credential.auth.fluxcd.io"
PROVIDER: Final = f"{PREFIX}/provider"
TYPE: Final = f"{PREFIX}/type"
AUDIENCES: Final = f"{PREFIX}/audiences"
USERNAME: Final = f"{PREFIX}/username"
EXPIRATION: Final = f"{PREFIX}/expiration"

SHORTEST: Final = timedelta(minutes=10)
"""What Kubernetes issues at least, and what is asked for without the annotation."""
LONGEST: Final = timedelta(hours=24)
MAX_AUDIENCES: Final = 10


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """How tokens of a ServiceAccount are to be issued and presented."""

    for_registries: bool = False
    """The account opts in: a registry without a cloud gets its token."""
    audiences: tuple[str, ...] = ()
    """Whom such a token is for; empty means the registry's host."""
    username: str = ""
    """The token is sent as this user's password; empty means as a bearer token."""
    lifetime: timedelta = SHORTEST


def read_token_settings(account: str, annotations: Mapping[str, str]) -> TokenSettings:
    """Return what annotations say. account: `namespace/name`, for messages. Raises LoginFailed for what cannot be."""
    try:
        return TokenSettings(
            _opts_in(annotations),
            _audiences(annotations.get(AUDIENCES, "")),
            annotations.get(USERNAME, ""),
            _lifetime(annotations.get(EXPIRATION, "")),
        )
    except ValueError as error:
        raise LoginFailed(f"service account '{account}': {error}") from None


def _opts_in(annotations: Mapping[str, str]) -> bool:
    provider, kind = annotations.get(PROVIDER, ""), annotations.get(TYPE, "")
    if not provider and not kind:
        return False
    for set_one, other, value in ((TYPE, PROVIDER, provider), (PROVIDER, TYPE, kind)):
        if not value:
            raise ValueError(f"the annotation {set_one} needs {other}")
    if provider == "spiffe":
        raise ValueError(f"{PROVIDER} is 'spiffe', which tagline does not support: set it to 'kubernetes'")
    if provider != "kubernetes":
        raise ValueError(f"invalid {PROVIDER} annotation: '{provider}'. must be 'kubernetes'")
    if kind != "jwt":
        raise ValueError(f"invalid {TYPE} annotation: '{kind}'. must be 'jwt'")
    return True


def _audiences(text: str) -> tuple[str, ...]:
    found = tuple(filter(None, (part.strip() for part in re.split(r"[,\n]", text))))
    if len(found) > MAX_AUDIENCES:
        raise ValueError(f"{AUDIENCES} names more than {MAX_AUDIENCES} audiences")
    return found


def _lifetime(text: str) -> timedelta:
    if not text:
        return SHORTEST
    try:
        lifetime = parse_duration(text)
    except BadDuration as error:
        raise ValueError(f"invalid {EXPIRATION} annotation: {error}") from None
    if not SHORTEST <= lifetime <= LONGEST:
        raise ValueError(f"invalid {EXPIRATION} annotation: '{text}'. must be from 10m to 24h")
    return lifetime
