"""Sprig's base64, base32, checksums and password hashes.

The functions that make keys, certificates or passwords exist, as in Flux, but fail: they cost seconds, and what they
make has no place in a commit message. Reference: https://masterminds.github.io/sprig/encoding.html and …/crypto.html.
"""

import base64
import hashlib
import re
import zlib

import bcrypt

from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go import gotext
from controllers.template.go.types import ANY, STRING

LIBRARY = Library()
BCRYPT_COST = 10
"""Go's default; about 50 ms a hash."""
MAX_HASHES = 3
"""How many bcrypt hashes fit into one render."""
MAX_PASSWORD_BYTES = 72
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_PADDING = ord("=")
_BASE32_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE64_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_KEY_TYPES = ("", "rsa", "dsa", "ecdsa", "ed25519")
_REFUSED = (
    "derivePassword buildCustomCert genCA genCAWithKey genSelfSignedCert genSelfSignedCertWithKey genSignedCert "
    "genSignedCertWithKey encryptAES decryptAES"
)


@LIBRARY.add("b64enc", STRING)
def _b64enc(run: RenderContext, text: str) -> str:
    return base64.b64encode(gotext.encode(text)).decode()


@LIBRARY.add("b64dec", STRING)
def _b64dec(run: RenderContext, text: str) -> str:
    compact = text.replace("\n", "").replace("\r", "")
    if len(compact) % 4 or not _BASE64.fullmatch(compact):
        return f"illegal base64 data at input byte {_base64_fault(text)}"
    return gotext.decode(base64.b64decode(compact))


@LIBRARY.add("b32enc", STRING)
def _b32enc(run: RenderContext, text: str) -> str:
    return base64.b32encode(gotext.encode(text)).decode()


@LIBRARY.add("b32dec", STRING)
def _b32dec(run: RenderContext, text: str) -> str:
    source = gotext.encode(text).translate(None, b"\r\n")
    values, fault = _base32_values(source)
    if fault is not None:
        return f"illegal base32 data at input byte {fault}"
    bits = "".join(f"{value:05b}" for value in values)
    return gotext.decode(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8)))


def _base64_fault(text: str) -> int:
    """Return where Go stops decoding: a foreign character, misplaced or missing padding, or what follows it."""
    read = 0
    for position, char in enumerate(text):
        if char in "\r\n":
            continue
        if char != "=" and char not in _BASE64_ALPHABET:
            return position
        if char == "=":
            return _after_padding(text, position, read)
        read = (read + 1) % 4
    return len(text) - read


def _after_padding(text: str, position: int, read: int) -> int:
    """Return the fault at the first `=` of a text, `read` characters into a group."""
    if read < 2:
        return position
    rest = text[position + 1 :]
    if read == 2:
        rest = rest.lstrip("\r\n")
        if not rest:
            return len(text)
        if rest[0] != "=":
            return len(text) - len(rest) - 1
        rest = rest[1:]
    return len(text) - len(rest.lstrip("\r\n"))


def _base32_values(source: bytes) -> tuple[list[int], int | None]:
    """Return the values of the digits up to the padding, and where Go stops decoding, as `_base64_fault`.

    Padding counts only near the end and from the third digit of a group on; what follows it is ignored.
    """
    values: list[int] = []
    for position, char in enumerate(source):
        read, left = position % 8, len(source) - position - 1
        if char == _PADDING and read >= 2 and left < 8:
            if left + read < 7:
                return values, len(source)
            padding = source[position + 1 : position + 8 - read]
            wrong = len(padding) - len(padding.lstrip(b"="))
            if wrong < len(padding):
                return values, position + wrong
            return values, position if read in (3, 6) else None
        value = _BASE32_ALPHABET.find(char)
        if value < 0:
            return values, position
        values.append(value)
    missing = len(source) % 8
    return values, len(source) - missing if missing else None


@LIBRARY.add("sha1sum", STRING)
def _sha1sum(run: RenderContext, text: str) -> str:
    return hashlib.sha1(gotext.encode(text), usedforsecurity=False).hexdigest()


@LIBRARY.add("sha256sum", STRING)
def _sha256sum(run: RenderContext, text: str) -> str:
    return hashlib.sha256(gotext.encode(text)).hexdigest()


@LIBRARY.add("sha512sum", STRING)
def _sha512sum(run: RenderContext, text: str) -> str:
    return hashlib.sha512(gotext.encode(text)).hexdigest()


@LIBRARY.add("adler32sum", STRING)
def _adler32sum(run: RenderContext, text: str) -> str:
    return str(zlib.adler32(gotext.encode(text)))


@LIBRARY.add("bcrypt", STRING)
def _bcrypt(run: RenderContext, password: str) -> str:
    return hash_password(run, password)


@LIBRARY.add("htpasswd", STRING, STRING)
def _htpasswd(run: RenderContext, user: str, password: str) -> str:
    return f"invalid username: {user}" if ":" in user else f"{user}:{hash_password(run, password)}"


def hash_password(run: RenderContext, password: str) -> str:
    """Return the bcrypt hash with a random salt, or Go's words on a password that is too long."""
    raw = gotext.encode(password)
    if len(raw) > MAX_PASSWORD_BYTES:
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
    run.budget.spend_share(MAX_HASHES + 1)
    return bcrypt.hashpw(raw, bcrypt.gensalt(BCRYPT_COST, prefix=b"2a")).decode()


@LIBRARY.add("genPrivateKey", STRING)
def _gen_private_key(run: RenderContext, kind: str) -> str:
    if kind not in _KEY_TYPES:
        return f"Unknown type {kind}"
    raise FunctionFailure("keys are not made for commit messages")


@LIBRARY.add(_REFUSED, ANY, variadic=True)
def _refuse(run: RenderContext, *values: object) -> str:
    raise FunctionFailure("keys, certificates and passwords are not made for commit messages")
