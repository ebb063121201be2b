"""Whether a key belongs to a certificate, in the words of Go's `tls.X509KeyPair`, which users know."""

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from controllers.net.key_bounds import KeyRefused
from controllers.net.library_errors import UNREADABLE, catching_panics
from controllers.net.pem import Block, MalformedPem, read_blocks, write_blocks
from controllers.net.tls import KEY_CHECKS

_CERTIFICATE: Final = "CERTIFICATE"
_NO_KEY: Final = "tls: failed to parse private key"


class BadKeyPair(ValueError):
    """Certificate and key do not belong together, or are none."""


def check_key_pair(certificate: str, key: str) -> None:
    """Raise BadKeyPair unless the first key of a PEM text is that of the first certificate of another."""
    certified = _certificate(certificate).public_key()
    private = _private_key(key)
    if type(private.public_key()) is not type(certified):
        raise BadKeyPair("tls: private key type does not match public key type")
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != certified.public_bytes(*form):
        raise BadKeyPair("tls: private key does not match public key")


def _certificate(text: str) -> x509.Certificate:
    blocks = _blocks(text)
    if not blocks:
        raise BadKeyPair("tls: failed to find any PEM data in certificate input")
    certificates = [block for block in blocks if block.label == _CERTIFICATE]
    if not certificates and len(blocks) == 1 and blocks[0].is_private_key:
        raise BadKeyPair(
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs "
            "may have been switched"
        )
    if not certificates:
        labels = " ".join(block.label for block in blocks)
        raise BadKeyPair(
            'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the '
            f"following types: [{labels}]"
        )
    try:
        with catching_panics():
            return x509.load_der_x509_certificate(certificates[0].data)
    except (*UNREADABLE, UnsupportedAlgorithm):
        raise BadKeyPair("x509: malformed certificate") from None


def _private_key(text: str) -> PrivateKeyTypes:
    blocks = _blocks(text)
    if not blocks:
        raise BadKeyPair("tls: failed to find any PEM data in key input")
    keys = [block for block in blocks if block.is_private_key]
    if not keys and [block.label for block in blocks] == [_CERTIFICATE]:
        raise BadKeyPair("tls: found a certificate rather than a key in the PEM for the private key")
    if not keys:
        labels = " ".join(block.label for block in blocks)
        raise BadKeyPair(
            'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of '
            f"the following types: [{labels}]"
        )
    try:
        check = KEY_CHECKS.get(keys[0].label)
        if check is None or keys[0].is_encrypted:
            raise BadKeyPair(_NO_KEY)
        check(keys[0].data)
        with catching_panics():
            return load_pem_private_key(write_blocks(keys[:1]), None, unsafe_skip_rsa_key_validation=True)
    except KeyRefused as error:
        raise BadKeyPair(f"{_NO_KEY}: it is {error}") from None
    except (*UNREADABLE, UnsupportedAlgorithm):
        raise BadKeyPair(_NO_KEY) from None


def _blocks(text: str) -> list[Block]:
    try:
        return read_blocks(text.encode())
    except MalformedPem:
        return []
