"""Credentials as people store them, made fit for where they go, or refused in words that do not repeat them.

`echo token | base64` is how many Secrets are made, so a line end behind a credential is taken off. Anything else that a
header, a URL or a login cannot carry is refused before a library sees it: libraries quote what they were given.
A message begins where the caller's ends: `secret 'apps/pull': 'password'` + ` has a line break in it; …`.
"""

import re
from typing import Final

_LINE_ENDS: Final = "\r\n"
_CONTROL: Final = re.compile(r"[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_TOKENS: Final = re.compile(r"[^\x21-\x7e]")
_HINT: Final = "store the value alone, as `kubectl create secret --from-literal` does"


class UnfitCredential(ValueError):
    """A credential that cannot be sent as it is. The message says what is wrong with it, and never what it is."""


def fit_text(value: str | bytes, what: str) -> str:
    """Return a user name, password or passphrase (any characters but control characters), without a line end behind it.

    what: the place that it is from, for the message. Raises UnfitCredential. RFC 7617 section 2 forbids control
    characters in Basic authentication.
    """
    text = _decoded(value, what).rstrip(_LINE_ENDS)
    if found := _CONTROL.search(text):
        raise UnfitCredential(f"{what} {_fault(found[0])}; {_HINT}")
    return text


def fit_token(value: str | bytes, what: str) -> str:
    """Return a token that goes into a header as it is (visible ASCII, RFC 6750), without white space around it.

    what: the place that it is from, for the message. Raises UnfitCredential.
    """
    text = _decoded(value, what).strip()
    if found := _NOT_IN_TOKENS.search(text):
        raise UnfitCredential(f"{what} {_fault(found[0])}, which no token has; {_HINT}")
    return text


def is_token(text: str) -> bool:
    """Return whether a text can go into a header as a token."""
    return bool(text) and not _NOT_IN_TOKENS.search(text)


def _decoded(value: str | bytes, what: str) -> str:
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        raise UnfitCredential(f"{what} is not UTF-8; {_HINT}") from None


def _fault(char: str) -> str:
    if char in _LINE_ENDS:
        return "has a line break in it"
    if _CONTROL.match(char):
        return "has a control character in it"
    return "has white space in it" if char.isspace() else "has a character in it that is not ASCII"
