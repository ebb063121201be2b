"""OpenPGP keys that cost too much are refused by their packets, and whatever else is let through to the library."""

from contextlib import suppress

import pysequoia
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.git.errors import BadSigningKey
from controllers.git.signing.openpgp_bounds import check_openpgp, split_keys
from controllers.git.signing.signers import OpenPgpKey, Signers
from controllers.net.key_bounds import KeyRefused
from testing import costly_keys
from testing.costs import costs_less_than


@pytest.mark.parametrize(
    ("key", "message"),
    [
        pytest.param(
            costly_keys.openpgp_key(argon2=(1, 1, 21)),
            "takes 2048 MiB in 1 passes .Argon2., of which at most 64 MiB in 4 passes are allowed; set the passphrase",
            id="argon2-memory",
        ),
        pytest.param(costly_keys.openpgp_key(argon2=(255, 1, 16)), "in 255 passes", id="argon2-passes"),
        pytest.param(costly_keys.openpgp_key(bits=16384), "a key of 16384 bits; use at most 8192", id="rsa"),
        pytest.param(costly_keys.openpgp_key(packets=513), "more than 512 packets|larger than 256 KiB", id="packets"),
        pytest.param(b"x" * (257 << 10), "larger than 256 KiB", id="large"),
    ],
)
def test_keys_that_cost_are_refused_at_once(key: bytes, message: str) -> None:
    with costs_less_than(1):
        with pytest.raises(BadSigningKey, match=message) as caught:
            Signers().signer(OpenPgpKey(key, "secret", "signing"))
        assert "secret 'signing' ('git.asc')" in str(caught.value)


def test_beginnings_without_an_end_are_no_key_and_that_is_seen_at_once() -> None:
    with costs_less_than(1), pytest.raises(BadSigningKey, match="it is not an OpenPGP private key"):
        Signers().signer(OpenPgpKey(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n" * 6800, "", "signing"))


def test_usual_keys_pass() -> None:
    check_openpgp(costly_keys.openpgp_key())
    check_openpgp(costly_keys.openpgp_key(argon2=(3, 4, 16)))


@settings(max_examples=400, deadline=2000)
@given(st.binary(max_size=120), st.sampled_from([b"", b"\xc5\x40", b"\x95\x00\x40\x04", b"\xc7\x60\x06"]))
def test_any_bytes_are_refused_or_let_through(data: bytes, head: bytes) -> None:
    with suppress(KeyRefused):
        check_openpgp(head + data)


def test_the_keys_of_a_file_are_told_apart() -> None:
    keys = [bytes(pysequoia.Tsk.generate(f"{name} <a@example.com>")) for name in "ab"]
    armoured = "".join(pysequoia.armor(key, pysequoia.ArmorKind.SecretKey) for key in keys).encode()
    for ring in (b"".join(keys), armoured):
        found = [pysequoia.Cert.from_bytes(one).fingerprint for one in split_keys(ring)]
        assert found == [pysequoia.Cert.from_bytes(key).fingerprint for key in keys]
    assert split_keys(b"") == split_keys(b"nonsense") == []
