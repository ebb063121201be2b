"""TLS material of a Secret, and the context that OpenSSL makes of it.

OpenSSL is given only what was checked: blocks of PEM written anew, of kinds and sizes that cost little to load and to
use. Loading takes up to some tens of milliseconds all the same: do it in a thread.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from controllers.net.der import MalformedDer
from controllers.net.key_bounds import KeyRefused, check_pkcs1, check_pkcs8, check_sec1
from controllers.net.library_errors import describe
from controllers.net.pem import Block, MalformedPem, read_blocks, write_blocks

MAX_AUTHORITIES = 256
"""As many as a distribution's own list has, and more; each takes some kilobytes in every connection pool."""
MAX_AUTHORITY_BYTES = 320 << 10
MAX_CHAIN = 16
MAX_CERTIFICATE_BYTES = 16 << 10
CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
CIPHERS = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"
"""Python's own, but without DHE: there the server chooses the numbers, and 10,000 bits of them take seconds.

Go does not offer it either.
"""
KEY_CHECKS: Mapping[str, Callable[[bytes], object]] = {
    "PRIVATE KEY": check_pkcs8,
    "RSA PRIVATE KEY": check_pkcs1,
    "EC PRIVATE KEY": check_sec1,
}


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """PEM texts; empty where the Secret has none. Hashable, since connections are pooled by it."""

    ca: bytes = b""
    """Trusted in addition to the system's authorities."""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)

    def without_key_pair(self) -> "TlsMaterial":
        """Return the same trust without the client's certificate: for hosts the certificate is not meant for."""
        return replace(self, certificate=b"", key=b"")


class BadAuthority(ValueError):
    """OpenSSL does not read the CA certificates, or they are beyond our bounds."""


class BadKeyPair(ValueError):
    """OpenSSL does not read the certificate or the key, they do not belong together, or are beyond our bounds."""


def read_tls(data: Mapping[str, bytes]) -> TlsMaterial:
    """Return what a Secret has in `ca.crt`, `tls.crt` and `tls.key`, or in `caFile`, `certFile` and `keyFile`.

    The latter three are deprecated names. Nothing is checked; see `load`.
    """
    return TlsMaterial(
        ca=data.get("ca.crt") or data.get("caFile") or b"",
        certificate=data.get("tls.crt") or data.get("certFile") or b"",
        key=data.get("tls.key") or data.get("keyFile") or b"",
    )


def ssl_context(material: TlsMaterial | None) -> ssl.SSLContext:
    """Return a context that verifies servers against the system's authorities and the material's; about 20 ms.

    Raises BadAuthority and BadKeyPair.
    """
    context = ssl.create_default_context()
    context.set_ciphers(CIPHERS)
    if material:
        load(context, material)
    return context


def load(context: ssl.SSLContext, material: TlsMaterial) -> None:
    """Add the material to a context. Raises BadAuthority and BadKeyPair.

    Their cause is what OpenSSL says, or a KeyRefused, which says which bound is exceeded and what to do.
    """
    if material.ca:
        try:
            if len(material.ca) > MAX_AUTHORITY_BYTES:
                raise KeyRefused(
                    f"'ca.crt' is larger than {MAX_AUTHORITY_BYTES >> 10} KiB; leave out what is not needed"
                )
            authorities = _certificates("ca.crt", material.ca, at_most=MAX_AUTHORITIES)
            context.load_verify_locations(cadata=write_blocks(authorities).decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            raise BadAuthority(describe(error)) from error
    if material.certificate:
        try:
            chain = _certificates("tls.crt", material.certificate, at_most=MAX_CHAIN)
            load_key_pair(context, write_blocks([*chain, *_key(material.key)]))
        except (ssl.SSLError, ValueError, OSError) as error:
            raise BadKeyPair(describe(error)) from error


def _certificates(name: str, text: bytes, *, at_most: int) -> list[Block]:
    found = [block for block in read_blocks(text) if block.label in CERTIFICATE_LABELS]
    if len(found) > at_most:
        raise KeyRefused(f"'{name}' has {len(found)} certificates; at most {at_most} are allowed")
    if any(len(block.data) > MAX_CERTIFICATE_BYTES for block in found):
        raise KeyRefused(f"'{name}' has a certificate of more than {MAX_CERTIFICATE_BYTES >> 10} KiB")
    return found


def _key(text: bytes) -> list[Block]:
    """Return the first key of a text, checked. Raises KeyRefused, MalformedPem."""
    for block in read_blocks(text):
        if not block.is_private_key:
            continue
        if block.is_encrypted:
            raise KeyRefused("'tls.key' is encrypted, and there is no field for a passphrase; store it unencrypted")
        check = KEY_CHECKS.get(block.label)
        if check is None:
            raise KeyRefused(f"'tls.key' is of a kind that is not supported ({block.label}); use PKCS#8")
        try:
            check(block.data)
        except KeyRefused as error:
            raise KeyRefused(f"'tls.key' is {error}") from None
        except MalformedDer:
            raise MalformedPem("'tls.key' is not a private key") from None
        return [block]
    return []


def load_key_pair(context: ssl.SSLContext, pem: bytes) -> None:
    """Hand certificates and key to OpenSSL, which reads files only: an anonymous one in memory, never on a disk."""
    descriptor = os.memfd_create("identity")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(pem)
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: "")
    finally:
        os.close(descriptor)
