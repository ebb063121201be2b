"""How each sender shows who it is, done in its place: the other side of `controllers.webhooks.authentication`."""

import base64
import hmac
from collections.abc import Callable, Mapping
from typing import Final

from cli.grammar.session import Failed
from controllers.webhooks.settings import SecretData

IDENTITY_TOKENS: Final = ("gcr", "generic-oidc")
"""Types whose senders have a token of an issuer, and no shared one."""
AUTHORIZATION: Final = "Authorization"
SCHEMES: Final = ("Bearer", "Basic")
"""What stands before a secret in that header, if anything does."""
_TOKEN_OR_PASSWORD: Final = "acr"  # noqa: S105 -- a type
"""Known by the password where the Secret has one."""


def sign(type: str, body: bytes, secret: SecretData, identity_token: str) -> dict[str, str]:
    """Return the headers by which a sender of this type is known. Raises Failed for what is missing."""
    if type in IDENTITY_TOKENS:
        if not identity_token:
            raise Failed(f"{type} is known by an identity token: give one with --oidc-token or --oidc-provider")
        return {AUTHORIZATION: f"Bearer {identity_token}"}
    if type in _BY_TOKEN and not (type == _TOKEN_OR_PASSWORD and _value(secret, "password")):
        return _BY_TOKEN[type](body, _token(secret))
    return _password(secret)


def _token(secret: SecretData) -> bytes:
    token = _value(secret, "token")
    if not token:
        raise Failed("the token of the Receiver is needed: --token, --token-env or --secret-file")
    return token


def _password(secret: SecretData) -> dict[str, str]:
    """Return what a sender shows that is known by its path, if the Secret asks for more."""
    password, username = _value(secret, "password"), _value(secret, "username")
    if not password:
        return {}
    if username:
        return {AUTHORIZATION: f"Basic {base64.b64encode(username + b':' + password).decode()}"}
    return {AUTHORIZATION: f"Bearer {_text(password)}"}


def _value(secret: SecretData, key: str) -> bytes:
    """Return a value as it is entered at a sender: without the line ends behind it that a file had."""
    return secret.get(key, b"").rstrip(b"\r\n")


def _text(token: bytes) -> str:
    """Return a token as a header carries it."""
    text = token.decode("utf-8", "replace")
    if not text.isprintable() or "\ufffd" in text:
        raise Failed("the token of the Receiver cannot stand in a header: it is not a line of text")
    return text


def _hmac(header: str, algorithm: str = "sha256", prefix: str = "") -> Callable[[bytes, bytes], dict[str, str]]:
    return lambda body, token: {header: prefix + hmac.digest(token, body, algorithm).hex()}


def _shared(header: str, prefix: str = "") -> Callable[[bytes, bytes], dict[str, str]]:
    return lambda _, token: {header: prefix + _text(token)}


_BY_TOKEN: Final[Mapping[str, Callable[[bytes, bytes], dict[str, str]]]] = {
    "github": _hmac("X-Hub-Signature-256", prefix="sha256="),
    "bitbucket": _hmac("X-Hub-Signature", prefix="sha256="),
    "gitea": _hmac("X-Gitea-Signature"),
    "jfrog": _hmac("X-JFrog-Event-Auth"),
    "nexus": _hmac("X-Nexus-Webhook-Signature", algorithm="sha1"),
    "generic-hmac": _hmac("X-Signature", prefix="sha256="),
    "harbor": _shared(AUTHORIZATION),
    "acr": _shared(AUTHORIZATION, "Bearer "),
    "ecr": _shared(AUTHORIZATION, "Bearer "),
    "gitlab": _shared(AUTHORIZATION, "Bearer "),
    "distribution": _shared(AUTHORIZATION, "Bearer "),
}
