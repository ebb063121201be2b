"""Pull secrets: which of the credentials in Docker's configuration files are for an image.

Kubernetes' rules for image pull secrets, as go-containerregistry applies them for Flux: keys may have globs in the
labels of the host, and a path; the most specific key wins. A Secret of another type contributes nothing. Pure.
Format: https://kubernetes.io/docs/concepts/containers/images/#config-json.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TypeVar

import msgspec

from controllers.golang import regexp
from controllers.image.reference import Image
from controllers.registry.errors import BadCredentialSecret

JSON_TYPE, JSON_KEY = "kubernetes.io/dockerconfigjson", ".dockerconfigjson"
LEGACY_TYPE, LEGACY_KEY = "kubernetes.io/dockercfg", ".dockercfg"
MAX_BYTES = 1 << 20
"""What Kubernetes lets a Secret be."""
NOT_A_CONFIGURATION = "is not a Docker configuration in JSON"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to a registry. Never shown: repr has the user name only."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """Given to the token service for an access token (OAuth2 refresh token)."""
    registry_token: str = field(default="", repr=False)
    """An access token already; sent as it is."""


@dataclass(frozen=True, slots=True)
class PullSecret:
    type: str
    """Of the Secret: `kubernetes.io/dockerconfigjson`, `kubernetes.io/dockercfg`, or one that contributes nothing."""
    data: Mapping[str, bytes] = field(repr=False)
    name: str = ""
    """`namespace/name`, for error texts."""


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """One entry of the file; what it leaves out or has as null is empty."""

    auth: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    identitytoken: str = field(default="", repr=False)
    registrytoken: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """All credentials of an object's pull secrets, each for the images that its key matches."""

    entries: tuple[tuple[str, Credentials], ...] = ()
    """By key, the most specific one first."""

    def find(self, image: Image) -> Credentials | None:
        """Return the credentials for `image`, None for anonymous access."""
        found = (entry for key, entry in self.entries if matches(key, image))
        return next((entry if entry != Credentials() else None for entry in found), None)


Json = dict[str, object]
T = TypeVar("T")


def read_keyring(secrets: Sequence[PullSecret]) -> Keyring:
    """Return the credentials of pull secrets.

    Longer keys win over shorter ones, and among equal keys the first Secret's. Raises BadCredentialSecret when any of
    the Secrets cannot be read, also when another one would match: which one is wrong must not depend on the image.
    """
    entries = [(key, entry) for secret in secrets for key, entry in _entries(secret)]
    entries.sort(key=lambda item: item[0], reverse=True)  # stable: equal keys stay in the order of the Secrets
    return Keyring(tuple(entries))


def resolve_credentials(image: Image, secrets: Sequence[PullSecret]) -> Credentials | None:
    """Return the credentials for `image`, None for anonymous access. Raises BadCredentialSecret as `read_keyring`."""
    return read_keyring(secrets).find(image)


def matches(key: str, image: Image) -> bool:
    """Return True when a key of the configuration, reduced to host and path, is for the image."""
    authority, slash, path = key.partition("/")
    (our_host, our_port), (their_host, their_port) = _host_and_port(authority), _host_and_port(image.registry)
    our_labels, their_labels = our_host.split("."), their_host.split(".")
    return (
        our_port == their_port
        and len(our_labels) == len(their_labels)
        and f"/{image.repository}".startswith(slash + path)
        and all(map(glob_matches, our_labels, their_labels))
    )


def glob_matches(pattern: str, text: str) -> bool:
    r"""Return True when `text` fits a pattern of `*`, `?`, `[a-z]`, `[^a-z]` and `\x`; False for a malformed one."""
    if pattern.isalnum():
        return pattern == text
    try:
        return regexp.compile(_glob_to_regexp(pattern)).matches(text)
    except regexp.BadPattern:
        return False


def _glob_to_regexp(glob: str) -> str:
    out, at = ["(?s)^"], 0
    while at < len(glob):
        char = glob[at]
        closing = glob.find("]", at + 2) if char == "[" else -1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif closing > 0:
            out.append(glob[at : closing + 1].replace("[:", "[\\:"))
            at = closing
        else:
            at += char == "\\"
            out.append(f"\\x{{{ord(glob[at]):x}}}" if at < len(glob) else "(")  # a lone backslash matches nothing
        at += 1
    return "".join([*out, "$"])


def _entries(secret: PullSecret) -> Iterable[tuple[str, Credentials]]:
    if secret.type == JSON_TYPE and (data := secret.data.get(JSON_KEY)):
        config = _fields(_decode(secret, data, Json))
        auths = _object(secret, config.get("auths"))
    elif secret.type == LEGACY_TYPE and (data := secret.data.get(LEGACY_KEY)):
        auths = _decode(secret, data, Json)
    else:
        return
    for key, entry in auths.items():
        yield _normalize_key(key), _credentials(secret, _auth_config(secret, entry))


def _auth_config(secret: PullSecret, entry: object) -> AuthConfig:
    given = _fields(_object(secret, entry))
    names = [f.name for f in fields(AuthConfig)]
    values = {name: given[name] for name in names if given.get(name) is not None}
    if not all(isinstance(value, str) for value in values.values()):
        raise _unusable(secret, NOT_A_CONFIGURATION)
    return AuthConfig(**values)  # type: ignore[arg-type]  # checked above


def _fields(value: Json) -> Json:
    """Return an object with its keys in lower case: Go's decoder, which Docker uses, ignores case."""
    return {key.lower(): item for key, item in value.items()}


def _object(secret: PullSecret, value: object) -> Json:
    """Return a JSON object; null is an empty one. Raises BadCredentialSecret for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _unusable(secret, NOT_A_CONFIGURATION)
    return value


def _decode(secret: PullSecret, data: bytes, into: type[T]) -> T:
    if len(data) > MAX_BYTES:
        raise _unusable(secret, f"has more than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(data, type=into)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unusable(secret, NOT_A_CONFIGURATION) from None


def _normalize_key(key: str) -> str:
    """Return host and path of a key; the scheme and the version of the registry's API do not count."""
    address = key.removeprefix("https://").removeprefix("http://").partition("?")[0].partition("#")[0]
    authority, _, path = address.partition("/")
    if path.startswith(("v1/", "v2/")):
        path = path[3:]
    return f"{authority}/{path}" if path else authority


def _credentials(secret: PullSecret, entry: AuthConfig) -> Credentials:
    username, password = entry.username, entry.password
    if entry.auth:
        text = entry.auth.strip()
        try:
            decoded = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True).decode()
        except (binascii.Error, ValueError):
            raise _unusable(secret, "has an 'auth' that is not base64") from None
        username, colon, password = decoded.partition(":")
        if not colon:
            raise _unusable(secret, "has an 'auth' that is not base64 of username:password")
    return Credentials(username, password, entry.identitytoken, entry.registrytoken)


def _host_and_port(authority: str) -> tuple[str, str]:
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = authority, ""
    is_ipv6 = host.startswith("[") and ":" in host
    return (host[1:-1] if is_ipv6 else host), port


def _unusable(secret: PullSecret, fault: str) -> BadCredentialSecret:
    key = JSON_KEY if secret.type == JSON_TYPE else LEGACY_KEY
    return BadCredentialSecret(f"secret '{secret.name}': '{key}' {fault}")
