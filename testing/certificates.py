"""Certificates and their keys, good until long after the tests."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
VALID_UNTIL = datetime(2099, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes

    def server_context(self) -> ssl.SSLContext:
        """Return what a server needs to present itself with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with NamedTemporaryFile() as file:
            file.write(self.certificate + self.key)
            file.flush()
            context.load_cert_chain(file.name)
        return context


def create_authority(name: str) -> KeyPair:
    """Return a certificate that signed itself: of an authority, or of a server or client with that host name."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(name, issuer=_name(name), key=key, alternative=x509.DNSName(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _sign(builder, key, by=key)


def issue_server_key_pair(issuer: KeyPair, address: str) -> KeyPair:
    """Return a certificate for an IP address, signed by `issuer`; good for servers and clients."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = serialization.load_pem_private_key(issuer.key, password=None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    issuer_name = x509.load_pem_x509_certificate(issuer.certificate).subject
    alternative = x509.IPAddress(ipaddress.ip_address(address))
    return _sign(_builder(address, issuer=issuer_name, key=key, alternative=alternative), key, by=issuer_key)


def _builder(
    name: str, *, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, alternative: x509.GeneralName
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _sign(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, *, by: ec.EllipticCurvePrivateKey
) -> KeyPair:
    return KeyPair(
        builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
