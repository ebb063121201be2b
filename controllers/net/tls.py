"""TLS material of a Secret, and the context that OpenSSL makes of it."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from controllers.net.library_errors import describe


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
    """OpenSSL does not read the CA certificates."""


class BadKeyPair(ValueError):
    """OpenSSL does not read the certificate or the key, or they do not belong together."""


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
    if material:
        load(context, material)
    return context


def load(context: ssl.SSLContext, material: TlsMaterial) -> None:
    """Add the material to a context. Raises BadAuthority and BadKeyPair, whose cause is what OpenSSL says."""
    if material.ca:
        try:  # what is not ASCII can only be in comments, and the call takes nothing else
            context.load_verify_locations(cadata=material.ca.decode("ascii", "ignore"))
        except (ssl.SSLError, ValueError) as error:
            raise BadAuthority(describe(error)) from error
    if material.certificate:
        try:
            load_key_pair(context, material)
        except (ssl.SSLError, ValueError, OSError) as error:
            encrypted = b"ENCRYPTED" in material.key
            fault = "the key is encrypted; store it without a pass phrase" if encrypted else describe(error)
            raise BadKeyPair(fault) from error


def load_key_pair(context: ssl.SSLContext, material: TlsMaterial) -> None:
    """Hand certificate and key to OpenSSL, which reads files only: an anonymous one in memory, never on a disk."""
    descriptor = os.memfd_create("identity")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(material.certificate + b"\n" + material.key)
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: "")
    finally:
        os.close(descriptor)
