"""Credentials out of a Secret's data: keys and error texts are those of Flux's GitRepository. Pure.

A Secret may hold more than its URL's scheme needs; only the keys of that scheme are read. Reading Secrets, and the
tokens of cloud providers, are the caller's.
"""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import urlsplit

from controllers.git.errors import BadCredentials
from controllers.git.remote import Basic, Bearer, Credentials, SshKey
from controllers.net.proxy.address import BadProxy, Proxy
from controllers.net.tls import TlsMaterial, read_tls

OPENSSH_BEGIN, OPENSSH_END = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"
OPENSSH_MAGIC = b"openssh-key-v1\0"


def credentials_from_secret(url: str, data: Mapping[str, bytes], *, secret_name: str) -> Credentials | None:
    """What a Secret offers for a URL; None when it offers nothing, so that user-info of the URL counts.

    secret_name: `<namespace>/<name>`, for messages. Raises BadCredentials.
    """
    parts = urlsplit(url)
    if parts.scheme == "ssh":
        return _ssh_key(data, secret_name)
    if token := _text(data, "bearerToken").strip():  # user name and password of the Secret are then not looked at
        if parts.username or parts.password:
            raise BadCredentials("basic auth and bearer token cannot be set at the same time")
        return Bearer(token)
    username, password = _text(data, "username"), _text(data, "password")
    if password and not username:
        raise BadCredentials(f"invalid '{parts.scheme}' auth option: 'password' requires 'username' to be set")
    return Basic(username, password) if username else None


def _ssh_key(data: Mapping[str, bytes], secret_name: str) -> SshKey:
    identity, known_hosts = _text(data, "identity"), _text(data, "known_hosts")
    for key, value in (("identity", identity), ("known_hosts", known_hosts)):
        if not value:
            raise BadCredentials(f"invalid 'ssh' auth option: '{key}' is required")
    passphrase = _text(data, "password")
    if not passphrase and is_encrypted(identity):
        raise BadCredentials(
            f"SSH identity key is encrypted but no 'password' field was provided in the secret '{secret_name}'"
        )
    return SshKey(identity, known_hosts, passphrase)


def tls_from_secret(data: Mapping[str, bytes]) -> TlsMaterial:
    """TLS material for http(s): `ca.crt` (or `caFile`), `tls.crt` with `tls.key` (or `certFile`, `keyFile`)."""
    material = read_tls(data)
    if bool(material.certificate) != bool(material.key):
        raise BadCredentials("invalid TLS data: 'tls.crt' and 'tls.key' must both be set, or neither")
    return material


def proxy_from_secret(data: Mapping[str, bytes], *, secret_name: str) -> Proxy:
    """The proxy of a proxy Secret: `address`, `username`, `password`. Raises BadCredentials."""
    address = _text(data, "address").strip()
    if not address:
        raise BadCredentials(f"invalid proxy secret '{secret_name}': key 'address' is missing")
    try:
        return Proxy(address, _text(data, "username"), _text(data, "password"))
    except BadProxy as e:
        raise BadCredentials(f"invalid proxy secret '{secret_name}': {e}") from None


def is_encrypted(private_key: str) -> bool:
    """True when a PEM or OpenSSH private key needs a passphrase."""
    if OPENSSH_BEGIN not in private_key:
        return "BEGIN ENCRYPTED PRIVATE KEY" in private_key or "Proc-Type: 4,ENCRYPTED" in private_key
    body = private_key.partition(OPENSSH_BEGIN)[2].partition(OPENSSH_END)[0]
    try:
        raw = base64.b64decode(body)
    except (binascii.Error, ValueError):
        return False  # not a key at all; whoever reads it will say so
    cipher = raw.removeprefix(OPENSSH_MAGIC)
    length = int.from_bytes(cipher[:4], "big")
    return raw.startswith(OPENSSH_MAGIC) and cipher[4 : 4 + length] != b"none"


def _text(data: Mapping[str, bytes], key: str) -> str:
    return data.get(key, b"").decode("utf-8", "replace")
