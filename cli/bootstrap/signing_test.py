from pathlib import Path
from typing import Any

import pysequoia
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from cli.bootstrap.signing import signer_of
from cli.grammar.session import Failed
from testing.bootstrap_flags import wishes


def openpgp(*names: str) -> list[tuple[str, bytes]]:
    """Return fingerprints and binary private keys."""
    made = [bytes(pysequoia.Tsk.generate(f"{name} <{name}@example.com>")) for name in names]
    return [(str(pysequoia.Cert.from_bytes(one).fingerprint), one) for one in made]


def sign(tmp_path: Path, ring: bytes, **given: Any) -> bytes:
    (tmp_path / "ring").write_bytes(ring)
    signer = signer_of(wishes(gpg_key_ring=str(tmp_path / "ring"), **given).commits)
    assert signer
    return signer.sign(b"tree")


def signed_by(signature: bytes, key: bytes) -> bool:
    def store(_: object) -> list[pysequoia.Cert]:
        return [pysequoia.Cert.from_bytes(key)]

    try:
        pysequoia.verify(bytes=b"tree", store=store, signature=pysequoia.Sig.from_bytes(signature))
    except RuntimeError:
        return False
    return True


def test_the_only_key_of_a_file_signs_binary_or_armoured(tmp_path: Path) -> None:
    ((_, key),) = openpgp("one")
    armoured = pysequoia.armor(key, pysequoia.ArmorKind.SecretKey).encode()
    for ring in (key, armoured):
        assert signed_by(sign(tmp_path, ring), key)


def test_one_of_several_is_chosen_by_the_end_of_its_fingerprint(tmp_path: Path) -> None:
    (one, first), (two, second) = openpgp("one", "two")
    ring = first + second
    assert signed_by(sign(tmp_path, ring, gpg_key_id=f"0x{two[-16:].upper()}"), second)
    assert not signed_by(sign(tmp_path, ring, gpg_key_id=one[-16:]), second)
    with pytest.raises(Failed, match=f"choose with --gpg-key-id, of {one}, {two}"):
        sign(tmp_path, ring)
    with pytest.raises(Failed, match=r"--gpg-key-ring: .* has no private key ABCD \(--gpg-key-id\), only "):
        sign(tmp_path, ring, gpg_key_id="ABCD")


@pytest.mark.parametrize("ring", [b"", b"nonsense", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n", b"\x99\xff"])
def test_what_has_no_key_is_refused(ring: bytes, tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"--gpg-key-ring: .*is not a file with OpenPGP private keys"):
        sign(tmp_path, ring)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(Failed, match="--gpg-key-ring: cannot read /nowhere"):
        signer_of(wishes(gpg_key_ring="/nowhere").commits)


def test_a_passphrase_that_is_wrong_is_told_and_not_shown(tmp_path: Path) -> None:
    lock = BestAvailableEncryption(b"sesame")
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, lock)
    (tmp_path / "key").write_bytes(key)
    asked = {"ssh_signing_key_file": str(tmp_path / "key")}
    signer = signer_of(wishes(**asked, ssh_signing_password="sesame").commits)
    assert signer
    assert signer.sign(b"tree").startswith(b"-----BEGIN SSH SIGNATURE-----")
    with pytest.raises(Failed, match=r"--ssh-signing-key-file: .*--ssh-signing-password") as caught:
        signer_of(wishes(**asked, ssh_signing_password="geheim").commits)
    assert "geheim" not in str(caught.value)


def test_nothing_signs_unless_asked_to() -> None:
    assert signer_of(wishes().commits) is None
