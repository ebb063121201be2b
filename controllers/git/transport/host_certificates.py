"""Host certificates: hosts that an authority of `known_hosts` vouches for (OpenSSH PROTOCOL.certkeys). Pure.

The checks are those of Go's x/crypto/ssh, in its words. Besides, the signature must not use SHA-1, as in OpenSSH since
8.2. Names of principals are compared as they are, without wildcards. Critical options are meant for users; we
understand none, so a host certificate that has one is not accepted.
"""

import base64
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    SSHCertPublicKeyTypes,
    load_ssh_public_identity,
)

from controllers.git.errors import AuthenticationFailed
from controllers.git.transport.knownhosts import KnownHosts
from controllers.net.foreign_text import sanitize

SUFFIX = "-cert-v01@openssh.com"
KEY_TYPES = tuple(
    key + SUFFIX
    for key in (
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    )
)
"""Host key algorithms that ask a server for its certificate."""
FOREVER = (1 << 64) - 1
SHA1_SIGNATURE = b"\0\0\0\x07ssh-rsa"


class _CertificateRejected(Exception):
    """The certificate does not prove who the host is; the message says why."""


def check_certificate(blob: bytes, known_hosts: KnownHosts, host: str, port: int, *, now: datetime) -> None:
    """Raise AuthenticationFailed unless an authority of `known_hosts` vouches for the host by this certificate.

    blob: as the host presents it. Whether the host has the private key is not checked here.
    """
    try:
        certificate = _parse(blob)
        _check_authority(certificate, blob, known_hosts, host, port)
        _check_holder(certificate, host)
        _check_period(certificate, now)
        _check_signature(certificate, blob)
    except _CertificateRejected as e:
        raise AuthenticationFailed(f"ssh: handshake failed: {e}") from None


def _parse(blob: bytes) -> SSHCertificate:
    name_length = int.from_bytes(blob[:4], "big")
    line = blob[4 : 4 + name_length] + b" " + base64.b64encode(blob)
    try:
        certificate = load_ssh_public_identity(line)
    except (ValueError, UnsupportedAlgorithm) as e:
        fault = "unsupported algorithm" if isinstance(e, UnsupportedAlgorithm) else "Invalid data"
        raise _CertificateRejected(f"ssh: cannot read the host's certificate: {fault}") from None
    if not isinstance(certificate, SSHCertificate):
        raise _CertificateRejected("ssh: the host presents a key in place of a certificate")
    if certificate.type is not SSHCertificateType.HOST:
        raise _CertificateRejected(f"ssh: certificate presented as a host key has type {certificate.type.value}")
    return certificate


def _check_authority(certificate: SSHCertificate, blob: bytes, known_hosts: KnownHosts, host: str, port: int) -> None:
    authority = _blob(certificate.signature_key())
    for presented in (blob, _blob(certificate.public_key()), authority):
        if known_hosts.is_revoked(host, port, presented):
            raise _CertificateRejected("knownhosts: key is revoked")
    if not known_hosts.is_authority(host, port, authority):
        raise _CertificateRejected(f"ssh: no authorities for hostname: {host}:{port}")


def _check_holder(certificate: SSHCertificate, host: str) -> None:
    for option in sorted(certificate.critical_options):
        raise _CertificateRejected(f'ssh: unsupported critical option "{sanitize(option)}" in certificate')
    names = certificate.valid_principals
    if names and host.lower().encode() not in names:  # without any, the certificate is for all hosts
        quoted = " ".join(f'"{sanitize(name)}"' for name in names)
        raise _CertificateRejected(
            f'ssh: principal "{host}" not in the set of valid principals for given certificate: [{sanitize(quoted)}]'
        )


def _check_period(certificate: SSHCertificate, now: datetime) -> None:
    seconds = int(now.timestamp())
    if seconds < certificate.valid_after:
        raise _CertificateRejected("ssh: cert is not yet valid")
    if certificate.valid_before != FOREVER and seconds >= certificate.valid_before:
        raise _CertificateRejected("ssh: cert has expired")


def _check_signature(certificate: SSHCertificate, blob: bytes) -> None:
    key = certificate.signature_key()
    if isinstance(key, rsa.RSAPublicKey):
        size = key.key_size // 8
        if blob[:-size].endswith(SHA1_SIGNATURE + size.to_bytes(4, "big")):
            raise _CertificateRejected("ssh: certificate is signed with SHA-1; have it signed with rsa-sha2-512")
    try:
        certificate.verify_cert_signature()
    except (InvalidSignature, ValueError):
        raise _CertificateRejected("ssh: certificate signature does not verify") from None


def _blob(key: SSHCertPublicKeyTypes) -> bytes:
    return base64.b64decode(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])
