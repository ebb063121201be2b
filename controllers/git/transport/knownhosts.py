"""Host keys in OpenSSH's `known_hosts` format: which keys a host may have. Pure.

Plain, `[host]:port`, wildcard, negated and hashed patterns, `@revoked` and `@cert-authority`; certificates themselves
are checked in `host_certificates`. Checking is strict: there is no trust on first use. Texts are those of Flux.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass

from controllers.git.errors import AuthenticationFailed, BadCredentials

MARKERS = ("", "@cert-authority", "@revoked")
RSA_ALGORITHMS = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


@dataclass(frozen=True, slots=True)
class HostKey:
    """One line. patterns: of host names, as written. algorithm: the type of key. blob: the public key.

    authority: the key signs certificates of hosts and belongs to none of them.
    """

    patterns: str
    algorithm: str
    blob: bytes
    revoked: bool = False
    authority: bool = False

    def is_for(self, address: str) -> bool:
        """Return True when the line is about a host, given as `host` or `[host]:port`."""
        if self.patterns.startswith("|1|"):
            return _hashed_equal(self.patterns, address)
        matched = False
        for pattern in self.patterns.split(","):
            negated = pattern.startswith("!")
            if _matches(pattern.removeprefix("!").lower(), address):
                if negated:
                    return False
                matched = True
        return matched


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """All lines of a `known_hosts` text."""

    keys: tuple[HostKey, ...]

    def algorithms(self, host: str, port: int) -> tuple[str, ...]:
        """Return the host key algorithms to offer: those of the host's own keys, of all keys where it has none."""
        plain = [k for k in self.keys if not k.authority]
        own = [k for k in self._about(host, port) if not (k.revoked or k.authority)] or plain
        algorithms: dict[str, None] = {}
        for key in own:
            algorithms.update(dict.fromkeys(RSA_ALGORITHMS if key.algorithm == "ssh-rsa" else (key.algorithm,)))
        return tuple(algorithms)

    def has_authority(self, host: str, port: int) -> bool:
        """Return True when certificates may vouch for the host."""
        return any(k.authority for k in self._about(host, port))

    def is_authority(self, host: str, port: int, blob: bytes) -> bool:
        """Return True when this public key may sign certificates for the host."""
        return any(k.authority and hmac.compare_digest(k.blob, blob) for k in self._about(host, port))

    def is_revoked(self, host: str, port: int, blob: bytes) -> bool:
        """Return True when this public key (of a host or an authority) or this certificate must not be accepted."""
        return any(k.revoked and hmac.compare_digest(k.blob, blob) for k in self._about(host, port))

    def check(self, host: str, port: int, blob: bytes) -> None:
        """Raise AuthenticationFailed unless the host may have this public key."""
        if self.is_revoked(host, port, blob):
            raise AuthenticationFailed("ssh: handshake failed: knownhosts: key is revoked")
        own = [k for k in self._about(host, port) if not (k.revoked or k.authority)]
        if not any(hmac.compare_digest(k.blob, blob) for k in own):
            reason = "key mismatch" if own else "key is unknown"
            raise AuthenticationFailed(f"ssh: handshake failed: knownhosts: {reason}")

    def _about(self, host: str, port: int) -> list[HostKey]:
        address = normalize_host(host, port)
        return [k for k in self.keys if k.is_for(address)]


def normalize_host(host: str, port: int) -> str:
    """Return a host and port as the file writes them."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def parse_known_hosts(text: str) -> KnownHosts:
    """Parse the text of a `known_hosts` file. Raises BadCredentials, with the number of the line."""
    return KnownHosts(tuple(_parse(text)))


def _parse(text: str) -> Iterator[HostKey]:
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if marker not in MARKERS:
            raise BadCredentials(f"known_hosts, line {number}: unknown marker{_quoted(marker)}")
        try:
            patterns, algorithm, key, *_comment = fields
            blob = base64.b64decode(key, validate=True)
        except (ValueError, binascii.Error):
            raise BadCredentials(f"known_hosts, line {number}: not a host key") from None
        yield HostKey(patterns, algorithm, blob, revoked=marker == "@revoked", authority=marker == "@cert-authority")


def _quoted(marker: str) -> str:
    """Return a marker that is misspelt, in quotes; nothing for what is none at all, and may be somebody's secret."""
    return f" '{marker}'" if re.fullmatch(r"@[a-z-]{4,20}", marker) else ""


def _matches(pattern: str, address: str) -> bool:
    """Return whether an address fits a pattern, in which only `*` and `?` are special.

    Not by way of a regular expression: to compile one takes longer than all else, and a text may hold 100,000 patterns.
    """
    first, *others = pattern.split("*")
    if not others:
        return len(first) == len(address) and _begins(address, 0, first)
    *middle, last = others
    end = len(address) - len(last)
    if not (_begins(address, 0, first) and len(first) <= end and _begins(address, end, last)):
        return False
    at = len(first)
    for piece in filter(None, middle):
        found = _find(address, piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return at <= end


def _find(address: str, piece: str, at: int, end: int) -> int:
    """Return where a piece without `*` first stands between two places, -1 where it does not."""
    if "?" not in piece:
        return address.find(piece, at, end)
    return next((start for start in range(at, end - len(piece) + 1) if _begins(address, start, piece)), -1)


def _begins(address: str, at: int, piece: str) -> bool:
    """Return whether a piece without `*` stands at a place."""
    if "?" not in piece:
        return address.startswith(piece, at)
    here = address[at : at + len(piece)]
    return len(here) == len(piece) and all(sign in ("?", char) for sign, char in zip(piece, here, strict=True))


def _hashed_equal(pattern: str, address: str) -> bool:
    try:
        _, _, salt, digest = pattern.split("|")
        want = base64.b64decode(digest)
        got = hmac.new(base64.b64decode(salt), address.encode(), hashlib.sha1).digest()
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(want, got)
