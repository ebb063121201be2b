"""Keys and certificates that were spoilt: what reads them refuses them in its own words, or takes them, and soon.

    python -m hack.fuzz.keys --seconds 60 --seed 1

Starts from keys of all forms that are read: PKCS#1, PKCS#8, SEC 1 and OpenSSH, with and without passphrase, OpenPGP,
and pairs of TLS. They are spoilt in their text or in what it encodes. Stops at the first one that raises anything else
or takes too long, prints it and the seed, exit status 1.
"""

import base64
import random
import re
import sys
import time
import traceback
from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from controllers.git.errors import BadSigningKey
from controllers.git.signing.openpgp import openpgp_signer
from controllers.git.sshkeys import BadPrivateKey, load_private_key
from controllers.registry.access import tls_from_secret
from controllers.registry.errors import BadCredentialSecret
from hack.fuzz._spoil import ANY, spoil
from hack.fuzz._tally import Tally, run_target
from testing import costly_keys
from testing.certificates import create_authority

MAX_SECONDS = 10.0
"""The bounds of passphrases leave one to five seconds, on a machine with nothing else to do."""
PASSPHRASE = b"x"
DER = (
    *(
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x02\x01\x00",
        b"\x02\x00",
        b"\x06\x00",
        b"\x04\x82\xff\xff",
        b"\x05\x00",
    ),
    *(b"\x1f\xff\xff", b"\xa0\x00", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x30\x03" * 500),
    *(b"ssh-rsa", b"bcrypt", b"none", b"aes256-ctr", b"\xc5\xff\xff\xff\xff\xff", b"\x95\x03", b"\xfd\x09\x04"),
)
PIECES = (
    *ANY,
    *DER,
    b"-----BEGIN PRIVATE KEY-----",
    b"-----BEGIN A-----\n" * 2000,
    b"Proc-Type: 4,ENCRYPTED\n",
    b"DEK-Info: DES-EDE3-CBC,00\n",
)
BODY = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----(.*?)-----END ", re.DOTALL)
OURS = (BadPrivateKey, BadCredentialSecret, BadSigningKey)
AUTHORITY = create_authority("client")


def sound_keys() -> list[bytes]:
    """Return keys of all forms."""
    pkcs8, old, openssh = (
        getattr(serialization.PrivateFormat, name) for name in ("PKCS8", "TraditionalOpenSSL", "OpenSSH")
    )
    plain, usual = serialization.NoEncryption(), serialization.BestAvailableEncryption(PASSPHRASE)
    cheap = openssh.encryption_builder().kdf_rounds(1).build(PASSPHRASE)
    forms = [(pkcs8, plain), (pkcs8, usual), (openssh, plain), (openssh, cheap), (old, plain), (old, usual)]
    keys: list[rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
    ]
    found = [key.private_bytes(serialization.Encoding.PEM, form, lock) for key in keys for form, lock in forms]
    edwards = ed25519.Ed25519PrivateKey.generate()
    found += [edwards.private_bytes(serialization.Encoding.PEM, form, lock) for form, lock in forms[:4]]
    return [*found, costly_keys.pbkdf2_key(1000), costly_keys.scrypt_key(1 << 10)]


def spoil_key(rng: random.Random, text: bytes) -> bytes:
    """Spoil what the first block of a text encodes, or the text itself."""
    block = BODY.search(text)
    if block is None or rng.random() < 0.25:
        return spoil(rng, text, PIECES)
    data = spoil(rng, base64.b64decode(block[1].rpartition(b"\n\n")[2]), PIECES)
    return text[: block.start(1)] + b"\n" + base64.encodebytes(data) + text[block.end(1) :]


def read_ssh(key: bytes) -> None:
    load_private_key(key.decode("utf-8", "replace"), PASSPHRASE.decode())


def read_tls(key: bytes) -> None:
    tls_from_secret("ns/name", {"tls.crt": AUTHORITY.certificate, "tls.key": key})


def read_certificate(certificate: bytes) -> None:
    tls_from_secret("ns/name", {"ca.crt": certificate, "tls.crt": certificate, "tls.key": AUTHORITY.key})


def read_openpgp(key: bytes) -> None:
    openpgp_signer(key, PASSPHRASE.decode(), secret_name="name")


def targets() -> list[tuple[Callable[[bytes], None], list[bytes]]]:
    """Return what reads keys, and what it reads."""
    keys = sound_keys()
    pgp = [costly_keys.openpgp_key(), costly_keys.openpgp_key(argon2=(1, 1, 10))]
    return [(read_ssh, keys), (read_tls, [AUTHORITY.key, *keys]), (read_certificate, [AUTHORITY.certificate]),
            (read_openpgp, pgp)]  # fmt: skip


def run(seconds: float, seed: int, *, cases: int | None = None) -> int:
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    readers, tally, end = targets(), Tally("keys", seed), time.monotonic() + seconds
    while time.monotonic() < end and (cases is None or tally.tried < cases):
        read, sound = readers[tally.tried % len(readers)]
        key = spoil_key(rng, rng.choice(sound))
        began = time.monotonic()
        try:
            with tally.case():
                read(key)
        except OURS:
            tally.failed += 1
        except Exception:
            print(f"seed {seed}, key {tally.tried}, {read.__name__}:\n{traceback.format_exc()}\n{key!r}")
            return 1
        if (took := time.monotonic() - began) > MAX_SECONDS:
            print(f"seed {seed}, key {tally.tried}, {read.__name__}: took {took:.1f} s\n{key!r}")
            return 1
    tally.report("a refusal")
    return 0


def main(arguments: list[str]) -> int:
    return run_target("keys", run, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
