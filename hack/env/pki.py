"""Certificates of the local environment: one authority, server certificates for loopback, a signing key."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

LIFETIME = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority that lives as long as its environment."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        """Return the certificate that clients are given to trust."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        name: str,
        folder: Path,
        hosts: tuple[str, ...] = ("localhost",),
        *,
        addresses: tuple[str, ...] = (),
        organization: str = "",
    ) -> tuple[Path, Path]:
        """Write `<name>.crt` and `<name>.key` for a server on loopback; return their paths.

        addresses: others at which it listens, too. organization: for a client of Kubernetes, its group.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
        names += [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "10.96.0.1", *addresses)]
        certificate = (
            _builder(name, self.certificate.subject, key.public_key(), organization=organization)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        crt, pem = folder / f"{name}.crt", folder / f"{name}.key"
        crt.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_secret(pem, private_pem(key))
        return crt, pem


def new_authority(name: str) -> Authority:
    """Return a fresh self-signed authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _builder(name, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def signing_key(path: Path) -> Path:
    """Write the RSA key with which the API server signs ServiceAccount tokens."""
    write_secret(path, private_pem(rsa.generate_private_key(65537, 2048)))
    return path


def private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """Return the PKCS#1/SEC1 form without a passphrase, which the Kubernetes programs read."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(content)


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, organization: str = ""
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )
