"""Private keys that need a passphrase are recognised in all their forms."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from controllers.git.sshkeys import is_encrypted

KEY = ed25519.Ed25519PrivateKey.generate()
PEM, OPENSSH = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.OpenSSH
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL


def text(kind: serialization.PrivateFormat, passphrase: bytes = b"") -> bytes:
    cipher = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    key = ec.generate_private_key(ec.SECP256R1()) if kind is TRADITIONAL else KEY
    return key.private_bytes(serialization.Encoding.PEM, kind, cipher)


@pytest.mark.parametrize("kind", [PEM, OPENSSH, TRADITIONAL], ids=["pkcs8", "openssh", "pem"])
def test_encrypted_keys_are_recognised(kind: serialization.PrivateFormat) -> None:
    assert not is_encrypted(text(kind).decode())
    assert is_encrypted(text(kind, b"secret").decode())


@pytest.mark.parametrize("noise", ["", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"])
def test_a_text_that_is_not_a_key_is_not_encrypted(noise: str) -> None:
    assert not is_encrypted(noise)
