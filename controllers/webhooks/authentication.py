"""Who sent a request: signatures over the body, shared tokens, passwords. All comparisons take constant time.

Each function returns by what a request was authenticated, or raises Refusal. A hook's path is a secret, too (see
`hook_path`); senders that have nothing else are let in by it.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Final

from controllers.webhooks.request import Request, encode
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import unauthorized

ALGORITHMS: Final = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_SCHEME: Final = re.compile(r"(Bearer|Token) +(.+)", re.IGNORECASE)
TOKEN_PARAMETERS: Final = ("token", "secret")

PATH: Final = "path"
SIGNATURE: Final = "signature"
TOKEN: Final = "token"  # noqa: S105 -- a word for people
PASSWORD: Final = "password"  # noqa: S105


def equals_one_of(given: bytes, expected: Iterable[bytes]) -> bool:
    """Return whether `given` is one of the expected values. The time says no more than how many there are."""
    digest = hashlib.sha256(given).digest()
    return sum(hmac.compare_digest(digest, hashlib.sha256(value).digest()) for value in expected) > 0


def check_hmac(
    request: Request,
    settings: Settings,
    *,
    headers: Sequence[str],
    body: bytes | None = None,
    prefixed: bool = True,
    outdated: str = "",
) -> str:
    """Verify an HMAC (RFC 2104) over the body, in hexadecimal digits, in the first of some headers that is there.

    prefixed: whether `sha256=` or `sha512=` may stand before the digits; without it they are SHA-256.
    outdated: a header with SHA-1, by which nobody is let in.
    """
    given = request.first_header(headers)
    if not given:
        if outdated and request.header(outdated):
            raise unauthorized("WeakSignature", f"{outdated} holds SHA-1; the sender must sign with SHA-256")
        raise unauthorized("MissingSignature", f"there is no header {headers[0]}; is the secret set at the sender?")
    algorithm, equals, digits = given.partition("=")
    if not equals:
        algorithm, digits = "sha256", given
    elif not prefixed or algorithm.lower() not in ALGORITHMS:
        weak = algorithm.lower() == "sha1"
        raise unauthorized(
            "WeakSignature" if weak else "InvalidSignature",
            f"the algorithm of {headers[0]} must be {' or '.join(ALGORITHMS)}"
            + (", SHA-1 is not taken" if weak else ""),
        )
    signed = _signed(request) | ({body} if body is not None else set())
    expected = [hmac.digest(key, text, algorithm.lower()) for key in settings.values() for text in signed]
    return _compare(digits, expected)


def _signed(request: Request) -> set[bytes]:
    """Return what a sender may have signed: the body as it came, and before it was compressed."""
    return {request.body, request.content}


def check_sha1(request: Request, settings: Settings, *, header: str) -> str:
    """Verify an HMAC with SHA-1, of a sender that has nothing better."""
    given = request.header(header)
    if not given:
        raise unauthorized("MissingSignature", f"there is no header {header}; is the secret set at the sender?")
    return _compare(given, [hmac.digest(key, text, "sha1") for key in settings.values() for text in _signed(request)])


def _compare(digits: str, expected: list[bytes]) -> str:
    given = bytes.fromhex(digits) if _HEX.fullmatch(digits) and len(digits) % 2 == 0 else b""
    if not equals_one_of(given, expected):
        raise unauthorized("InvalidSignature", "the signature does not fit the body and the receiver's token")
    return SIGNATURE


def check_token(request: Request, settings: Settings, *, headers: Sequence[str] = ("Authorization",)) -> str:
    """Compare the token with a header, where it may stand alone, behind `Bearer`, or as the password of `Basic`."""
    tokens = (*settings.values(), *_passwords(settings))
    presented = _presented(request, headers)
    if not presented:
        raise unauthorized("MissingToken", f"there is no header {headers[0]} with the receiver's token")
    if sum(equals_one_of(value, tokens) for value in presented) == 0:
        raise unauthorized("InvalidToken", f"the header {headers[0]} does not hold the receiver's token")
    return TOKEN


def check_token_if_sent(request: Request, settings: Settings, *, headers: Sequence[str] = ("Authorization",)) -> str:
    """As `check_token`, for a sender that may send none: then its path must do, unless the Secret has a `password`."""
    if settings.optional_values("password") or not _presented(request, headers):
        return check_path(request, settings)
    return check_token(request, settings, headers=headers)


def check_path(request: Request, settings: Settings) -> str:
    """Let in who knew the path. With a `password` in the Secret that must be sent as well.

    It may stand in `Authorization`, alone, behind `Bearer` or in `Basic`, or in the query as `token` or `secret`, for
    senders in which nothing but a URL can be entered. With a `username` in the Secret, that of `Basic` must be it.
    """
    passwords = settings.optional_values("password")
    if not passwords:
        return PATH
    presented = _presented(request, ("Authorization",), settings.optional_values("username"))
    presented += [encode(value) for name in TOKEN_PARAMETERS if (value := request.parameter(name))]
    if not presented:
        raise unauthorized("MissingToken", "there is no password, neither in Authorization nor as ?token= in the URL")
    if sum(equals_one_of(value, passwords) for value in presented) == 0:
        raise unauthorized("InvalidToken", "the password is not that of the receiver's Secret")
    return PASSWORD


def bearer(request: Request) -> str:
    """Return the token behind `Bearer`. Raises Refusal where there is none."""
    match = _SCHEME.fullmatch(request.header("Authorization"))
    if match is None or match[1].lower() != "bearer":
        raise unauthorized("MissingToken", "there is no header Authorization with a Bearer token")
    return match[2]


def _passwords(settings: Settings) -> tuple[bytes, ...]:
    return settings.optional_values("password")


def _presented(request: Request, headers: Sequence[str], usernames: Sequence[bytes] = ()) -> list[bytes]:
    """Return all that could be the secret in some headers."""
    found: list[bytes] = []
    for value in (request.header(name) for name in headers):
        if not value:
            continue
        match = _SCHEME.fullmatch(value)
        basic = _basic(value)
        if basic is not None:
            username, password = basic
            found += [password] if not usernames or equals_one_of(username, usernames) else [b""]
        found += [encode(value), *([encode(match[2])] if match else [])]
    return found


def _basic(header: str) -> tuple[bytes, bytes] | None:
    """Return the user and password of Basic authentication (RFC 7617), None where the header is something else."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encode(rest.strip()), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None
