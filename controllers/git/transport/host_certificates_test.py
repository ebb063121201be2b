"""Host certificates: which are accepted, and with which text the others are refused."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)

from controllers.git.errors import AuthenticationFailed
from controllers.git.transport.host_certificates import check_certificate
from controllers.git.transport.knownhosts import parse_known_hosts

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOST = ed25519.Ed25519PrivateKey.generate()
AUTHORITY, OTHER = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
ECDSA, RSA = ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)


def line(key: Private) -> str:
    """Return type and key as in `known_hosts`."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def certificate(
    *, names: tuple[str, ...] = ("git.example.com",), authority: Private = AUTHORITY, host: Private = HOST,
    kind: SSHCertificateType = SSHCertificateType.HOST, start: datetime = NOW - HOUR, end: datetime = NOW + HOUR,
    option: str = "",
) -> bytes:  # fmt: skip
    """Return a certificate as a host presents it."""
    builder = (
        SSHCertificateBuilder()
        .public_key(host.public_key())
        .serial(7)
        .type(kind)
        .key_id(b"git")
        .valid_after(int(start.timestamp()))
        .valid_before(int(end.timestamp()))
    )
    if names:
        builder = builder.valid_principals([name.encode() for name in names])
    else:
        builder = builder.valid_for_all_principals()  # type: ignore[no-untyped-call]
    if option:
        builder = builder.add_critical_option(option.encode(), b"x")
    return base64.b64decode(builder.sign(authority).public_bytes().split()[1])


GOOD = certificate()
TRUSTED = f"@cert-authority *.example.com {line(AUTHORITY)}\n"
WHOLE = f"@revoked * ssh-ed25519-cert-v01@openssh.com {base64.b64encode(GOOD).decode()}\n"


def check(blob: bytes, text: str = TRUSTED, *, host: str = "git.example.com", port: int = 22) -> None:
    check_certificate(blob, parse_known_hosts(text), host, port, now=NOW)


@pytest.mark.parametrize(
    ("blob", "text"),
    [
        pytest.param(GOOD, TRUSTED, id="ed25519"),
        pytest.param(certificate(host=RSA), TRUSTED, id="host-rsa"),
        pytest.param(certificate(host=ECDSA), TRUSTED, id="host-ecdsa"),
        pytest.param(certificate(authority=ECDSA), f"@cert-authority * {line(ECDSA)}", id="authority-ecdsa"),
        pytest.param(certificate(authority=RSA), f"@cert-authority * {line(RSA)}", id="authority-rsa-sha2"),
        pytest.param(certificate(names=("a", "git.example.com")), TRUSTED, id="one-of-several-names"),
        pytest.param(certificate(names=()), TRUSTED, id="for-all-names"),
        pytest.param(GOOD, f"@revoked * {line(OTHER)}\n{TRUSTED}", id="another-is-revoked"),
        pytest.param(GOOD, f"@revoked example.org {line(AUTHORITY)}\n{TRUSTED}", id="revoked-for-another-host"),
    ],
)
def test_accepted(blob: bytes, text: str) -> None:
    check(blob, text)


def tampered(blob: bytes) -> bytes:
    return blob.replace(b"git.example.com", b"git.example.net")


@pytest.mark.parametrize(
    ("blob", "text", "reason"),
    [
        pytest.param(GOOD, f"git.example.com {line(AUTHORITY)}",
                     "ssh: no authorities for hostname: git.example.com:22", id="key-of-a-host-is-no-authority"),
        pytest.param(GOOD, f"@cert-authority *.example.org {line(AUTHORITY)}",
                     "ssh: no authorities for hostname: git.example.com:22", id="authority-of-other-hosts"),
        pytest.param(GOOD, f"@cert-authority *,!git.example.com {line(AUTHORITY)}",
                     "ssh: no authorities for hostname: git.example.com:22", id="negated"),
        pytest.param(GOOD, f"@cert-authority * {line(OTHER)}",
                     "ssh: no authorities for hostname: git.example.com:22", id="another-authority"),
        pytest.param(GOOD, f"{TRUSTED}@revoked * {line(AUTHORITY)}", "knownhosts: key is revoked",
                     id="revoked-authority"),
        pytest.param(GOOD, f"{TRUSTED}@revoked * {line(HOST)}", "knownhosts: key is revoked", id="revoked-host-key"),
        pytest.param(GOOD, TRUSTED + WHOLE, "knownhosts: key is revoked", id="revoked-certificate"),
        pytest.param(certificate(names=("a.example.com", "b")), TRUSTED,
                     'ssh: principal "git.example.com" not in the set of valid principals for given certificate: '
                     '["a.example.com" "b"]', id="other-names"),
        pytest.param(certificate(names=("*.example.com",)), TRUSTED,
                     'ssh: principal "git.example.com" not in the set of valid principals for given certificate: '
                     '["*.example.com"]', id="no-wildcards"),
        pytest.param(certificate(kind=SSHCertificateType.USER), TRUSTED,
                     "ssh: certificate presented as a host key has type 1", id="user-certificate"),
        pytest.param(certificate(start=NOW + timedelta(seconds=1)), TRUSTED, "ssh: cert is not yet valid", id="early"),
        pytest.param(certificate(end=NOW), TRUSTED, "ssh: cert has expired", id="late"),
        pytest.param(certificate(option="force-command"), TRUSTED,
                     'ssh: unsupported critical option "force-command" in certificate', id="critical-option"),
        pytest.param(tampered(certificate(names=("git.example.com", "git.example.net"))), TRUSTED,
                     'ssh: principal "git.example.com" not in the set of valid principals for given certificate: '
                     '["git.example.net" "git.example.net"]', id="tampered-name"),
        pytest.param(GOOD[:-1] + bytes([GOOD[-1] ^ 1]), TRUSTED, "ssh: certificate signature does not verify",
                     id="signature"),
        pytest.param(GOOD.replace(b"\0\0\0\x03git", b"\0\0\0\x03got"), TRUSTED,
                     "ssh: certificate signature does not verify", id="tampered-id"),
        pytest.param(GOOD[:-9], TRUSTED, "ssh: cannot read the host's certificate: Invalid data", id="cut"),
    ],
)  # fmt: skip
def test_refused(blob: bytes, text: str, reason: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        check(blob, text)
    assert str(caught.value) == f"ssh: handshake failed: {reason}"


def test_a_signature_with_sha1_is_refused() -> None:
    blob = certificate(authority=RSA)
    signed = b"\0\0\0\x0crsa-sha2-512"
    size = RSA.key_size // 8
    start = blob.rindex(signed)
    assert len(blob) - start == len(signed) + 4 + size
    weak = b"\0\0\0\x07ssh-rsa" + blob[start + len(signed) :]
    blob = blob[: start - 4] + len(weak).to_bytes(4, "big") + weak
    with pytest.raises(AuthenticationFailed, match="signed with SHA-1; have it signed with rsa-sha2-512"):
        check(blob, f"@cert-authority * {line(RSA)}")


def test_port_belongs_to_the_pattern_and_not_to_the_principal() -> None:
    check(GOOD, f"@cert-authority [*.example.com]:2222 {line(AUTHORITY)}", port=2222)
    with pytest.raises(AuthenticationFailed, match=r"no authorities for hostname: git.example.com:2222$"):
        check(GOOD, port=2222)
