"""Private keys in all their forms, with and without passphrase, and those that cost too much."""

import shutil
import subprocess
import threading
import time
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.git.sshkeys import BadPrivateKey, is_encrypted, load_private_key, read_openssh_header
from controllers.net.pem import Block, read_blocks, write_blocks
from testing import costly_keys
from testing.costs import costs_less_than

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


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        pytest.param(
            costly_keys.pbkdf2_key(20_000_000),
            r"its passphrase is hashed in 20000000 rounds \(PBKDF2\), of which at most 2000000 are allowed; encrypt it "
            "anew: openssl pkcs8",
            id="pbkdf2",
        ),
        pytest.param(costly_keys.scrypt_key(1 << 20), "takes 1024 MiB in 1 passes .scrypt.", id="scrypt-memory"),
        pytest.param(costly_keys.scrypt_key(1 << 14, p=17), "takes 16 MiB in 17 passes", id="scrypt-passes"),
        pytest.param(costly_keys.openssh_key(1000), "in 1000 rounds .bcrypt., of which at most 512", id="bcrypt"),
        pytest.param(costly_keys.openssh_key(16, b"ssh-dss"), "use an ed25519, ecdsa .* or rsa key", id="openssh-dsa"),
        pytest.param(costly_keys.rsa_key(8200), "an RSA key of 8200 bits; use at most 8192", id="rsa"),
        pytest.param(costly_keys.dsa_key(4096), "use an ed25519, ecdsa .* or rsa key", id="dsa"),
        pytest.param(costly_keys.explicit_curve_key(), "explicit curve parameters", id="explicit-curve"),
        pytest.param(costly_keys.rsa_key(4096), "malformed private key", id="rsa-that-does-not-fit"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\n" * 2000, "longer than 32 KiB", id="long"),
    ],
)
def test_keys_that_cost_are_refused_at_once(identity: bytes, message: str) -> None:
    with costs_less_than(0.5), pytest.raises(BadPrivateKey, match=message):
        load_private_key(identity.decode(), "secret")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("-v2", "aes-256-cbc"), id="aes-256"),
        pytest.param(("-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512", "-iter", "5000"), id="aes-128-sha512"),
        pytest.param(("-v2", "des3", "-v2prf", "hmacWithSHA1"), id="triple-des"),
        pytest.param(("-scrypt",), id="scrypt"),
    ],
)
def test_encrypted_keys_as_openssl_writes_them(options: tuple[str, ...]) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl writes the keys")
    command = [openssl, "pkcs8", "-topk8", *options, "-passout", "pass:secret"]
    written = subprocess.run(command, input=text(PEM), capture_output=True, check=True).stdout.decode()
    loaded = load_private_key(written, "secret")
    assert loaded.public_key() == KEY.public_key()
    with pytest.raises(BadPrivateKey, match="wrong passphrase or malformed private key"):
        load_private_key(written, "another")


def test_an_outdated_scheme_is_refused_with_what_to_do() -> None:
    outdated = bytes.fromhex("301b300d06092a864886f70d0105030500040a") + bytes(10)
    with pytest.raises(BadPrivateKey, match="encrypted by an outdated scheme; encrypt it anew: openssl pkcs8"):
        load_private_key(costly_keys.pem("ENCRYPTED PRIVATE KEY", outdated).decode(), "secret")


def test_other_threads_go_on_while_a_passphrase_is_hashed() -> None:
    """A key within the bounds takes a second: of its own thread, not of the process."""
    done, longest, began = threading.Event(), 0.0, time.monotonic()
    last = began

    def load() -> None:
        with suppress(BadPrivateKey):
            load_private_key(costly_keys.pbkdf2_key(1_000_000).decode(), "secret")
        done.set()

    threading.Thread(target=load).start()
    while not done.wait(0.001):
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    assert longest < (last - began) / 2


def test_rsa_keys_of_all_forms_are_loaded_without_a_search_for_primes() -> None:
    key = rsa.generate_private_key(65537, 3072)
    for form in (PEM, OPENSSH, TRADITIONAL):
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
        with costs_less_than(0.05):
            assert load_private_key(pem, "").public_key() == key.public_key()


@settings(max_examples=200, deadline=2000)
@given(st.integers(0, 600), st.binary(max_size=4), st.sampled_from([PEM, OPENSSH]))
def test_spoilt_keys_are_refused_with_one_error(at: int, spoilt: bytes, form: serialization.PrivateFormat) -> None:
    whole = text(form)
    with suppress(BadPrivateKey):
        load_private_key((whole[:at] + spoilt + whole[at + len(spoilt) :]).decode("ascii", "replace"), "")


@settings(max_examples=300, deadline=2000)
@given(st.binary(max_size=200))
def test_headers_of_openssh_are_read_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        read_openssh_header(b"openssh-key-v1\0" + data)


def test_a_curve_point_in_a_form_that_the_library_does_not_read_is_refused_in_our_words() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    (block,) = read_blocks(key)
    at = block.data.index(b"\x00\x00\x00\x41\x04") + 4
    compressed = write_blocks([Block(block.label, block.data[:at] + b"\x02" + block.data[at + 1 :])])
    with pytest.raises(BadPrivateKey, match=r"^malformed private key$"):
        load_private_key(compressed.decode(), "")


def test_a_library_that_panics_over_a_key_ends_nothing_but_the_reading_of_it() -> None:
    head = "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0011223344556677\n\n"
    key = costly_keys.pem("RSA PRIVATE KEY", bytes(64)).decode().replace("KEY-----\n", head, 1)
    with pytest.raises(BadPrivateKey, match=r"^wrong passphrase or malformed private key$"):
        load_private_key(key, "x")
