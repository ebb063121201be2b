"""Keys that cost too much are refused by their headers, in no time; others are let through."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.net.der import MalformedDer
from controllers.net.key_bounds import KeyRefused, check_pkcs1, check_pkcs8, check_sec1, read_encrypted_pkcs8
from controllers.net.pem import Block, MalformedPem, read_blocks, write_blocks
from controllers.net.tls import BadAuthority, BadKeyPair, TlsMaterial, ssl_context
from testing import costly_keys
from testing.certificates import create_authority
from testing.costs import costs_less_than

PAIR = create_authority("ca")
PKCS8, SEC1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
SOME_DER = read_blocks(costly_keys.pbkdf2_key(2048))[0].data


@contextmanager
def at_once() -> Iterator[None]:
    """Fail when what is inside takes longer than anything that reads headers only."""
    with costs_less_than(0.5):
        yield


@pytest.mark.parametrize(
    ("key", "message"),
    [
        pytest.param(
            costly_keys.pbkdf2_key(20_000_000),
            "'tls.key' is encrypted, and there is no field for a passphrase; store it unencrypted",
            id="pbkdf2",
        ),
        pytest.param(costly_keys.scrypt_key(1 << 17), "'tls.key' is encrypted", id="scrypt"),
        pytest.param(costly_keys.rsa_key(8200), "an RSA key of 8200 bits; use at most 8192", id="rsa"),
        pytest.param(costly_keys.rsa_key(8200, label="RSA PRIVATE KEY"), "an RSA key of 8200 bits", id="pkcs1"),
        pytest.param(costly_keys.explicit_curve_key(), "explicit curve parameters", id="explicit-curve"),
        pytest.param(costly_keys.dsa_key(4096), "of a type that is not supported", id="dsa"),
        pytest.param(costly_keys.pem("ANY PRIVATE KEY", b"x"), "of a kind that is not supported", id="label"),
        pytest.param(costly_keys.pem("PRIVATE KEY", b"\x30\x80"), "is not a private key", id="no-der"),
        pytest.param(costly_keys.pem("OPENSSH PRIVATE KEY", b"x"), "not supported", id="openssh"),
    ],
)
def test_tls_keys_that_cost_are_refused_before_openssl_reads_them(key: bytes, message: str) -> None:
    with at_once(), pytest.raises(BadKeyPair, match=message):
        ssl_context(TlsMaterial(certificate=PAIR.certificate, key=key))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PAIR.certificate + costly_keys.pbkdf2_key(20_000_000), id="behind-a-certificate"),
        pytest.param(b"junk\n" + costly_keys.pbkdf2_key(20_000_000).replace(b"\n", b"\r\n"), id="behind-junk"),
    ],
)
def test_keys_that_cost_are_refused_wherever_they_stand_in_the_text(text: bytes) -> None:
    with at_once(), pytest.raises(BadKeyPair, match="is encrypted"):
        ssl_context(TlsMaterial(certificate=PAIR.certificate, key=text))


def test_a_key_beside_the_certificate_is_not_read() -> None:
    """Only `tls.key` is where the key is looked for; OpenSSL would take the first one of the file it is given."""
    with at_once():
        ssl_context(TlsMaterial(certificate=costly_keys.pbkdf2_key() + PAIR.certificate, key=PAIR.key))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(PAIR.certificate * 257, "'ca.crt' has 257 certificates; at most 256 are allowed", id="many"),
        pytest.param(costly_keys.pem("CERTIFICATE", bytes(20 << 10)), "of more than 16 KiB", id="large"),
        pytest.param(b" " * (321 << 10), "'ca.crt' is larger than 320 KiB", id="long"),
    ],
)
def test_authorities_beyond_the_bounds_are_refused(text: bytes, message: str) -> None:
    with at_once(), pytest.raises(BadAuthority, match=message):
        ssl_context(TlsMaterial(ca=text))


def test_long_chains_are_refused() -> None:
    with at_once(), pytest.raises(BadKeyPair, match=r"'tls.crt' has 17 certificates; at most 16 are allowed"):
        ssl_context(TlsMaterial(certificate=PAIR.certificate * 17, key=PAIR.key))


def test_servers_cannot_choose_the_numbers_of_a_key_exchange() -> None:
    assert not [c["name"] for c in ssl_context(None).get_ciphers() if c["name"].startswith("DHE")]


@pytest.mark.parametrize("form", [PKCS8, SEC1], ids=["pkcs8", "traditional"])
@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)], ids=["ec", "rsa"]
)
def test_usual_keys_pass(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, form: serialization.PrivateFormat
) -> None:
    data = key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    if form is PKCS8:
        check_pkcs8(data)
    elif isinstance(key, rsa.RSAPrivateKey):
        check_pkcs1(data)
    else:
        check_sec1(data)


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()])
def test_edwards_keys_pass(key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) -> None:
    check_pkcs8(key.private_bytes(serialization.Encoding.DER, PKCS8, serialization.NoEncryption()))


def test_blocks_come_back_as_they_were() -> None:
    blocks = read_blocks(PAIR.certificate + b"between\n" + PAIR.key)
    assert [b.label for b in blocks] == ["CERTIFICATE", "PRIVATE KEY"]
    assert write_blocks(blocks) == PAIR.certificate + PAIR.key


def test_headers_of_old_are_kept() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(serialization.Encoding.PEM, SEC1, serialization.BestAvailableEncryption(b"secret"))
    (block,) = read_blocks(text)
    assert block.is_encrypted
    loaded = serialization.load_pem_private_key(write_blocks([block]), b"secret")
    assert loaded.public_key() == key.public_key()


@settings(max_examples=300, deadline=2000)
@given(st.one_of(st.binary(max_size=200), st.integers(0, len(SOME_DER) - 1).map(lambda at: SOME_DER[:at])))
def test_no_bytes_are_read_with_another_error(data: bytes) -> None:
    for check in (check_pkcs8, check_pkcs1, check_sec1, read_encrypted_pkcs8):
        with suppress(KeyRefused, MalformedDer):
            check(data)


@settings(max_examples=300, deadline=2000)
@given(st.text("-BEGINDPRVATKY \n:=abc", max_size=300).map(str.encode), st.integers(0, 400), st.binary(max_size=3))
def test_no_text_is_read_with_another_error(text: bytes, at: int, spoilt: bytes) -> None:
    for data in (text, PAIR.key[:at] + spoilt + PAIR.key[at:]):
        with suppress(MalformedPem):
            assert all(isinstance(block, Block) for block in read_blocks(data))
