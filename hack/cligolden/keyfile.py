"""Private keys that recordings only describe: `<an ed25519 key encrypted with the passphrase x, OpenSSH format>`."""

import re
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization.ssh import SSHPrivateKeyTypes

DESCRIPTION = re.compile(
    r"<an? (?P<type>ed25519|ecdsa|rsa) key(?: encrypted with the passphrase (?P<passphrase>\S+))?, OpenSSH format>"
)
TYPES: Mapping[str, Callable[[], SSHPrivateKeyTypes]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


def content_of(description: str) -> str | None:
    """Return a new key as it is described; None when the text does not describe one."""
    found = DESCRIPTION.fullmatch(description)
    if not found:
        return None
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if found["passphrase"]:
        encryption = serialization.BestAvailableEncryption(found["passphrase"].encode())
    key = TYPES[found["type"]]()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption).decode()
