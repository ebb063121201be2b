"""Pull secrets: which of the credentials in Docker's configuration files are for an image.

Kubernetes' rules for image pull secrets, as go-containerregistry applies them for Flux: keys may have globs in the
labels of the host, and a path; the most specific key wins. A Secret of another type contributes nothing. Docker Hub has
several names, and a key with one of them is for the others, too, as in kubelet. Pure.
Format: https://kubernetes.io/docs/concepts/containers/images/#config-json.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TypeVar

import msgspec

from controllers.golang import regexp
from controllers.image.reference import Image
from controllers.net.credential import UnfitCredential, fit_text, fit_token
from controllers.net.foreign_text import sanitize
from controllers.net.redaction import login_secrets
from controllers.registry.errors import BadCredentialSecret

JSON_TYPE, JSON_KEY = "kubernetes.io/dockerconfigjson", ".dockerconfigjson"
LEGACY_TYPE, LEGACY_KEY = "kubernetes.io/dockercfg", ".dockercfg"
MAX_BYTES = 1 << 20
"""Of all Secrets of an object together, which is what Kubernetes lets one be."""
MAX_ENTRIES = 1000
"""Of all Secrets of an object together: a glob costs up to 0.1 ms."""
MAX_KEY_CHARS = 1024
"""A host's name has 253 at most, and the path of an image 255."""
INLINE_KEY_CHARS = 4096
"""Of all keys together: these are compared in a few milliseconds, whatever globs there are."""
KEYS = {JSON_TYPE: JSON_KEY, LEGACY_TYPE: LEGACY_KEY}
"""Where the configuration is, by the Secret's type."""
NOT_A_CONFIGURATION = "is not a Docker configuration in JSON"
DOCKER_HUB = ("index.docker.io", "docker.io", "registry-1.docker.io")
"""What people call Docker Hub; the first is its name in canonical image references."""
MAX_LISTED_KEYS = 10
_GLOB = re.compile(r"[*?\[\\]")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to a registry. Never shown: repr has the user name only."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """Given to the token service for an access token (OAuth2 refresh token)."""
    registry_token: str = field(default="", repr=False)
    """An access token already; sent as it is."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show; may have empty ones."""
        return (*login_secrets(self.username, self.password), self.identity_token, self.registry_token)


@dataclass(frozen=True, slots=True)
class PullSecret:
    type: str
    """Of the Secret: `kubernetes.io/dockerconfigjson`, `kubernetes.io/dockercfg`, or one that contributes nothing."""
    data: Mapping[str, bytes] = field(repr=False)
    name: str = ""
    """`namespace/name`, for error texts."""
    source: str = "secret"
    """What `name` is the name of."""

    @property
    def title(self) -> str:
        """What a message calls it."""
        return f"{self.source} '{self.name}'"


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """One entry of the file; what it leaves out or has as null is empty."""

    auth: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    identitytoken: str = field(default="", repr=False)
    registrytoken: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class KeyringEntry:
    """One entry of one Secret, with the key that it is for, reduced to host and path."""

    key: str
    credentials: Credentials
    place: str = field(default="", compare=False)
    """The Secret and its key, for error texts. Not of the identity: others may have the same in theirs."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """All credentials of an object's pull secrets, each for the images that its key matches."""

    entries: tuple[KeyringEntry, ...] = ()
    """By key, the most specific one first."""
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def find(self, image: Image) -> Credentials | None:
        """Return the credentials for `image`, None for anonymous access.

        Raises BadCredentialSecret, with the name of the Secret, for credentials that cannot be sent.
        """
        entry = self._entry(image)
        return _fit(entry, entry.place) if entry else None

    def find_elsewhere(self, image: Image) -> Credentials | None:
        """Do as `find` for an image to which a registry has led; those who share its answer have other Secrets.

        So the error names none of them.
        """
        entry = self._entry(image)
        return _fit(entry, "pull secrets") if entry else None

    @property
    def is_short(self) -> bool:
        """Return whether an event loop may wait while credentials are looked for."""
        return sum(len(entry.key) for entry in self.entries) <= INLINE_KEY_CHARS

    def __hash__(self) -> int:
        # Asked for with each request, and of many entries.
        if self._hash is None:
            object.__setattr__(self, "_hash", hash(self.entries))
        assert self._hash is not None
        return self._hash

    def _entry(self, image: Image) -> KeyringEntry | None:
        return next((entry for name in _names_of(image) for entry in self.entries if matches(entry.key, name)), None)


Json = dict[str, object]
T = TypeVar("T")


def read_keyring(secrets: Sequence[PullSecret]) -> Keyring:
    """Return the credentials of pull secrets.

    Longer keys win over shorter ones, and among equal keys the first Secret's. Raises BadCredentialSecret when any of
    the Secrets cannot be read, also when another one would match: which one is wrong must not depend on the image; and
    beyond MAX_BYTES, MAX_ENTRIES or MAX_KEY_CHARS. A tenth of a second at most: for a thread if they are not small.
    """
    check_size(secrets)
    entries: list[KeyringEntry] = []
    for secret in secrets:
        entries += _entries(secret, MAX_ENTRIES - len(entries))
    entries.sort(key=lambda entry: entry.key, reverse=True)  # stable: equal keys stay in the order of the Secrets
    return Keyring(tuple(entries))


def check_size(secrets: Iterable[PullSecret]) -> int:
    """Return how many bytes of configuration there are. Raises BadCredentialSecret for too many."""
    size = 0
    for secret in secrets:
        before, size = size, size + len(_configuration(secret))
        if size > MAX_BYTES:
            raise _too_large(secret, f"{MAX_BYTES} bytes", alone=not before)
    return size


def resolve_credentials(image: Image, secrets: Sequence[PullSecret]) -> Credentials | None:
    """Return the credentials for `image`, None for anonymous access.

    Raises BadCredentialSecret as `read_keyring` and `Keyring.find` do.
    """
    return read_keyring(secrets).find(image)


def explain_no_match(image: Image, secrets: Sequence[PullSecret]) -> str:
    """Return what the Secrets have in place of credentials for `image`: their keys, never a value. "" without any.

    Raises BadCredentialSecret.
    """
    if not secrets:
        return ""
    return f"no credentials for '{image.registry}' in " + ", ".join(_describe_keys(secret) for secret in secrets)


def _names_of(image: Image) -> list[Image]:
    """Return the image as it is, then under the other names of its registry."""
    others = [name for name in DOCKER_HUB if name != image.registry] if image.registry in DOCKER_HUB else []
    return [image, *(Image(name, image.repository) for name in others)]


def _describe_keys(secret: PullSecret) -> str:
    if secret.type not in KEYS:
        return f"{secret.title} (type '{sanitize(secret.type)}'; want '{JSON_TYPE}')"
    keys = {entry.key.rpartition("@")[2]: entry.credentials for entry in _entries(secret, MAX_ENTRIES)}
    names = [
        f"'{sanitize(key)}'{'' if keys[key] != Credentials() else ' without a login'}"
        for key in sorted(keys)[:MAX_LISTED_KEYS]
    ]
    if more := len(keys) - len(names):
        names.append(f"{more} more")
    return f"{secret.title} (it has {', '.join(names) or 'no entries'})"


def _fit(entry: KeyringEntry, place: str) -> Credentials | None:
    """Return credentials as they can be sent, None for an entry without any. Raises BadCredentialSecret."""
    given = entry.credentials
    if given == Credentials():
        return None
    where = f"{place}: '{sanitize(entry.key.rpartition('@')[2])}':"
    try:
        return Credentials(
            fit_text(given.username, f"{where} the user name"),
            fit_text(given.password, f"{where} the password"),
            fit_token(given.identity_token, f"{where} 'identitytoken'"),
            fit_token(given.registry_token, f"{where} 'registrytoken'"),
        )
    except UnfitCredential as error:
        raise BadCredentialSecret(str(error)) from None


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
    if not _GLOB.search(pattern):
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


def _configuration(secret: PullSecret) -> bytes:
    """Return Docker's configuration, empty where there is none."""
    return secret.data.get(KEYS.get(secret.type, ""), b"")


def _entries(secret: PullSecret, limit: int) -> Iterable[KeyringEntry]:
    data = _configuration(secret)
    if not data:
        return
    config = _decode(secret, data, Json)
    auths = config if secret.type == LEGACY_TYPE else _object(secret, _fields(config).get("auths"))
    if len(auths) > limit:
        raise _too_large(secret, f"{MAX_ENTRIES} entries", alone=limit == MAX_ENTRIES)
    for key, entry in auths.items():
        if len(key) > MAX_KEY_CHARS:
            raise _unusable(secret, f"has a host of more than {MAX_KEY_CHARS} characters")
        yield KeyringEntry(_normalize_key(key), _credentials(secret, _auth_config(secret, entry)), _place(secret))


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
    try:
        return msgspec.json.decode(data, type=into)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unusable(secret, NOT_A_CONFIGURATION) from None


def _normalize_key(key: str) -> str:
    """Return host and path of a key; the scheme and the version of the registry's API do not count."""
    address = key.strip().removeprefix("https://").removeprefix("http://").partition("?")[0].partition("#")[0]
    authority, _, path = address.partition("/")
    if path.startswith(("v1/", "v2/")) or path in {"v1", "v2"}:
        path = path[3:]
    return f"{authority}/{path}" if path else authority


def _credentials(secret: PullSecret, entry: AuthConfig) -> Credentials:
    username, password = entry.username, entry.password
    if entry.auth:
        text = "".join(entry.auth.split()).rstrip("=")  # `base64` without -w0 breaks lines
        try:
            decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
        except (binascii.Error, ValueError):
            raise _unusable(secret, "has an 'auth' that is not base64") from None
        username, colon, password = decoded.partition(":")
        if not colon:
            raise _unusable(secret, "has an 'auth' that is not base64 of username:password")
        password = password.strip("\0")  # as Docker does
    return Credentials(username, password, entry.identitytoken, entry.registrytoken)


def _host_and_port(authority: str) -> tuple[str, str]:
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = authority, ""
    is_ipv6 = host.startswith("[") and ":" in host
    return (host[1:-1] if is_ipv6 else host), port


def _place(secret: PullSecret) -> str:
    return f"{secret.title}: '{KEYS[secret.type]}'"


def _too_large(secret: PullSecret, bound: str, *, alone: bool) -> BadCredentialSecret:
    return _unusable(secret, f"has{'' if alone else ', with the pull secrets before it,'} more than {bound}")


def _unusable(secret: PullSecret, fault: str) -> BadCredentialSecret:
    return BadCredentialSecret(f"{_place(secret)} {fault}")
